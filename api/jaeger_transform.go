package api

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

const (
	// maxTransformBytes is the most that can be uploaded.
	maxTransformBytes = 64 << 20
	// maxTransformItems is the most spans, events, links and attributes together.
	maxTransformItems = 4 << 20
)

// transform answers POST /api/transform: traces in OTLP's JSON come back in
// Jaeger's. Nothing of them is kept.
func (j *jaeger) transform(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTransformBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return badRequest("the body has more than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return badRequest("cannot read the body: %v", err)
	}
	var b span.Batch
	rejected, err := ingest.DecodeOTLP(span.FormatOTLPJSON, body, &b, ingest.Limits{Items: maxTransformItems})
	if err != nil {
		return badRequest("cannot unmarshal OTLP: %v", err)
	}
	answer := newJaegerAnswer(w, r, false)
	if rejected.Count > 0 {
		answer.failed(jaegerError{Msg: fmt.Sprintf("%d spans are left out: %s", rejected.Count, rejected.Message)})
	}
	for t := range tracesOf(&b) {
		answer.trace(&store.Trace{Spans: t})
		if err := answer.json.err; err != nil {
			return err
		}
	}
	return answer.close()
}

// tracesOf takes a batch apart into traces, each by first appearance, with
// spans by start as a store has them. Each is valid until the next.
func tracesOf(b *span.Batch) iter.Seq[*span.Batch] {
	var traces [][]int // the spans of each
	place := map[span.TraceID]int{}
	for i, id := range b.TraceIDs {
		at, ok := place[id]
		if !ok {
			at = len(traces)
			place[id] = at
			traces = append(traces, nil)
		}
		traces[at] = append(traces[at], i)
	}
	return func(yield func(*span.Batch) bool) {
		var trace span.Batch
		for _, spans := range traces {
			slices.SortStableFunc(spans, func(x, y int) int {
				return cmp.Or(cmp.Compare(b.Starts[x], b.Starts[y]), bytes.Compare(b.SpanIDs[x][:], b.SpanIDs[y][:]))
			})
			trace.Reset()
			for _, i := range spans {
				s := b.Span(i)
				trace.Append(&s)
			}
			if !yield(&trace) {
				return
			}
		}
	}
}
