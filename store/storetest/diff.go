package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// mostLines is how many differences a message lists.
const mostLines = 12

// report collects differences for a message that people read.
type report struct {
	lines []string
	more  int
}

func (r *report) addf(format string, args ...any) {
	if len(r.lines) == mostLines {
		r.more++
		return
	}
	r.lines = append(r.lines, clip(fmt.Sprintf(format, args...), 2000))
}

// change adds a line about a text that is not what it should be, from shortly
// before the first difference on.
func (r *report) change(what, got, want string) {
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	if cut := same - 40; cut > 40 {
		got, want = "…"+got[cut:], "…"+want[cut:]
	}
	r.addf("%s: %s, want %s", what, clip(got, 400), clip(want, 400))
}

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
}

func (r *report) err() error {
	if len(r.lines) == 0 {
		return nil
	}
	text := strings.Join(r.lines, "\n")
	if r.more > 0 {
		text += fmt.Sprintf("\n… and %d more", r.more)
	}
	return errors.New(text)
}

// diffSpans compares two traces: each ordered by start and span id, and the
// same spans in both. Spans that tie may stand in any order.
func diffSpans(got, want []*span.Span) error {
	var r report
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if compareStarts(a.Start, a.SpanID, b.Start, b.SpanID) > 0 {
			r.addf("out of order: span %d is %s, after it comes %s", i-1, nameSpan(a), nameSpan(b))
		}
	}
	missing, extra := unmatched(got, want, func(s **span.Span) string { return encode(*s) })
	for _, w := range missing {
		at := slices.IndexFunc(extra, func(g *span.Span) bool { return g.TraceID == w.TraceID && g.SpanID == w.SpanID })
		if at < 0 {
			r.addf("missing: %s", formatSpan(w))
			continue
		}
		r.addf("changed: %s", nameSpan(w))
		diffFields(&r, "  ", reflect.ValueOf(*extra[at]), reflect.ValueOf(*w))
		extra = slices.Delete(extra, at, at+1)
	}
	for _, g := range extra {
		r.addf("extra: %s", formatSpan(g))
	}
	return r.err()
}

// unmatched returns the elements of want that got lacks, and those that only got has,
// where elements are the same if their keys are.
func unmatched[T any](got, want []T, key func(*T) string) (missing, extra []T) {
	gotKeys, wantKeys := keysOf(got, key), keysOf(want, key)
	if slices.Equal(gotKeys, wantKeys) {
		return nil, nil
	}
	surplus := map[string]int{}
	for _, k := range gotKeys {
		surplus[k]++
	}
	for i, k := range wantKeys {
		if surplus[k] == 0 {
			missing = append(missing, want[i])
			continue
		}
		surplus[k]--
	}
	for i, k := range slices.Backward(gotKeys) {
		if surplus[k] > 0 {
			surplus[k]--
			extra = append(extra, got[i])
		}
	}
	slices.Reverse(extra)
	return missing, extra
}

func keysOf[T any](list []T, key func(*T) string) []string {
	keys := make([]string, len(list))
	for i := range list {
		keys[i] = key(&list[i])
	}
	return keys
}

// diffFields adds a line for each leaf in which two structs differ.
func diffFields(r *report, path string, got, want reflect.Value) {
	switch {
	case got.Type() == reflect.TypeFor[[]span.KeyValue]():
		if g, w := format(got), format(want); g != w {
			r.change(path, g, w)
		}
	case got.Kind() == reflect.Struct:
		for i := range got.NumField() {
			diffFields(r, path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
	case got.Kind() == reflect.Slice:
		if got.Len() != want.Len() {
			r.addf("%s: %d elements, want %d", path, got.Len(), want.Len())
		}
		for i := range min(got.Len(), want.Len()) {
			diffFields(r, fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))
		}
	case !reflect.DeepEqual(got.Interface(), want.Interface()):
		r.change(path, format(got), format(want))
	}
}

func format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case []span.KeyValue:
		return formatAttrs(x)
	case string:
		return fmt.Sprintf("%q", x)
	default:
		return fmt.Sprint(x)
	}
}

func nameSpan(s *span.Span) string {
	return fmt.Sprintf("span %s of trace %s at %d", s.SpanID, s.TraceID, s.Start)
}

func formatSpan(s *span.Span) string {
	return nameSpan(s) + fmt.Sprintf(" to %d, parent %s, name %q, kind %d, status %d %q, attributes %s, %d events, %d links, resource %s, scope %q %s",
		s.End, s.Parent, s.Name, s.Kind, s.Status, s.Message, formatAttrs(s.Attrs), len(s.Events), len(s.Links),
		formatAttrs(s.Resource.Attrs), s.Scope.Name, formatAttrs(s.Scope.Attrs))
}

// describe names an element of a list.
func describe(v any) string {
	switch v := v.(type) {
	case span.Value:
		return formatValue(v)
	case string:
		return fmt.Sprintf("%q", v)
	case store.Operation:
		return fmt.Sprintf("%q of kind %d", v.Name, v.Kind)
	case store.AttributeKey:
		return fmt.Sprintf("%s key %q of type %s counted %d times", v.Scope, v.Key, v.Type, v.Count)
	case store.ValueCount:
		return fmt.Sprintf("%s counted %d times", formatValue(v.Value), v.Count)
	}
	return fmt.Sprint(v)
}
