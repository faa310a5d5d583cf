package traceql

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
)

// scriptBase is the time 0s of scripts, in unix nanoseconds: a whole hour.
const scriptBase = 1_800_000_000_000_000_000

// loadSpans reads the lines of a load block:
//
//	trace ID
//	  ID[<PARENT] SERVICE NAME START+DURATION [KIND] [STATUS] [ATTRIBUTE...]
//	    event TIME NAME [ATTRIBUTE...]
//	    link TRACE/SPAN [ATTRIBUTE...]
//
// Ids are hex without leading zeros. START is from scriptBase, TIME from the start of the span; a span that
// ends before it starts is START-DURATION. A service "-" is none. An attribute is [SCOPE.]KEY=VALUE, of the
// span (event, link) unless it says resource or instrumentation; @message, @state, @scope and @version are
// not attributes. A value is "text", 1, 1.0, true, [1,2], {k=1}, bytes:6162 or empty.
func loadSpans(lines []string) ([]span.Span, error) {
	var l spanLoader
	for _, line := range lines {
		words, err := splitWords(line)
		if err == nil && len(words) > 0 {
			err = l.line(words)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return l.spans, nil
}

type spanLoader struct {
	trace span.TraceID
	spans []span.Span
}

func (l *spanLoader) line(words []string) (err error) {
	switch {
	case words[0] == "trace" && len(words) == 2:
		l.trace, err = span.ParseTraceID(words[1])
		return err
	case words[0] == "event" && len(words) >= 3 && len(l.spans) > 0:
		return l.event(words[1:])
	case words[0] == "link" && len(words) >= 2 && len(l.spans) > 0:
		return l.link(words[1:])
	case len(words) >= 4:
		return l.span(words)
	}
	return fmt.Errorf("expected trace, event, link or a span")
}

func (l *spanLoader) span(words []string) (err error) {
	s := span.Span{TraceID: l.trace, Name: unquote(words[2])}
	id, parent, hasParent := strings.Cut(words[0], "<")
	if s.SpanID, err = span.ParseSpanID(id); err != nil {
		return err
	}
	if hasParent {
		if s.Parent, err = span.ParseSpanID(parent); err != nil {
			return err
		}
	}
	if words[1] != "-" {
		s.Resource.Attrs = append(s.Resource.Attrs, span.KeyValue{Key: "service.name", Value: span.StringValue(unquote(words[1]))})
	}
	if s.Start, s.End, err = parseSpanTimes(words[3]); err != nil {
		return err
	}
	for _, w := range words[4:] {
		if kind, ok := kindWords[w]; ok {
			s.Kind = kind
		} else if status, ok := statusWords[w]; ok {
			s.Status = status
		} else if err := setSpanField(&s, w); err != nil {
			return err
		}
	}
	l.spans = append(l.spans, s)
	return nil
}

var (
	kindWords   = map[string]int32{"unspecified": 0, "internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
	statusWords = map[string]int32{"unset": 0, "ok": 1, "error": 2}
)

func setSpanField(s *span.Span, word string) error {
	kv, err := parseKeyValue(word)
	if err != nil {
		return err
	}
	if text, ok := map[string]*string{
		"@message": &s.Message, "@state": &s.TraceState, "@scope": &s.Scope.Name, "@version": &s.Scope.Version,
	}[kv.Key]; ok {
		*text = kv.Value.Str
		return nil
	}
	list := &s.Attrs
	for scope, attrs := range map[string]*[]span.KeyValue{"resource.": &s.Resource.Attrs, "instrumentation.": &s.Scope.Attrs} {
		if key, ok := strings.CutPrefix(kv.Key, scope); ok {
			kv.Key, list = key, attrs
			break
		}
	}
	kv.Key = unquote(kv.Key)
	*list = append(*list, kv)
	return nil
}

func (l *spanLoader) event(words []string) error {
	s := &l.spans[len(l.spans)-1]
	at, err := time.ParseDuration(words[0])
	if err != nil {
		return err
	}
	attrs, err := parseAttrs(words[2:])
	s.Events = append(s.Events, span.SpanEvent{Time: s.Start + uint64(at), Name: unquote(words[1]), Attrs: attrs})
	return err
}

func (l *spanLoader) link(words []string) (err error) {
	s := &l.spans[len(l.spans)-1]
	trace, id, _ := strings.Cut(words[0], "/")
	var k span.SpanLink
	if k.TraceID, err = span.ParseTraceID(trace); err != nil {
		return err
	}
	if k.SpanID, err = span.ParseSpanID(id); err != nil {
		return err
	}
	k.Attrs, err = parseAttrs(words[1:])
	s.Links = append(s.Links, k)
	return err
}

func parseAttrs(words []string) (list []span.KeyValue, err error) {
	for _, w := range words {
		kv, err := parseKeyValue(w)
		if err != nil {
			return nil, err
		}
		kv.Key = unquote(kv.Key)
		list = append(list, kv)
	}
	return list, nil
}

// parseSpanTimes reads START+DURATION or START-DURATION.
func parseSpanTimes(text string) (start, end uint64, err error) {
	at := strings.LastIndexAny(text, "+-")
	if at <= 0 {
		return 0, 0, fmt.Errorf("%q: expected START+DURATION", text)
	}
	from, err1 := time.ParseDuration(text[:at])
	long, err2 := time.ParseDuration(text[at:])
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("%q: expected START+DURATION", text)
	}
	start = scriptBase + uint64(from)
	return start, start + uint64(long), nil
}

// splitWords splits a line at spaces outside of quotes and brackets.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	quoted, depth := false, 0
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\\' && i+1 < len(line):
			word.WriteByte(c)
			i++
			c = line[i]
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case depth == 0 && (c == ' ' || c == '\t'):
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
			continue
		}
		word.WriteByte(c)
	}
	if quoted || depth != 0 {
		return nil, fmt.Errorf("unfinished text or list")
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words, nil
}

