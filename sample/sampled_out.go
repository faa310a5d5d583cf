package sample

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Missing is the error of reading a trace that is not there, and says why. It is a store.ErrNotFound.
type Missing struct {
	// Decision is what was decided about the trace; nil if it never came as far, or that is forgotten.
	Decision *Decision
	// Retention is how long spans are kept; 0 is for ever.
	Retention time.Duration
	// Remember is how long decisions are known, if any are made; 0 is for ever.
	Remember time.Duration
}

func (e *Missing) Error() string {
	switch d := e.Decision; {
	case d == nil:
		text := store.ErrNotFound.Error() + ": none of its spans has arrived"
		if e.Retention > 0 {
			text += ", or that was longer ago than the retention of " + days(e.Retention)
		}
		if e.Remember > 0 && (e.Retention == 0 || e.Remember < e.Retention) {
			text += ", or it was sampled out more than " + days(e.Remember) + " ago, which is forgotten"
		}
		return text
	case e.SampledOut():
		return fmt.Sprintf("%v: it was sampled out at %s: %s", store.ErrNotFound, d.At.UTC().Format(time.RFC3339), d.Reason())
	default:
		return fmt.Sprintf("%v: it was kept at %s (%s), and its retention of %s is over", store.ErrNotFound, d.At.UTC().Format(time.RFC3339), d.Reason(), days(e.Retention))
	}
}

func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

func (e *Missing) Unwrap() error { return store.ErrNotFound }

// SampledOut reports whether the trace was taken out, rather than never sent or expired.
func (e *Missing) SampledOut() bool {
	return e.Decision != nil && !e.Decision.Kept && !e.Decision.DryRun
}

// Reason says which policy decided, and what share of such traces it keeps.
func (d *Decision) Reason() string {
	switch share := d.KeepRate(); {
	case d.Policy == "":
		return "no policy keeps such traces"
	case share <= 0:
		return fmt.Sprintf("policy %q keeps no such traces", d.Policy)
	case share >= 1:
		return fmt.Sprintf("policy %q keeps all such traces", d.Policy)
	default:
		return fmt.Sprintf("policy %q keeps %s%% of such traces", d.Policy, strconv.FormatFloat(100*share, 'g', 3, 64))
	}
}

// Outcome says what was decided about a trace, when and why; in a dry run what would have been.
func (d *Decision) Outcome() string {
	text := "sampled out"
	if d.Kept {
		text = "kept"
	}
	if d.DryRun {
		text = "would have been " + text
	}
	text = fmt.Sprintf("%s at %s: %s", text, d.At.UTC().Format(time.RFC3339), d.Reason())
	if d.DryRun {
		text += " (a dry run: all stay)"
	}
	return text
}

// Decided tells what was decided about a trace, as Decisions.Of does.
type Decided func(tenant string, id span.TraceID) (Decision, bool)

// WithReasons returns a reader that says, of a trace that is not there, why. decided may be nil; it
// knows decisions for the time remember, 0 for ever.
func WithReasons(r store.Reader, retention time.Duration, decided Decided, remember time.Duration) store.Reader {
	if decided == nil {
		remember = 0
	}
	return reasons{r, retention, decided, remember}
}

type reasons struct {
	store.Reader
	retention time.Duration
	decided   Decided
	remember  time.Duration
}

func (r reasons) Trace(ctx context.Context, tenant string, id span.TraceID, hint store.TimeRange) (*store.Trace, error) {
	trace, err := r.Reader.Trace(ctx, tenant, id, hint)
	if !errors.Is(err, store.ErrNotFound) {
		return trace, err
	}
	missing := &Missing{Retention: r.retention, Remember: r.remember}
	if r.decided != nil {
		if d, ok := r.decided(tenant, id); ok {
			missing.Decision = &d
		}
	}
	return trace, missing
}
