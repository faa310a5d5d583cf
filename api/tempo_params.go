package api

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// tempoRange reads start and end, which may both be missing.
func (p params) tempoRange() (store.TimeRange, error) {
	start, _, err := p.tempoTime("start")
	if err != nil {
		return store.TimeRange{}, err
	}
	end, hasEnd, err := p.tempoTime("end")
	if err != nil {
		return store.TimeRange{}, err
	}
	if hasEnd && end != 0 && end <= start {
		return store.TimeRange{}, startNotBeforeEnd(start, end)
	}
	return store.TimeRange{Start: start, End: end}, nil
}

func startNotBeforeEnd(start, end uint64) error {
	return badRequest("http parameter start must be before end. received start=%s end=%s", instantText(start), instantText(end))
}

func tooLong(start, end uint64, most time.Duration) error {
	return badRequest("range specified by start and end exceeds %v. received start=%s end=%s", most, instantText(start), instantText(end))
}

func instantText(ns uint64) string {
	return strconv.FormatFloat(float64(ns)/float64(time.Second), 'f', -1, 64)
}

// tempoTime reads a time: seconds since 1970, maybe with a fraction; nanoseconds,
// if there are more than ten digits; or a time in RFC 3339. ok is false if there is none.
func (p params) tempoTime(name string) (ns uint64, ok bool, err error) {
	text := p.Get(name)
	if text == "" {
		return 0, false, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil && inRange(t) {
		return uint64(t.UnixNano()), true, nil
	}
	whole, fraction, isFraction := strings.Cut(text, ".")
	seconds, err := strconv.ParseUint(whole, 10, 64)
	if err == nil && !isFraction && len(whole) > 10 {
		return seconds, true, nil
	}
	if isFraction { // digits rather than a float, which would round to some 100 ns
		ns, _ = strconv.ParseUint((fraction + "000000000")[:9], 10, 64)
	}
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return 0, false, badParam(name, fmt.Errorf("%q is neither seconds or nanoseconds since 1970 nor a time as in 2026-01-31T12:00:00Z", text))
	}
	if seconds > (math.MaxUint64-ns)/uint64(time.Second) {
		return 0, false, badParam(name, fmt.Errorf("%s lies too far in the future", text))
	}
	return seconds*uint64(time.Second) + ns, true, nil
}

// inRange reports whether a time can be told in nanoseconds since 1970.
func inRange(t time.Time) bool { return t.Unix() >= 0 && t.Unix() < math.MaxInt64/int64(time.Second) }

// timeSpan reads a duration as TraceQL writes it (1.5s, 1d12h) or a number of
// seconds; ok is false if there is none.
func (p params) timeSpan(name string) (d time.Duration, ok bool, err error) {
	text := p.Get(name)
	if text == "" {
		return 0, false, nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(math.Abs(seconds) < math.MaxInt64/float64(time.Second)) { // NaN too
			return 0, false, badParam(name, fmt.Errorf("%s seconds are too long", text))
		}
		return time.Duration(math.Round(seconds * float64(time.Second))), true, nil
	}
	if d, err = traceql.ParseDuration(text); err != nil {
		return 0, false, badParam(name, err)
	}
	return d, true, nil
}

// positive reads a number from 1 to most, if most is not 0.
func (p params) positive(name string, absent, most int) (int, error) {
	text := p.Get(name)
	if text == "" {
		if most > 0 {
			absent = min(absent, most)
		}
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, badRequest("invalid %s: %q is not a number", name, text)
	case n <= 0:
		return 0, badRequest("invalid %s: must be a positive number", name)
	case most > 0 && n > most:
		return 0, badRequest("invalid %s: %d exceeds the limit of %d", name, n, most)
	}
	return n, nil
}
