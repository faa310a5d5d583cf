package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "",
		`plain "text" \n`:  `plain "text" \n`,
		"日本 é":             "日本 é",
		"a\nb\tc\r\x00":    `a\nb\tc\r\x00`,
		"\x1b[31mred\x7f":  `\x1b[31mred\x7f`,
		"\u009b31m":        `\u009b31m`,
		"\u202eright":      `\u202eright`,
		"a\u00a0b\u200b":   `a\u00a0b\u200b`,
		"bad \xff utf\xc3": `bad \xff utf\xc3`,
		"real \ufffd":      "real \ufffd",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestCopyJSON checks that what reaches a terminal is harmless and still the same document.
func TestCopyJSON(t *testing.T) {
	const text = "\u009b31m \u202e é \U000e0001 \x7f 日本"
	doc, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := (screen{Writer: &buf, terminal: true}).copyJSON(bytes.NewReader(doc)); err != nil {
		t.Fatal(err)
	}
	if want := `"\u009b31m \u202e é \udb40\udc01 \u007f 日本"`; buf.String() != want {
		t.Errorf("got %s", &buf)
	}
	var back string
	if err := json.Unmarshal(buf.Bytes(), &back); err != nil || back != text {
		t.Errorf("read back as %q, %v", back, err)
	}
	buf.Reset()
	if err := (screen{Writer: &buf}).copyJSON(strings.NewReader(text)); err != nil || buf.String() != text {
		t.Errorf("not to a terminal: %q, %v", &buf, err)
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ns", 999: "999ns", 1000: "1µs", 1234: "1.23µs", 99_999: "99.9µs", 999_999: "999µs",
		time.Millisecond: "1ms", 12_345_678: "12.3ms", time.Second: "1s", 59_999 * time.Millisecond: "59.9s",
		time.Minute: "1m00s", 3599 * time.Second: "59m59s", time.Hour: "1h00m", 47*time.Hour + 59*time.Minute: "47h59m",
		48 * time.Hour: "2d00h", math.MaxInt64: "106751d23h", -1500 * time.Microsecond: "-1.5ms", math.MinInt64: "-106751d23h",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

func TestElapsed(t *testing.T) {
	tests := []struct {
		from, to uint64
		want     time.Duration
	}{
		{5, 8, 3}, {8, 5, -3}, {0, math.MaxUint64, math.MaxInt64}, {math.MaxUint64, 0, -math.MaxInt64},
	}
	for _, test := range tests {
		if got := elapsed(test.from, test.to); got != test.want {
			t.Errorf("from %d to %d: %d, want %d", test.from, test.to, got, test.want)
		}
	}
}

func TestCounts(t *testing.T) {
	for n, want := range map[int]string{0: "0 spans", 1: "1 span", 999: "999 spans", 1000: "1,000 spans", 1234567: "1,234,567 spans"} {
		if got := counted(n, "span"); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestColors(t *testing.T) {
	if got := (screen{}).red("x") + (screen{}).dim("y"); got != "xy" {
		t.Errorf("without color: %q", got)
	}
	if got := newScreen(&bytes.Buffer{}); got.terminal || got.color || got.width != fallbackWidth {
		t.Errorf("a buffer is taken for a terminal: %+v", got)
	}
}
