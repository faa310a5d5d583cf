package doctor

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	for _, c := range []struct {
		ahead  time.Duration // of the clock here
		result Result
		title  string
	}{
		{0, OK, "agree"},
		{300 * time.Millisecond, Warning, "The clock of web-1 is off by +300ms"},
		{-5 * time.Second, Problem, "The clock of web-1 is off by -5s"},
	} {
		at, trip := now, 40*time.Millisecond
		ask := func(_ context.Context, _ string, _ url.Values, result any) error {
			trip /= 2 // the last answer is the fastest, and says most
			at = at.Add(trip)
			result.(*Status).Time = uint64(at.UnixNano())
			at = at.Add(trip)
			return nil
		}
		f, err := Clock(t.Context(), ask, "web-1", func() time.Time { return at.Add(c.ahead) })
		if err != nil || f.Result != c.result || !strings.Contains(f.Title, c.title) {
			t.Errorf("%v: %+v, %v", c.ahead, f, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Clock(t.Context(), func(context.Context, string, url.Values, any) error { return broken }, "", time.Now); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestRoundTripsThatAreOff(t *testing.T) {
	list := RoundTrips(t.Context(), nil, &Status{Kafka: &Kafka{Topics: []string{"spans"}, Group: "clew", Password: true}}, &url.URL{}, "")
	found := map[string]Finding{}
	for _, f := range list {
		found[f.ID] = f
	}
	says(t, found, "round-trip-off", Skipped, "OTLP/gRPC", "Zipkin v1")
	says(t, found, "round-trip-skipped", Skipped, "ask for a password")
}

func TestReached(t *testing.T) {
	base := &url.URL{Scheme: "http", Host: "clew.example:16686"}
	for address, want := range map[string]string{"[::]:4317": "clew.example:4317", "0.0.0.0:4317": "clew.example:4317", "10.0.0.1:4317": "10.0.0.1:4317"} {
		if got := Reached(Listener{Address: address}, base); got != want {
			t.Errorf("%s is reached at %s, want %s", address, got, want)
		}
	}
	remote := &Status{Listeners: []Listener{{Name: "otlp-grpc", Network: "tcp", Address: "127.0.0.1:4317"}}}
	list := Listeners(t.Context(), remote, base)
	if f := list[len(list)-1]; f.ID != "listener-loopback" || f.Result != Warning || !strings.Contains(f.Fix, "--listen.otlp-grpc=0.0.0.0:PORT") {
		t.Errorf("%+v", f)
	}
	for _, f := range RoundTrips(t.Context(), nil, remote, base, "") {
		if f.Result != Skipped {
			t.Errorf("%+v", f)
		}
	}
}

func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-5 * time.Second: "-5s", 1500 * time.Millisecond: "1.5s", 250 * time.Millisecond: "250ms", 10 * time.Minute: "10m", 90 * time.Second: "1m30s",
		3 * time.Hour: "3h", 26*time.Hour + 5*time.Minute: "26h5m", 240 * time.Hour: "10 days",
	} {
		if got := rough(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
