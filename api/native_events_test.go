package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/store"
)

// reporting is a store whose looks report progress a number of times before they begin.
type reporting struct {
	*faulty
	times int
	then  error
}

func (r *reporting) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	for i := range r.times {
		q.Progress(store.Progress{Done: uint64(i), Total: 9})
	}
	if r.then != nil {
		return nil, r.then
	}
	return r.faulty.Scan(ctx, tenant, q, yield)
}

// hurried is a configuration whose clock moves on by a second each time that somebody looks.
func hurried() Config {
	cfg := testConfig()
	now := recordedAt
	cfg.Now = func() time.Time { now = now.Add(time.Second); return now }
	return cfg
}

type event struct{ name, data string }

func eventsOf(t *testing.T, body string) (list []event) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(body))
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			list = append(list, e)
			e = event{}
		default:
			t.Fatalf("line %q", lines.Text())
		}
	}
	return list
}

func names(list []event) (names []string) {
	for _, e := range list {
		names = append(names, e.name)
	}
	return names
}

// TestEvents checks that an answer as events ends with what it would be without them.
func TestEvents(t *testing.T) {
	r := &reporting{faulty: &faulty{Reader: filled(t, recorded(t)...)}, times: 3}
	for _, path := range []string{"search?q=%7B%7D", "search?mode=spans", "series?start=0&instant=true&q=" + url.QueryEscape("{} | rate() by (name)")} {
		plain := string(getOK(t, NewNative(testConfig(), r.faulty), "/api/clew/v1/"+path))
		w := get(t, NewNative(hurried(), r), "/api/clew/v1/"+path, "Accept", "text/event-stream", "Accept-Encoding", "gzip")
		if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "text/event-stream" || w.Header().Get("Content-Encoding") != "" || !w.Flushed {
			t.Fatalf("%s: status %d, %s, flushed %v: %s", path, w.Code, kind, w.Flushed, w.Body)
		}
		list := eventsOf(t, w.Body.String())
		first, last := list[0], list[len(list)-1]
		if first.name != "progress" || last.name != "result" || slices.Contains(names(list[:len(list)-1]), "result") {
			t.Errorf("%s: events %q", path, names(list))
		}
		if partial := slices.Contains(names(list), "partial"); !partial {
			t.Errorf("%s: events %q", path, names(list))
		}
		if strings.HasPrefix(path, "series") { // its range ends now, which moves on
			continue
		}
		if last.data+"\n" != plain {
			t.Errorf("%s: the result is\n%s\nwithout events it is\n%s", path, last.data, plain)
		}
		var p Progress
		if err := json.Unmarshal([]byte(first.data), &p); err != nil || p.Total != 9 {
			t.Errorf("%s: progress %s: %v", path, first.data, err)
		}
	}
}

// TestEventsAreSeldom checks that progress does not flood the client.
func TestEventsAreSeldom(t *testing.T) {
	r := &reporting{faulty: &faulty{Reader: filled(t, recorded(t)...)}, times: 100}
	w := get(t, NewNative(testConfig(), r), "/api/clew/v1/search", "Accept", "text/event-stream") // whose clock stands still
	if got := names(eventsOf(t, w.Body.String())); !slices.Equal(got, []string{"progress", "result"}) {
		t.Errorf("events %q", got)
	}
}

func TestEventsWithErrors(t *testing.T) {
	filled := &faulty{Reader: filled(t, recorded(t)...)}
	for _, test := range []struct {
		path  string
		r     *reporting
		code  int
		names []string
		want  string
	}{
		{"search?q=%7B", &reporting{faulty: filled}, 400, nil, `"line":1`}, // before the first event
		{"search", &reporting{faulty: filled, then: store.ErrTooLarge}, 422, nil, "more memory"},
		{"search", &reporting{faulty: filled, times: 1, then: store.ErrTooLarge}, 200, []string{"progress", "error"}, `{"error":{"code":422,"message":"query needs more memory`},
		{"search", &reporting{faulty: filled, times: 1, then: errors.New("disk on fire")}, 200, []string{"progress", "error"}, `{"error":{"code":500,"message":"`},
		{"search", &reporting{faulty: filled, times: 1, then: context.DeadlineExceeded}, 200, []string{"progress", "error"}, "narrow the query"},
	} {
		w := get(t, NewNative(testConfig(), test.r), "/api/clew/v1/"+test.path, "Accept", "text/event-stream")
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if test.names != nil && !slices.Equal(names(eventsOf(t, w.Body.String())), test.names) {
			t.Errorf("events %s", w.Body)
		}
	}
}

// TestEventsAreSentAtOnce checks over a real connection that a client sees progress while the query runs, and that
// the query ends when the client goes.
func TestEventsAreSentAtOnce(t *testing.T) {
	ended := make(chan struct{})
	r := &faulty{Reader: filled(t, recorded(t)...), onChunks: func(ctx context.Context) error {
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}}
	server := httptest.NewServer(NewNative(testConfig(), &early{r}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/clew/v1/search", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "event: progress\n" {
		t.Errorf("read %q: %v", line, err)
	}
	cancel()
	<-ended
}

// early reports progress once and then does what its reader does.
type early struct{ *faulty }

func (e *early) Scan(ctx context.Context, tenant string, q *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	q.Progress(store.Progress{Total: 1})
	return e.faulty.Scan(ctx, tenant, q, yield)
}
