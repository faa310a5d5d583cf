package doctor

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Asker asks a server's own API: it reads the answer to a path below /api/clew/v1 into result.
type Asker func(ctx context.Context, path string, query url.Values, result any) error

// clockTries is how often the server is asked for its time; the fastest answer says most.
const clockTries = 5

// Clock compares the clock here with that of the server. An error is that of asking.
func Clock(ctx context.Context, ask Asker, host string, now func() time.Time) (Finding, error) {
	var offset, bound time.Duration
	for i := range clockTries {
		var s Status
		sent := now()
		if err := ask(ctx, "status", nil, &s); err != nil {
			return Finding{}, err
		}
		took := now().Sub(sent)
		if half := took / 2; i == 0 || half < bound {
			// The server looked at its clock at some time within the round trip.
			offset, bound = sent.Add(half).Sub(instant(s.Time)), half
		}
	}
	f := Finding{
		ID: "clock-server", Check: CheckClock, Result: OK, Title: "The clocks here and at the server agree",
		Evidence: []string{fmt.Sprintf("the clock of %s is %s from the server's, give or take %s", host, signedExact(offset), rough(max(bound, time.Millisecond)))},
	}
	if offset.Abs()-bound > tolerated {
		f.Result, f.Title = Warning, fmt.Sprintf("The clock of %s is off by %s against the server's", host, signed(offset))
		f.Cause = "One of them is not synchronised. Spans that are made here lie at another time than they should: in lists, charts and against those of other hosts."
		f.Fix = "synchronise both (`timedatectl status`, `chronyc tracking`)"
		if offset.Abs()-bound > time.Second {
			f.Result = Problem
		}
	}
	return f, nil
}

func signedExact(d time.Duration) string {
	if d.Abs() < time.Millisecond {
		return "less than 1ms"
	}
	return signed(d)
}
