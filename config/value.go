package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value reads and writes the text of one setting.
type value interface {
	// set takes the text into the Config's field. Its error says what is expected.
	set(text string) error
	// String returns text that set takes for the same value.
	String() string
	// kind is one word for the reference and the help of flags.
	kind() string
}

type pathValue struct{ p *string }

func (v pathValue) String() string { return *v.p }
func (v pathValue) kind() string   { return "path" }

func (v pathValue) set(s string) error {
	if s == "" {
		return errors.New("expected a path")
	}
	*v.p = s
	return nil
}

// addressValue is HOST:PORT; "" in the field and "off" as text disable it.
type addressValue struct{ p *string }

func (v addressValue) String() string { return orWord(*v.p, "off") }
func (v addressValue) kind() string   { return "address" }

func (v addressValue) set(s string) error {
	if s == "off" {
		*v.p = ""
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New(`expected HOST:PORT such as 127.0.0.1:4317, :4317 for all interfaces, or off`)
	}
	*v.p = s
	return nil
}

// durationValue is a duration above zero, or the word that stands for zero.
type durationValue struct {
	p    *time.Duration
	zero string
}

func (v durationValue) String() string {
	const day = 24 * time.Hour
	if *v.p == 0 {
		return v.zero
	}
	if *v.p%day == 0 {
		return fmt.Sprintf("%dd", *v.p/day)
	}
	s := v.p.String() // "1h0m0s"
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-len("0s")]
		}
	}
	return s
}

func (v durationValue) kind() string { return "duration" }

func (v durationValue) set(s string) error {
	if s == v.zero && s != "" {
		*v.p = 0
		return nil
	}
	d, err := parseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("expected a duration such as 200ms, 90m, 36h or 7d" + orZero(v.zero))
	}
	*v.p = d
	return nil
}

// parseDuration is time.ParseDuration with whole days added.
func parseDuration(s string) (time.Duration, error) {
	n, isDays := strings.CutSuffix(s, "d")
	if !isDays {
		return time.ParseDuration(s)
	}
	days, err := strconv.ParseUint(n, 10, 64)
	if err != nil || days > math.MaxInt64/uint64(24*time.Hour) {
		return 0, errors.New("invalid number of days")
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// sizeValue is a number of bytes above zero, or the word that stands for zero.
type sizeValue struct {
	p    *int64
	zero string
}

// units are ordered so that the first that divides a size is the one to print.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

func (v sizeValue) String() string {
	if *v.p == 0 {
		return v.zero
	}
	return FormatSize(*v.p)
}

// FormatSize writes n bytes exactly, in the largest unit that divides it.
func FormatSize(n int64) string {
	for _, u := range units {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

func (v sizeValue) kind() string { return "size" }

func (v sizeValue) set(s string) error {
	if s == v.zero && s != "" {
		*v.p = 0
		return nil
	}
	n, ok := parseSize(s)
	if !ok || n <= 0 {
		return errors.New("expected a size such as 512KiB, 64MiB, 10GiB or 50GB" + orZero(v.zero))
	}
	*v.p = n
	return nil
}

func parseSize(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range units {
		if n, found := strings.CutSuffix(s, u.name); found {
			s, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// countValue is a number above zero, or the word that stands for zero.
type countValue struct {
	p    *int
	zero string
}

func (v countValue) String() string {
	if *v.p == 0 {
		return v.zero
	}
	return strconv.Itoa(*v.p)
}

func (v countValue) kind() string { return "number" }

func (v countValue) set(s string) error {
	if s == v.zero && s != "" {
		*v.p = 0
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		return errors.New("expected a number such as 1000" + orZero(v.zero))
	}
	*v.p = n
	return nil
}

// choiceValue is one of a few words.
type choiceValue struct {
	p     *string
	words []string
}

func (v choiceValue) String() string { return *v.p }
func (v choiceValue) kind() string   { return strings.Join(v.words, "|") }

func (v choiceValue) set(s string) error {
	if !slices.Contains(v.words, s) {
		last := len(v.words) - 1
		return fmt.Errorf("expected %s or %s", strings.Join(v.words[:last], ", "), v.words[last])
	}
	*v.p = s
	return nil
}

// listValue is separated by commas; in the file it may be a list.
type listValue struct{ p *[]string }

func (v listValue) separator() string { return "," }

func (v listValue) String() string { return strings.Join(*v.p, ",") }
func (v listValue) kind() string   { return "list" }

func (v listValue) set(s string) error {
	var list []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	*v.p = list
	return nil
}

// linksValue is NAME=URL, separated by spaces, which neither can have; in the file it may be a list.
type linksValue struct{ p *[]string }

func (v linksValue) separator() string { return " " }

func (v linksValue) String() string { return strings.Join(*v.p, " ") }
func (v linksValue) kind() string   { return "links" }

func (v linksValue) set(s string) error {
	list := strings.Fields(s)
	for _, item := range list {
		name, target, _ := strings.Cut(item, "=")
		u, err := url.Parse(target)
		if name == "" || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%q: expected NAME=URL with an address of http or https, and %%20 for a space", item)
		}
	}
	*v.p = list
	return nil
}

// decimalValue is a number within bounds.
type decimalValue struct {
	p        *float64
	min, max float64
}

func (v decimalValue) String() string { return strconv.FormatFloat(*v.p, 'g', -1, 64) }
func (v decimalValue) kind() string   { return "decimal" }

func (v decimalValue) set(s string) error {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= v.min && n <= v.max) {
		return fmt.Errorf("expected a number from %v to %v", v.min, v.max)
	}
	*v.p = n
	return nil
}

// textValue is any text.
type textValue struct{ p *string }

func (v textValue) String() string { return *v.p }
func (v textValue) kind() string   { return "text" }

func (v textValue) set(s string) error {
	*v.p = s
	return nil
}

// prefixValue is "" or an absolute path; a slash at its end is dropped.
type prefixValue struct{ p *string }

func (v prefixValue) String() string { return *v.p }
func (v prefixValue) kind() string   { return "path" }

func (v prefixValue) set(s string) error {
	if s != "" && !strings.HasPrefix(s, "/") {
		return errors.New("expected a path that starts with a slash, such as /clew")
	}
	*v.p = strings.TrimRight(s, "/")
	return nil
}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}

func orZero(word string) string {
	if word == "" {
		return ""
	}
	return ", or " + word
}
