package store

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

func TestCursorRoundTrip(t *testing.T) {
	ids := []span.TraceID{{}, {15: 1}, {0: 0xff, 15: 0xff}, {7: 0xab, 8: 0xcd}}
	for _, start := range []uint64{0, 1, 1 << 62, 1 << 63, math.MaxUint64} {
		for _, id := range ids {
			c := MakeCursor(start, id)
			gotStart, gotID, ok, err := c.Parse()
			if gotStart != start || gotID != id || !ok || err != nil {
				t.Errorf("%s parses to %d, %s, %v, %v, want %d, %s", c, gotStart, gotID, ok, err, start, id)
			}
		}
	}
	if _, _, ok, err := Cursor("").Parse(); ok || err != nil {
		t.Errorf("the empty cursor parses to %v, %v", ok, err)
	}
}

func TestInvalidCursors(t *testing.T) {
	good := string(MakeCursor(1, span.TraceID{1}))
	for _, c := range []string{
		"x", good[1:], good + "0", "g" + good[1:], good[:47] + " ", good[:46] + "é", "-" + good[1:], "\x00" + good[1:],
	} {
		if _, _, ok, err := Cursor(c).Parse(); ok || !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: ok = %v, err = %v, want ErrCursor", c, ok, err)
		}
	}
}

func TestNewerIsTheOrderOfAScan(t *testing.T) {
	type trace struct {
		start uint64
		id    span.TraceID
	}
	scan := []trace{
		{math.MaxUint64, span.TraceID{}}, {1 << 63, span.TraceID{}},
		{5, span.TraceID{0xff}}, {5, span.TraceID{0x7f, 1}}, {5, span.TraceID{0x7f}}, {5, span.TraceID{15: 1}},
		{4, span.TraceID{0xff}}, {0, span.TraceID{}},
	}
	for i, a := range scan {
		for j, b := range scan {
			if got := Newer(a.start, a.id, b.start, b.id); got != (i < j) {
				t.Errorf("Newer(%v, %v) = %v", a, b, got)
			}
		}
	}
}

func TestTimeRange(t *testing.T) {
	const end = math.MaxUint64
	for _, c := range []struct {
		r       TimeRange
		in, out []uint64
	}{
		{TimeRange{}, []uint64{0, 1, end}, nil},
		{TimeRange{Start: 5}, []uint64{5, end}, []uint64{0, 4}},
		{TimeRange{End: 5}, []uint64{0, 4}, []uint64{5, end}},
		{TimeRange{Start: 5, End: 6}, []uint64{5}, []uint64{4, 6}},
		{TimeRange{Start: 5, End: 5}, nil, []uint64{4, 5, 6}},
		{TimeRange{Start: 6, End: 5}, nil, []uint64{4, 5, 6}},
	} {
		for _, at := range c.in {
			if !c.r.Contains(at) || !c.r.Overlaps(at, at) {
				t.Errorf("%v does not contain %d", c.r, at)
			}
		}
		for _, at := range c.out {
			if c.r.Contains(at) || c.r.Overlaps(at, at) {
				t.Errorf("%v contains %d", c.r, at)
			}
		}
	}
	r := TimeRange{Start: 10, End: 20}
	for _, c := range []struct {
		lo, hi uint64
		want   bool
	}{{0, 9, false}, {0, 10, true}, {12, 13, true}, {0, end, true}, {19, end, true}, {20, end, false}} {
		if got := r.Overlaps(c.lo, c.hi); got != c.want {
			t.Errorf("%v overlaps [%d, %d] = %v", r, c.lo, c.hi, got)
		}
	}
}

func TestRetryErrorKeepsItsReason(t *testing.T) {
	reason := errors.New("disk full")
	var err error = &RetryError{After: 3 * time.Second, Overload: true, Reason: reason}
	var retry *RetryError
	if !errors.As(err, &retry) || retry.RetryAfter() != 3*time.Second || !retry.Overloaded() {
		t.Errorf("%#v lost its fields", err)
	}
	if !errors.Is(err, reason) || err.Error() != reason.Error() {
		t.Errorf("%v does not wrap its reason", err)
	}
}

func TestScopesSortAsAttributeKeysDo(t *testing.T) {
	var names []string
	for s := AnyScope; s <= IntrinsicScope; s++ {
		names = append(names, s.String())
	}
	want := []string{"", "span", "resource", "instrumentation", "event", "link", "intrinsic"}
	if !slices.Equal(names, want) {
		t.Errorf("scopes = %q, want %q", names, want)
	}
}
