package span

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// TraceID is a 128-bit trace id in network order. A 64-bit id of an older
// client is the same number, left-padded with zero bytes.
type TraceID [16]byte

// SpanID is a 64-bit span id in network order.
type SpanID [8]byte

// IsZero reports whether id is the invalid all-zero id.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero reports whether id is the invalid all-zero id; as a parent it means "root".
func (id SpanID) IsZero() bool { return id == SpanID{} }

// String returns 32 lower-case hex digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// String returns 16 lower-case hex digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// Uint64s returns the high and the low half of the id.
func (id TraceID) Uint64s() (hi, lo uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

// Uint64 returns the id as a number.
func (id SpanID) Uint64() uint64 { return binary.BigEndian.Uint64(id[:]) }

// ParseTraceID reads 1 to 32 hex digits of any case; a short id is padded on the left.
func ParseTraceID(s string) (TraceID, error) {
	var id TraceID
	if err := parseHex(id[:], s); err != nil {
		return TraceID{}, fmt.Errorf("trace id %q: %w", clip(s), err)
	}
	return id, nil
}

// ParseSpanID reads 1 to 16 hex digits of any case; a short id is padded on the left.
func ParseSpanID(s string) (SpanID, error) {
	var id SpanID
	if err := parseHex(id[:], s); err != nil {
		return SpanID{}, fmt.Errorf("span id %q: %w", clip(s), err)
	}
	return id, nil
}

func parseHex(dst []byte, s string) error {
	if len(s) == 0 || len(s) > 2*len(dst) {
		return fmt.Errorf("has %d digits, expected 1 to %d hex digits", len(s), 2*len(dst))
	}
	at := 2*len(dst) - len(s)
	for i := 0; i < len(s); i, at = i+1, at+1 {
		var d byte
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		default:
			return fmt.Errorf("character %d is not a hex digit", i+1)
		}
		dst[at/2] |= d << (4 * (1 - at%2))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
