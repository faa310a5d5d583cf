package traceql

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
)

// searchLines is the answer to a search, as scripts have it.
func searchLines(verb string, r *SearchResult) (lines []string) {
	for _, t := range r.Traces {
		if verb == "facts" {
			lines = append(lines, factsLine(t))
			continue
		}
		for _, set := range t.SpanSets {
			lines = append(lines, shortID(t.ID.String())+": "+setText(set, verb == "attributes"))
		}
	}
	for _, s := range r.Spans {
		lines = append(lines, shortID(s.TraceID.String())+"/"+shortID(s.ID.String())+"{"+valuesText(s.Attributes, ", ")+"}")
	}
	for _, gap := range r.Gaps {
		lines = append(lines, "gap: "+gap)
	}
	if r.Next != "" {
		lines = append(lines, "more")
	}
	return lines
}

func factsLine(t *Trace) string {
	root := t.RootService + "/" + t.RootName
	if !t.HasRoot {
		root = "(" + root + ")"
	}
	services := make([]string, len(t.Services))
	for i, s := range t.Services {
		services[i] = fmt.Sprintf("%s:%d/%d", s.Name, s.Spans, s.Errors)
	}
	return fmt.Sprintf("%s: %s..%s root=%s spans=%d orphans=%d services=%s", shortID(t.ID.String()),
		timeText(t.Start), timeText(t.End), root, t.Spans, t.Orphans, strings.Join(services, ","))
}

func setText(set SpanSet, attributes bool) string {
	var words []string
	for _, s := range set.Spans {
		word := shortID(s.ID.String())
		if attributes {
			word += "{" + valuesText(s.Attributes, ", ") + "}"
		}
		words = append(words, word)
	}
	if set.Matched != len(set.Spans) {
		words = append(words, fmt.Sprintf("of %d", set.Matched))
	}
	if len(set.Attributes) > 0 {
		words = append(words, "|", valuesText(set.Attributes, " "))
	}
	return strings.Join(words, " ")
}

// seriesLines is the answer to a metrics query, as scripts have it.
func seriesLines(verb string, r *SeriesResult) (lines []string) {
	if verb == "times" {
		words := make([]string, len(r.Times))
		for i, t := range r.Times {
			words[i] = timeText(uint64(t) * 1e6)
		}
		return []string{strings.Join(words, " ")}
	}
	for _, s := range r.Series {
		words := []string{labelsText(s.Labels)}
		for _, v := range s.Values {
			words = append(words, pointText(v))
		}
		if verb == "exemplars" {
			words = words[:1]
			for _, e := range s.Exemplars {
				words = append(words, shortID(e.TraceID.String())+"/"+shortID(e.SpanID.String())+"="+pointText(e.Value))
			}
		}
		if verb != "exemplars" || len(s.Exemplars) > 0 {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	for _, gap := range r.Gaps {
		lines = append(lines, "gap: "+gap)
	}
	return lines
}

func labelsText(labels []Label) string { return "{" + valuesText(labels, ", ") + "}" }

func valuesText(list []NamedValue, separator string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.Name + "=" + staticText(v.Value)
	}
	return strings.Join(words, separator)
}

// staticText tells values of all types apart.
func staticText(s Static) string {
	switch s.Type {
	case TypeNil:
		return "nil"
	case TypeInt:
		return strconv.FormatInt(s.Int(), 10)
	case TypeFloat:
		if text := strconv.FormatFloat(s.Float(), 'g', -1, 64); strings.ContainsAny(text, ".eIN") {
			return text
		} else {
			return text + ".0"
		}
	case TypeString:
		return strconv.Quote(s.Str)
	case TypeBool:
		return strconv.FormatBool(s.Bool())
	case TypeDuration:
		return time.Duration(s.Int()).String()
	case TypeStatus:
		return wordOf(statusWords, s)
	case TypeKind:
		return wordOf(kindWords, s)
	case TypeBytes:
		return "bytes:" + hex.EncodeToString([]byte(s.Str))
	case TypeArray:
		elements, _ := span.Value{Type: span.Array, Str: s.Str}.Elements()
		words := make([]string, len(elements))
		for i, e := range elements {
			words[i] = staticText(StaticOf(e))
		}
		return "[" + strings.Join(words, ",") + "]"
	}
	pairs, _ := span.Value{Type: span.Map, Str: s.Str}.Pairs()
	words := make([]string, len(pairs))
	for i, p := range pairs {
		words[i] = strconv.Quote(p.Key) + "=" + staticText(StaticOf(p.Value))
	}
	return "{" + strings.Join(words, ",") + "}"
}

func wordOf(words map[string]int32, s Static) string {
	for word, n := range words {
		if int64(n) == s.Int() {
			return word
		}
	}
	return strconv.FormatInt(s.Int(), 10)
}

func pointText(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// shortID is an id without leading zeros.
func shortID(hex string) string {
	if short := strings.TrimLeft(hex, "0"); short != "" {
		return short
	}
	return "0"
}

// timeText is a time as scripts write it.
func timeText(t uint64) string { return time.Duration(t - scriptBase).String() }