// unquote takes text as it is unless it is quoted.
func unquote(text string) string {
	if s, err := strconv.Unquote(text); err == nil {
		return s
	}
	return text
}

func parseKeyValue(word string) (kv span.KeyValue, err error) {
	at := cutOutside(word, '=')
	if at < 0 {
		return kv, fmt.Errorf("%q: expected KEY=VALUE", word)
	}
	kv.Key = word[:at]
	kv.Value, err = parseValue(word[at+1:])
	return kv, err
}

func parseValue(text string) (v span.Value, err error) {
	switch {
	case text == "true" || text == "false":
		return span.BoolValue(text == "true"), nil
	case text == "empty":
		return v, nil
	case strings.HasPrefix(text, `"`):
		s, err := strconv.Unquote(text)
		return span.StringValue(s), err
	case strings.HasPrefix(text, "bytes:"):
		raw, err := hex.DecodeString(text[len("bytes:"):])
		return span.BytesValue(string(raw)), err
	case strings.HasPrefix(text, "["):
		var elements []span.Value
		for _, part := range splitList(text) {
			e, err := parseValue(part)
			if err != nil {
				return v, err
			}
			elements = append(elements, e)
		}
		return span.ArrayValue(elements...), nil
	case strings.HasPrefix(text, "{"):
		members, err := parseAttrs(splitList(text))
		return span.MapValue(members...), err
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return span.IntValue(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return span.FloatValue(f), err
}

// splitList splits what is between the brackets at commas, spaces after them free.
func splitList(text string) (parts []string) {
	text = text[1 : len(text)-1]
	for text != "" {
		at := cutOutside(text, ',')
		if at < 0 {
			return append(parts, strings.TrimSpace(text))
		}
		parts = append(parts, strings.TrimSpace(text[:at]))
		text = text[at+1:]
	}
	return parts
}

// cutOutside returns where c first stands outside of quotes and brackets, or -1.
func cutOutside(text string, c byte) int {
	quoted, depth := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case quoted:
		case text[i] == c && depth == 0:
			return i
		case text[i] == '[' || text[i] == '{':
			depth++
		case text[i] == ']' || text[i] == '}':
			depth--
		}
	}
	return -1
}
