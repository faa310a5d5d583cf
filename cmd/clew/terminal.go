package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
)

// screen is where a command writes for people.
type screen struct {
	io.Writer
	terminal bool
	width    int // columns
	color    bool
	zone     *time.Location
}

const fallbackWidth = 100

func newScreen(w io.Writer) screen {
	s := screen{Writer: w, width: fallbackWidth, zone: time.Local}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.terminal = true
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.width = width
	}
	s.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

func (s screen) red(text string) string {
	if !s.color {
		return text
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

func (s screen) dim(text string) string {
	if !s.color {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// printJSON writes a value as JSON.
func (s screen) printJSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.copyJSON(bytes.NewReader(append(text, '\n')))
}

// copyJSON copies a JSON document. On a terminal, characters that could steer
// it are escaped, which leaves the document the same.
func (s screen) copyJSON(r io.Reader) error {
	if !s.terminal {
		_, err := io.Copy(s, r)
		return err
	}
	in, out := bufio.NewReader(r), bufio.NewWriter(s)
	for {
		c, _, err := in.ReadRune()
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			return err
		}
		switch {
		case c == '\n' || unicode.IsPrint(c):
			out.WriteRune(c)
		case c > 0xffff:
			hi, lo := utf16.EncodeRune(c)
			fmt.Fprintf(out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(out, `\u%04x`, c)
		}
	}
}

// printable escapes what could steer a terminal or reorder its text: control
// and format characters, spaces other than " ", and bytes that are not UTF-8.
// Whatever a server sends goes through here before it is shown.
func printable(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			quoted := strconv.QuoteRune(c)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return b.String()
}

// fit cuts or fills text to exactly width columns.
func fit(text string, width int) string {
	return runewidth.FillRight(runewidth.Truncate(text, width, "…"), width)
}

// formatDuration writes a duration in at most 8 columns, up to some years.
func formatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + formatDuration(-max(d, -math.MaxInt64))
	}
	switch {
	case d < time.Microsecond:
		return strconv.Itoa(int(d)) + "ns"
	case d < time.Millisecond:
		return threeDigits(float64(d)/float64(time.Microsecond)) + "µs"
	case d < time.Second:
		return threeDigits(float64(d)/float64(time.Millisecond)) + "ms"
	case d < time.Minute:
		return threeDigits(d.Seconds()) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// threeDigits cuts instead of rounding, so that 999.9 does not become 1000.
func threeDigits(f float64) string {
	switch {
	case f >= 100:
		return strconv.Itoa(int(f))
	case f >= 10:
		return strconv.FormatFloat(float64(int(f*10))/10, 'f', -1, 64)
	}
	return strconv.FormatFloat(float64(int(f*100))/100, 'f', -1, 64)
}

// formatBytes writes a size in at most 8 columns.
func formatBytes(n uint64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	if n < 1024 {
		return strconv.FormatUint(n, 10) + " B"
	}
	f := float64(n) / 1024
	for f >= 1000 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	return threeDigits(f) + " " + units[0]
}

// grouped writes a count with commas.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// counted writes "1 span", "2 spans".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// elapsed returns the time between two instants in unix nanoseconds, as far as
// a Duration reaches.
func elapsed(from, to uint64) time.Duration {
	if to < from {
		return -time.Duration(min(from-to, math.MaxInt64))
	}
	return time.Duration(min(to-from, math.MaxInt64))
}

// time converts from unix nanoseconds.
func (s screen) time(ns uint64) time.Time {
	return time.Unix(int64(ns/1e9), int64(ns%1e9)).In(s.zone)
}

// title names a span.
func title(service, operation string) string {
	if service == "" {
		service = "(no service)"
	}
	return printable(service) + " " + printable(operation)
}
