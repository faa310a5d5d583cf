package span

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Threshold is how OpenTelemetry tells with what probability a span was
// sampled: of the 2^56 values of its randomness, those below are dropped. The
// specification calls it the rejection threshold, the trace state's ot=th.
type Threshold uint64

// NeverSample is the threshold that nothing reaches. It cannot be written.
const NeverSample Threshold = 1 << 56

// thresholdDigits is how many hex digits 56 bits have.
const thresholdDigits = 14

// ProbabilityThreshold returns the threshold of a probability, with a number of
// significant hex digits (1 to 14) behind the leading f that small
// probabilities have, or the leading 0 of those near 1. It is rounded to the
// nearest; half of the last digit goes up.
func ProbabilityThreshold(p float64, digits int) Threshold {
	switch {
	case !(p >= 0x1p-56): // the least that there is
		return NeverSample
	case p >= 1:
		return 0
	}
	_, sampled := math.Frexp(p)
	_, rejected := math.Frexp(1 - p)
	digits = min(thresholdDigits, digits+max(-sampled, -rejected, 0)/4)
	t := NeverSample - Threshold(math.Round(p*0x1p56))
	if bits := 4 * (thresholdDigits - digits); bits > 0 {
		t = (t + 1<<(bits-1)) >> bits << bits
	}
	return min(t, NeverSample-1)
}

// Probability is the share that is sampled.
func (t Threshold) Probability() float64 { return float64(NeverSample-t) / float64(NeverSample) }

// AdjustedCount is how many spans a sampled one stands for.
func (t Threshold) AdjustedCount() float64 { return float64(NeverSample) / float64(NeverSample-t) }

// Samples reports whether what has a randomness is sampled.
func (t Threshold) Samples(randomness uint64) bool { return randomness >= uint64(t) }

// String is the threshold as a trace state has it.
func (t Threshold) String() string {
	if t == 0 {
		return "0"
	}
	text := strconv.FormatUint(uint64(t)|1<<60, 16)[16-thresholdDigits:]
	return strings.TrimRight(text, "0")
}

// AdjustedCount returns how many spans a sampled one stands for, by its W3C
// trace state; 1 if that does not say.
func AdjustedCount(state string) float64 {
	t, _ := StateThreshold(state)
	return t.AdjustedCount()
}

// StateThreshold reads the threshold of a W3C trace state. OpenTelemetry's
// member is ot=KEY:VALUE;KEY:VALUE..., which others may have put into theirs.
func StateThreshold(state string) (Threshold, bool) {
	text, ok := otValue(state, "th:")
	if !ok || len(text) > thresholdDigits {
		return 0, false
	}
	n, ok := hexNumber(text)
	return Threshold(n << (4 * (thresholdDigits - len(text)))), ok
}

// Randomness returns the 56 random bits of a trace: those of the trace state's
// ot=rv, else the last of the trace id.
func Randomness(state string, id TraceID) uint64 {
	if text, ok := otValue(state, "rv:"); ok && len(text) == thresholdDigits {
		if n, ok := hexNumber(text); ok {
			return n
		}
	}
	return binary.BigEndian.Uint64(id[8:]) & (1<<56 - 1)
}

func hexNumber(text string) (uint64, bool) {
	if text == "" || text[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 64)
	return n, err == nil
}

// otValue returns the value of the first field with a key, such as "th:", in
// the members of a trace state that begin with ot=.
func otValue(state, key string) (value string, ok bool) {
	for {
		member, rest, found := cutOT(state)
		if !found {
			return "", false
		}
		for field := range strings.SplitSeq(member, ";") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(field), key); ok {
				return value, true
			}
		}
		state = rest
	}
}

// cutOT returns what follows the first ot= of a trace state, up to the end of
// its member, and the rest.
func cutOT(state string) (member, rest string, ok bool) {
	for {
		at := strings.Index(state, "ot=")
		if at < 0 {
			return "", "", false
		}
		begins := at == 0 || !isKeyByte(state[at-1])
		state = state[at+len("ot="):]
		if begins {
			member, rest, _ = strings.Cut(state, ",")
			return member, rest, true
		}
	}
}

// isKeyByte reports whether a byte can be part of a key of a trace state.
func isKeyByte(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || strings.IndexByte("_-*/@", b) >= 0
}

// WithThreshold returns a trace state that says t, and all else that it said.
// OpenTelemetry's member comes first, as the specification asks of who changes it.
func WithThreshold(state string, t Threshold) string { return withField(state, "th:", t.String()) }

// WithRandomness is WithThreshold for the 56 random bits of a trace.
func WithRandomness(state string, randomness uint64) string {
	return withField(state, "rv:", fmt.Sprintf("%014x", randomness&(1<<56-1)))
}

// maxMembers is the most members that W3C lets a trace state have.
const maxMembers = 32

// withField returns a trace state with a field of OpenTelemetry's member; key is such as "th:". If there are too many members with it,
// the last go, as W3C has it.
func withField(state, key, value string) string {
	fields := []string{key + value}
	members := make([]string, 1, 8)
	for member := range strings.SplitSeq(state, ",") {
		member = strings.TrimSpace(member)
		value, ours := strings.CutPrefix(member, "ot=")
		switch {
		case member == "":
		case !ours && len(members) < maxMembers:
			members = append(members, member)
		case ours:
			for field := range strings.SplitSeq(value, ";") {
				if field = strings.TrimSpace(field); field != "" && !strings.HasPrefix(field, key) {
					fields = append(fields, field)
				}
			}
		}
	}
	members[0] = "ot=" + strings.Join(fields, ";")
	return strings.Join(members, ",")
}
