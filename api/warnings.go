package api

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
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
	b            *span.Batch // ordered as a store has it
	ids, parents []span.SpanID
	known        []uint64              // ids, sorted
	rows         map[span.SpanID]int32 // the first span with an id
	skew         map[int32]int64       // by span: nanoseconds to add so that its times fit its caller's
	clips        bool                  // whether durations below 0 are shown as 0
}

// newOddities looks at a trace with the ids that are shown for its spans; known are these, sorted.
func newOddities(b *span.Batch, ids, parents []span.SpanID, known []uint64) *oddities {
	o := &oddities{b: b, ids: ids, parents: parents, known: known}
	o.rows = make(map[span.SpanID]int32, len(ids))
	for i, id := range ids {
		if _, ok := o.rows[id]; !ok {
			o.rows[id] = int32(i)
		}
	}
	if !callsOther(b) {
		return o
	}
	t := analyze.NewTrace(b)
	o.skew = map[int32]int64{}
	for _, s := range t.Skew() {
		if s.Adjust != 0 && t.Spans == b {
			o.skew[t.At[s.Row]] = s.Adjust
		}
	}
	return o
}

// callsOther reports whether there may be calls from one service to another.
func callsOther(b *span.Batch) bool {
	return len(b.Resources) > 1 && slices.Contains(b.Kinds, kindClient) && slices.Contains(b.Kinds, kindServer)
}

// of says what is odd about a span.
func (o *oddities) of(i int) []string {
	var list []string
	start, end := o.b.Starts[i], o.b.Ends[i]
	skew := o.skew[int32(i)]
	if parent := o.parents[i]; !parent.IsZero() {
		row, ok := o.rows[parent]
		switch {
		case !ok:
			list = append(list, fmt.Sprintf("the parent span %s is missing: it has not arrived, was not sampled or was lost", parent))
		case skew > 0:
			list = append(list, fmt.Sprintf("clock skew: the clock is about %v behind that of the caller; times are shown as they came", time.Duration(skew)))
		case skew < 0:
			list = append(list, fmt.Sprintf("clock skew: the clock is about %v ahead of that of the caller; times are shown as they came", time.Duration(-skew)))
		case start < o.b.Starts[row]:
			list = append(list, fmt.Sprintf("the span starts %v before its parent; times are shown as they came", time.Duration(o.b.Starts[row]-start)))
		}
	}
	if end < start {
		text := fmt.Sprintf("the span ends %v before it starts", time.Duration(start-end))
		if o.clips {
			text += "; its duration is shown as 0"
		}
		list = append(list, text)
	}
	if at, _ := slices.BinarySearch(o.known, o.ids[i].Uint64()); at+1 < len(o.known) && o.known[at+1] == o.known[at] {
		list = append(list, "another span of this trace has the same id")
	}
	return list
}

// warningsKey is the attribute in which Jaeger's third API has what is odd about a span.
const warningsKey = "@jaeger@warnings"

// annotate puts what is odd about each span among its attributes.
func annotate(b *span.Batch) {
	o := newOddities(b, b.SpanIDs, b.Parents, sortedIDs(b.SpanIDs))
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
