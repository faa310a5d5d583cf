package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// warningHeader has, once for each, what is odd about a trace, on an answer that has no other place to say so.
const warningHeader = "Clew-Warning"

// maxWarningLines bounds the headers of an answer.
const maxWarningLines = 20

// warningsOf says what is odd about a trace.
func warningsOf(batches ...*span.Batch) []string {
	t := analyze.NewTrace(batches...)
	var list []string
	for _, w := range t.Warnings() {
		text := w.Text
		if w.Row != analyze.NoRow && w.Kind != "orphan" && w.Kind != "duplicate" { // which name ids themselves
			text = fmt.Sprintf("span %s: %s", t.ID(w.Row), text)
		}
		list = append(list, text)
	}
	if n := len(list); n > maxWarningLines {
		list = append(list[:maxWarningLines-1], fmt.Sprintf("there are %d more warnings", n-maxWarningLines+1))
	}
	return list
}

func tellWarnings(w http.ResponseWriter, list []string) {
	for _, text := range list {
		w.Header().Add(warningHeader, headerLine(text))
	}
}

// oddities say what is odd about each span of a trace.
type oddities struct {
	*analyze.Trace
	skew  map[int32]int64  // by row: nanoseconds to add so that its times fit its caller's
	twin  func(i int) bool // whether another span is shown with the same id
	clips bool             // whether durations below 0 are shown as 0
}

// newOddities looks at a trace. Its spans are numbered as in Trace.Spans, which is b if b is ordered as a store has it.
func newOddities(b *span.Batch) *oddities {
	o := &oddities{Trace: analyze.NewTrace(b), skew: map[int32]int64{}}
	o.twin = func(i int) bool { return o.Flags[o.Row[i]]&analyze.SharedID != 0 }
	for _, s := range o.Skew() {
		if s.Adjust != 0 {
			o.skew[s.Row] = s.Adjust
		}
	}
	return o
}

// of says what is odd about a span.
func (o *oddities) of(i int) []string {
	var list []string
	row := o.Row[i]
	start, end := o.Spans.Starts[i], o.Spans.Ends[i]
	skew, up := o.skew[row], o.Parent[row]
	switch {
	case o.Flags[row]&analyze.Orphan != 0:
		list = append(list, fmt.Sprintf("the parent span %s is missing: it has not arrived, was not sampled or was lost", o.Spans.Parents[i]))
	case skew > 0:
		list = append(list, fmt.Sprintf("clock skew: the clock is about %v behind that of the caller; times are shown as they came", time.Duration(skew)))
	case skew < 0:
		list = append(list, fmt.Sprintf("clock skew: the clock is about %v ahead of that of the caller; times are shown as they came", time.Duration(-skew)))
	case up != analyze.NoRow && start < o.Spans.Starts[o.At[up]]:
		list = append(list, fmt.Sprintf("the span starts %v before its parent; times are shown as they came", time.Duration(o.Spans.Starts[o.At[up]]-start)))
	}
	if end < start {
		text := fmt.Sprintf("the span ends %v before it starts", time.Duration(start-end))
		if o.clips {
			text += "; its duration is shown as 0"
		}
		list = append(list, text)
	}
	if o.twin(i) {
		list = append(list, "another span of this trace has the same id")
	}
	return list
}

// warningsKey is the attribute in which Jaeger's third API has what is odd about a span.
const warningsKey = "@jaeger@warnings"

// annotate puts what is odd about each span among its attributes.
func annotate(t *store.Trace) {
	o := newOddities(t.Spans)
	b := o.Spans
	t.Spans = b
	for i := range b.Len() {
		texts := o.of(i)
		if len(texts) == 0 {
			continue
		}
		var list []span.KeyValue
		for key, value := range b.AllAttrs(b.Attrs[i]) {
			if key != warningsKey {
				list = append(list, span.KeyValue{Key: key, Value: value})
			}
		}
		var values []span.Value
		for _, text := range texts {
			values = append(values, span.StringValue(text))
		}
		b.Attrs[i] = b.AppendAttrs(append(list, span.KeyValue{Key: warningsKey, Value: span.ArrayValue(values...)}))
	}
}
