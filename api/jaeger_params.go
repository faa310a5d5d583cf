package api

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/store"
)

// jaegerTime reads a number of units since 1970, as Jaeger does, or a time in
// RFC 3339, and returns nanoseconds; ok is false if there is none.
func (p params) jaegerTime(name string, unit time.Duration) (ns uint64, ok bool, err error) {
	text := p.Get(name)
	if text == "" {
		return 0, false, nil
	}
	if _, notANumber := strconv.ParseInt(text, 10, 64); notANumber == nil || errors.Is(notANumber, strconv.ErrRange) {
		return p.unix(name, unit)
	}
	ns, err = parseRFC3339(text)
	if err != nil {
		return 0, false, badParam(name, fmt.Errorf("%q is neither a number of %s since 1970 nor a time as in 2026-01-31T12:00:00Z", text, unitNames[unit]))
	}
	return ns, true, nil
}

// parseRFC3339 reads a time from 1970 to 2262, and returns nanoseconds. The +
// of a zone that was not encoded in the URL is a space by now.
func parseRFC3339(text string) (ns uint64, err error) {
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil {
		return 0, err
	}
	if t.Unix() < 0 || t.Unix() >= math.MaxInt64/int64(time.Second) {
		return 0, fmt.Errorf("%q does not lie between 1970 and 2262", text)
	}
	return uint64(t.UnixNano()), nil
}

// millis reads a length of time above 0: a number of milliseconds, as Jaeger
// takes it, or a Go duration.
func (p params) millis(name string, absent time.Duration) (time.Duration, error) {
	text := p.Get(name)
	if text == "" {
		return absent, nil
	}
	d, err := time.ParseDuration(text)
	if n, notANumber := strconv.ParseInt(text, 10, 64); notANumber == nil {
		if n > math.MaxInt64/int64(time.Millisecond) {
			return 0, badParam(name, errors.New("it is too long"))
		}
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	switch {
	case err != nil:
		return 0, badParam(name, fmt.Errorf("%q is neither a number of milliseconds nor a duration as in 15m", text))
	case d <= 0:
		return 0, badRequest("invalid parameter: %s must be above 0", name)
	}
	return d, nil
}

// lookback reads the range that ends with the millisecond endTs.
func (j *jaeger) lookback(p params, absent time.Duration) (store.TimeRange, error) {
	end, hasEnd, err := p.jaegerTime("endTs", time.Millisecond)
	if err != nil {
		return store.TimeRange{}, err
	}
	if !hasEnd {
		end = uint64(j.Now().UnixNano())
	}
	length, err := p.millis("lookback", absent)
	return store.TimeRange{Start: end - min(end, uint64(length)), End: saturate(end, uint64(time.Millisecond))}, err
}
