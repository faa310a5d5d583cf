package api

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// params reads the query of a URL. A parameter without a value counts as one
// that is not there: forms send all their fields.
type params struct{ url.Values }

func paramsOf(r *http.Request) (params, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return params{}, badRequest("malformed query: %v", err)
	}
	return params{values}, nil
}

// duration reads a Go duration; ok is false if there is none.
func (p params) duration(name string) (d time.Duration, ok bool, err error) {
	text := p.Get(name)
	if text == "" {
		return 0, false, nil
	}
	d, err = time.ParseDuration(text)
	if err != nil {
		return 0, false, badParam(name, err)
	}
	return d, true, nil
}

// boolean reads true or false; absent is false.
func (p params) boolean(name string) (bool, error) {
	text := p.Get(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, badParam(name, fmt.Errorf("%q is neither true nor false", text))
	}
	return b, nil
}

// limit reads how many are asked for: 1 to most.
func (p params) limit(name string, absent, most int) (int, error) {
	return p.number(name, min(absent, most), 1, most)
}

// number reads a number from least to most.
func (p params) number(name string, absent, least, most int) (int, error) {
	text := p.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badParam(name, fmt.Errorf("%q is not a number", text))
	}
	if n < least || n > most {
		return 0, badRequest("invalid parameter: %s must be from %d to %d", name, least, most)
	}
	return n, nil
}

// unix reads a time since 1970 in a unit and returns nanoseconds; ok is false if there is none.
func (p params) unix(name string, unit time.Duration) (ns uint64, ok bool, err error) {
	text := p.Get(name)
	if text == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err == nil && n > math.MaxUint64/uint64(unit) {
		err = errors.New("lies too far in the future")
	} else if err != nil {
		err = fmt.Errorf("%q is not a number of %s since 1970", text, unitNames[unit])
	}
	if err != nil {
		return 0, false, badParam(name, err)
	}
	return n * uint64(unit), true, nil
}

var unitNames = map[time.Duration]string{
	time.Nanosecond: "nanoseconds", time.Microsecond: "microseconds", time.Millisecond: "milliseconds", time.Second: "seconds",
}

// instant reads a time in RFC 3339 or in nanoseconds since 1970.
func (p params) instant(name string) (ns uint64, ok bool, err error) {
	text := p.Get(name)
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.UnixNano() >= 0 {
		return uint64(t.UnixNano()), true, nil
	}
	ns, ok, err = p.unix(name, time.Nanosecond)
	if err != nil {
		return 0, false, badParam(name, fmt.Errorf("%q is neither a time since 1970 as in 2026-01-31T12:00:00Z nor a number of nanoseconds", text))
	}
	return ns, ok, nil
}
