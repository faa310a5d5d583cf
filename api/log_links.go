package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
)

// LogLink leads from a span to its logs in another system.
type LogLink struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// LogLinks are templates of such links.
type LogLinks []logTemplate

// logTemplate is a URL with placeholders: texts[0], places[0], texts[1] and so on.
type logTemplate struct {
	name   string
	texts  []string
	places []string
}

// logLinkMargin is how much earlier and later than the span {start} and {end} are, as its logs may be.
const logLinkMargin = uint64(time.Minute)

// timePlaces are how times can be written.
var timePlaces = map[string]func(ns uint64) string{
	"": func(ns uint64) string {
		return time.Unix(int64(ns/1e9), int64(ns%1e9)).UTC().Format("2006-01-02T15:04:05.000Z")
	},
	"_s":  func(ns uint64) string { return strconv.FormatUint(ns/1e9, 10) },
	"_ms": func(ns uint64) string { return strconv.FormatUint(ns/1e6, 10) },
	"_us": func(ns uint64) string { return strconv.FormatUint(ns/1e3, 10) },
	"_ns": func(ns uint64) string { return strconv.FormatUint(ns, 10) },
}

const attributePlace = "attribute:"

// ParseLogLinks reads templates as NAME=URL.
func ParseLogLinks(list []string) (LogLinks, error) {
	var links LogLinks
	for _, text := range list {
		name, target, _ := strings.Cut(text, "=")
		t, err := parseLogTemplate(name, target)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		links = append(links, t)
	}
	return links, nil
}

func parseLogTemplate(name, target string) (logTemplate, error) {
	t := logTemplate{name: name}
	u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(target))
	if name == "" || err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return t, fmt.Errorf("expected NAME=URL with an address of http or https")
	}
	if place := strings.IndexByte(target, '{'); place >= 0 && place < len(u.Scheme)+len("://")+len(u.Host) {
		return t, fmt.Errorf("the host of the address cannot come from a span")
	}
	for {
		before, rest, found := strings.Cut(target, "{")
		t.texts = append(t.texts, before)
		if !found {
			return t, nil
		}
		place, after, closed := strings.Cut(rest, "}")
		if !closed || !isLogPlace(place) {
			return t, fmt.Errorf("{%s is no placeholder; there are {trace_id}, {span_id}, {service}, {start}, {end}, the last two also with _s, _ms, _us or _ns behind, and {attribute:NAME}; a brace itself is %%7B", clip(rest))
		}
		t.places = append(t.places, place)
		target = after
	}
}

func isLogPlace(place string) bool {
	if slices.Contains([]string{"trace_id", "span_id", "service"}, place) || strings.HasPrefix(place, attributePlace) && len(place) > len(attributePlace) {
		return true
	}
	unit, isStart := strings.CutPrefix(place, "start")
	if !isStart {
		var isEnd bool
		if unit, isEnd = strings.CutPrefix(place, "end"); !isEnd {
			return false
		}
	}
	return timePlaces[unit] != nil
}

// of returns the links of span i: those for which it has all that they need.
func (l LogLinks) of(b *span.Batch, i int) []LogLink {
	list := []LogLink{}
	for _, t := range l {
		if target, ok := t.fill(b, i); ok {
			list = append(list, LogLink{t.name, target})
		}
	}
	return list
}

func (t *logTemplate) fill(b *span.Batch, i int) (string, bool) {
	var target strings.Builder
	for k, place := range t.places {
		value := logPlaceValue(place, b, i)
		if value == "" {
			return "", false
		}
		target.WriteString(t.texts[k])
		// + stands for a space in queries only.
		target.WriteString(strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
	}
	target.WriteString(t.texts[len(t.places)])
	return target.String(), true
}

// logPlaceValue returns what a placeholder stands for, "" if the span does not have it.
func logPlaceValue(place string, b *span.Batch, i int) string {
	if key, ok := strings.CutPrefix(place, attributePlace); ok {
		value, found := b.Attr(b.Attrs[i], key)
		if !found {
			value, _ = b.Attr(b.Resources[b.Resource[i]].Attrs, key)
		}
		return lineOf(value)
	}
	switch place {
	case "trace_id":
		return b.TraceIDs[i].String()
	case "span_id":
		return b.SpanIDs[i].String()
	case "service":
		return b.ServiceName(b.Resource[i])
	}
	if unit, ok := strings.CutPrefix(place, "start"); ok {
		return timePlaces[unit](b.Starts[i] - min(b.Starts[i], logLinkMargin))
	}
	last := max(b.Starts[i], b.Ends[i])
	return timePlaces[strings.TrimPrefix(place, "end")](max(last, last+logLinkMargin))
}
