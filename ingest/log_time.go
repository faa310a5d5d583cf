package ingest

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// lineTimes are forms of time beside numbers. A comma may stand for the point of seconds.
var lineTimes = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07", "2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999 Z0700", "2006-01-02 15:04:05.999999999 Z07:00",
	"2006/01/02 15:04:05.999999999", "02/Jan/2006:15:04:05 -0700", time.RFC1123Z,
}

// parseLineTime reads a time as text; without a zone it is UTC.
func parseLineTime(text string) (uint64, bool) {
	const year = 4 // digits
	if len(text) > year && text[year] >= '0' && text[year] <= '9' || strings.IndexByte(text, '.') == 1 {
		return parseUnix(text)
	}
	for _, zone := range []string{" UTC", " GMT"} {
		text = strings.TrimSuffix(text, zone)
	}
	for _, layout := range lineTimes {
		if t, err := time.Parse(layout, text); err == nil && t.UnixNano() > 0 {
			return uint64(t.UnixNano()), t.Year() < 2262 // where nanoseconds end
		}
	}
	return parseUnix(text)
}

// parseUnix reads seconds, milliseconds, microseconds or nanoseconds since 1970, whichever is a time between 1973 and 5138.
// What is less is no time: some write how long something took under that name.
func parseUnix(text string) (uint64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 1e8) || f >= 1<<64 {
		return 0, false
	}
	nanos := uint64(1)
	for _, unit := range []struct {
		below float64
		nanos uint64
	}{{1e11, 1e9}, {1e14, 1e6}, {1e17, 1e3}} {
		if f < unit.below {
			nanos = unit.nanos
			break
		}
	}
	if f*float64(nanos) >= 1<<63 && nanos > 1 {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil || strings.ContainsAny(fraction, "eE_") { // with an exponent a number has no more digits than a float
		return uint64(math.Round(f * float64(nanos))), true
	}
	n *= nanos
	for _, digit := range []byte(fraction) { // to the digit, as a float has too few for seconds with nine more
		if nanos /= 10; digit < '0' || digit > '9' {
			return 0, false
		}
		n += uint64(digit-'0') * nanos
	}
	return n, true
}

// timeIn reads a time that is an object with seconds and nanoseconds.
func timeIn(value jsontext.Value) (uint64, bool) {
	var seconds, nanos uint64
	ok := false
	err := eachMember(value, func(name string, v jsontext.Value) {
		n, err := strconv.ParseUint(strings.Trim(string(v), `"`), 10, 64)
		if err != nil {
			return
		}
		switch string(appendPlain(nil, name)) {
		case "epochsecond", "seconds":
			seconds, ok = n, n < 1<<63/1_000_000_000-1
		case "nanoofsecond", "nanos":
			nanos = n
		}
	})
	return seconds*1e9 + nanos, err == nil && ok && seconds > 0 && nanos < 1e9
}
