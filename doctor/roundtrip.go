package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
)

// foundTimeout is how long a test trace may take until it is found.
const foundTimeout = 5 * time.Second

// RoundTrips sends a span to each listener that takes spans, and to each topic of Kafka that is read, and looks for it by
// its id and by search. They are of the service clew-doctor. The tenant is "" for the server's default; what comes by UDP
// is always of that.
func RoundTrips(ctx context.Context, ask Asker, server *Status, base *url.URL, tenant string) (list []Finding) {
	var off []string
	for _, s := range senders {
		l := server.Listener(s.listener)
		switch {
		case l.Address == "":
			off = append(off, s.name)
		case isElsewhere(l, base):
			list = append(list, Finding{ID: "round-trip-skipped", Check: CheckRoundTrip, Result: Skipped, Title: s.name + " was not tried", Evidence: []string{"the server takes it on " + l.Address + " alone"}})
		case l.Network == "udp" && tenant != "":
			list = append(list, Finding{ID: "round-trip-skipped", Check: CheckRoundTrip, Result: Skipped, Title: s.name + " was not tried", Evidence: []string{"what comes by UDP is of the default tenant, not of " + tenant}})
		default:
			list = append(list, roundTrip(ctx, ask, s, Reached(l, base), tenant))
		}
	}
	if k := server.Kafka; k != nil && k.Password {
		list = append(list, Finding{ID: "round-trip-skipped", Check: CheckRoundTrip, Result: Skipped, Title: "Kafka was not tried",
			Evidence: []string{"its brokers ask for a password, which the server does not tell; what is read from it is said under receiving"}})
	} else if k != nil {
		for _, topic := range k.Topics {
			list = append(list, roundTrip(ctx, ask, kafkaSender(k, topic), strings.Join(k.Brokers, ", "), tenant))
		}
	}
	if len(off) > 0 {
		list = append(list, Finding{ID: "round-trip-off", Check: CheckRoundTrip, Result: Skipped, Title: "Protocols whose ports are off: " + strings.Join(off, ", ")})
	}
	return list
}

// testSpan is what is sent.
type testSpan struct {
	trace span.TraceID
	id    span.SpanID
	start time.Time
}

const testSpanTook = time.Millisecond

// testAttribute has the trace id of a test span as its value, so that a search finds it alone.
const testAttribute = "clew.doctor.trace"

func roundTrip(ctx context.Context, ask Asker, s sender, address, tenant string) Finding {
	var t testSpan
	rand.Read(t.trace[:])
	rand.Read(t.id[:])
	t.start = time.Now().Add(-testSpanTook)
	f := Finding{ID: "round-trip", Check: CheckRoundTrip, Result: Problem, Services: []string{Service}, Traces: []string{t.trace.String()}}
	within, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	began := time.Now()
	if err := s.send(within, address, tenant, &t); err != nil {
		f.ID, f.Title = "round-trip-refused", fmt.Sprintf("A test span could not be sent by %s to %s", s.name, address)
		f.Evidence = []string{plainError(err)}
		f.Cause, f.Fix = "The address cannot be reached from here, something else listens there, or the server refuses spans.", "look at the findings about endpoints and receiving, and into the server's log"
		return f
	}
	sent := time.Since(began)
	byID, err := await(ctx, began, func(ctx context.Context) (bool, error) {
		err := ask(ctx, "traces/"+t.trace.String(), nil, new(struct{}))
		return err == nil, err
	})
	if err == nil {
		var bySearch time.Duration
		bySearch, err = await(ctx, began, func(ctx context.Context) (bool, error) {
			var answer struct{ Traces []struct{} }
			q := fmt.Sprintf(`{ resource.service.name = %q && span.%s = %q }`, Service, testAttribute, t.trace)
			err := ask(ctx, "search", url.Values{"q": {q}}, &answer)
			return len(answer.Traces) == 1, err
		})
		f.Evidence = []string{fmt.Sprintf("sent in %s, found by its id after %s and by search after %s", rough(max(sent, time.Millisecond)), rough(max(byID, time.Millisecond)), rough(max(bySearch, time.Millisecond)))}
	}
	if err != nil {
		f.ID, f.Title = "round-trip-lost", fmt.Sprintf("A test span that was sent by %s to %s was not found in %s", s.name, address, rough(foundTimeout))
		f.Evidence = append(f.Evidence[:0], "the last answer: "+plainError(err))
		f.Cause, f.Fix = "It is sampled at the tail, stored under another tenant or by another server, dropped from a full queue (UDP tells nobody), behind others in Kafka, or the clocks differ by more than an hour.", "look at the findings about receiving and clocks, and into the server's log"
		return f
	}
	f.Result, f.Title = OK, fmt.Sprintf("%s makes the round to %s", s.name, address)
	return f
}

// await calls look until it says true, and returns how long that took from a time on.
func await(ctx context.Context, from time.Time, look func(context.Context) (bool, error)) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, foundTimeout)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		found, err := look(ctx)
		if found {
			return time.Since(from), nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("it is not among the results")
			}
			return 0, err
		case <-time.After(pause):
		}
	}
}
