package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// SpanDetails is all that is known of a span.
type SpanDetails struct {
	View          string          `json:"view"`
	Row           int32           `json:"row"`
	TraceID       string          `json:"traceId"`
	SpanID        string          `json:"spanId"`
	ParentSpanID  string          `json:"parentSpanId,omitempty"`
	ParentRow     *int32          `json:"parentRow,omitempty"`
	Name          string          `json:"name"`
	Service       string          `json:"service"`
	Kind          string          `json:"kind"`
	Status        string          `json:"status"`
	StatusMessage string          `json:"statusMessage,omitempty"`
	TraceState    string          `json:"traceState,omitempty"`
	Flags         uint32          `json:"flags"`
	StartUnixNano uint64          `json:"startUnixNano,string"`
	EndUnixNano   uint64          `json:"endUnixNano,string"`
	DurationNanos int64           `json:"durationNanos,string"`
	SelfNanos     int64           `json:"selfNanos,string"`
	CriticalNanos int64           `json:"criticalNanos,string"`
	AdjustedCount float64         `json:"adjustedCount"`
	Attributes    []SpanAttribute `json:"attributes"`
	Events        []SpanEvent     `json:"events"`
	Links         []SpanLink      `json:"links"`
	LinkedFrom    []LinkedSpan    `json:"linkedFrom"`
	// LinkedFromPartial: there may be more spans that link here.
	LinkedFromPartial bool         `json:"linkedFromPartial"`
	LogLinks          []LogLink    `json:"logLinks"`
	Resource          SpanResource `json:"resource"`
	Scope             SpanScope    `json:"scope"`
	DroppedAttributes uint32       `json:"droppedAttributes"`
	DroppedEvents     uint32       `json:"droppedEvents"`
	DroppedLinks      uint32       `json:"droppedLinks"`
}

// SpanAttribute is an attribute with its key and what TraceQL calls it.
type SpanAttribute struct {
	Key     string `json:"key"`
	TraceQL string `json:"traceql"`
	TypedValue
}

// SpanEvent is an event of a span.
type SpanEvent struct {
	Name              string          `json:"name"`
	TimeUnixNano      uint64          `json:"timeUnixNano,string"`
	Exception         bool            `json:"exception"`
	Attributes        []SpanAttribute `json:"attributes"`
	DroppedAttributes uint32          `json:"droppedAttributes"`
}

// SpanLink is a link of a span to another one; Row is there if that is in the same view.
type SpanLink struct {
	TraceID           string          `json:"traceId"`
	SpanID            string          `json:"spanId"`
	Row               *int32          `json:"row,omitempty"`
	TraceState        string          `json:"traceState,omitempty"`
	Flags             uint32          `json:"flags"`
	Attributes        []SpanAttribute `json:"attributes"`
	DroppedAttributes uint32          `json:"droppedAttributes"`
}

// LinkedSpan is a span that links to the one that was asked for; Row is there if it is in the same view.
type LinkedSpan struct {
	TraceID       string `json:"traceId"`
	SpanID        string `json:"spanId"`
	Row           *int32 `json:"row,omitempty"`
	Service       string `json:"service"`
	Name          string `json:"name"`
	StartUnixNano uint64 `json:"startUnixNano,string"`
	DurationNanos int64  `json:"durationNanos,string"`
}

// SpanResource is what sent a span.
type SpanResource struct {
	Attributes        []SpanAttribute `json:"attributes"`
	DroppedAttributes uint32          `json:"droppedAttributes"`
	SchemaURL         string          `json:"schemaUrl,omitempty"`
}

// SpanScope is the instrumentation of a span.
type SpanScope struct {
	Name              string          `json:"name"`
	Version           string          `json:"version"`
	Attributes        []SpanAttribute `json:"attributes"`
	DroppedAttributes uint32          `json:"droppedAttributes"`
	SchemaURL         string          `json:"schemaUrl,omitempty"`
}

// span answers GET /traces/{id}/spans/{span}, by row or by id.
func (n *native) span(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r, "linkedFrom")
	if err != nil {
		return err
	}
	backwards := true
	if q.Get("linkedFrom") != "" {
		if backwards, err = q.boolean("linkedFrom"); err != nil {
			return err
		}
	}
	name := r.PathValue("span")
	open := n.open
	if len(name) != spanIDDigits {
		open = n.openSame // an id is the same in every view, a row is not
	}
	v, err := open(r, q)
	if err != nil {
		return err
	}
	row, err := v.row(name)
	if err != nil {
		return err
	}
	d := v.details(row)
	d.LogLinks = n.LogLinks.of(v.trace.Spans, int(v.trace.At[row]))
	if backwards {
		if err := n.linkedFrom(r.Context(), q, v, d); err != nil {
			return err
		}
	}
	return writeJSON(w, d)
}

// spanIDDigits is how many hex digits a span id has; what has as many is no number of a row.
const spanIDDigits = 16

// row reads the number of a row, or the id of a span, of which the first row with it counts.
func (v *view) row(name string) (int32, error) {
	if len(name) != spanIDDigits {
		row, err := strconv.ParseUint(name, 10, 31)
		switch {
		case err != nil:
			return 0, badRequest("%q is neither the number of a row nor a span id of 16 hex digits", clip(name))
		case int(row) >= v.trace.Len():
			return 0, notInTrace("the view has rows up to %d, not %d", v.trace.Len()-1, row)
		}
		return int32(row), nil
	}
	id, err := span.ParseSpanID(name)
	if err != nil {
		return 0, badRequest("%v", err)
	}
	row := v.trace.RowOf(id)
	if row == analyze.NoRow {
		return 0, notInTrace("the trace has no span %s", id)
	}
	return row, nil
}

func (v *view) details(row int32) *SpanDetails {
	t := v.trace
	b, at := t.Spans, int(t.At[row])
	d := &SpanDetails{
		View: v.token, Row: row, TraceID: v.id.String(), SpanID: b.SpanIDs[at].String(),
		Name: t.Name(row), Service: t.Services[t.Service(row)],
		Kind: wordOf(kindNames, b.Kinds[at]), Status: wordOf(statusNames, b.Statuses[at]), StatusMessage: b.Dict.String(b.Messages[at]),
		TraceState: b.Dict.String(b.States[at]), Flags: b.Flags[at],
		StartUnixNano: b.Starts[at], EndUnixNano: b.Ends[at], DurationNanos: b.Duration(at),
		SelfNanos: t.Self[row], CriticalNanos: t.Critical[row], AdjustedCount: t.Weight(row),
		Attributes: attributesOf(b, store.SpanScope, b.Attrs[at]), Events: []SpanEvent{}, Links: []SpanLink{}, LinkedFrom: []LinkedSpan{},
		DroppedAttributes: b.Dropped[at].Attrs, DroppedEvents: b.Dropped[at].Events, DroppedLinks: b.Dropped[at].Links,
	}
	if !b.Parents[at].IsZero() {
		d.ParentSpanID = b.Parents[at].String()
	}
	if up := t.Parent[row]; up != analyze.NoRow {
		d.ParentRow = &up
	}
	for _, e := range b.EventsOf(at) {
		d.Events = append(d.Events, SpanEvent{
			b.Dict.String(e.Name), e.Time, analyze.IsException(b, &e), attributesOf(b, store.EventScope, e.Attrs), e.DroppedAttrs})
	}
	for _, l := range b.LinksOf(at) {
		link := SpanLink{
			TraceID: l.TraceID.String(), SpanID: l.SpanID.String(), TraceState: b.Dict.String(l.State), Flags: l.Flags,
			Attributes: attributesOf(b, store.LinkScope, l.Attrs), DroppedAttributes: l.DroppedAttrs,
		}
		if to := t.RowOf(l.SpanID); l.TraceID == v.id && to != analyze.NoRow {
			link.Row = &to
		}
		d.Links = append(d.Links, link)
	}
	d.Resource, d.Scope = resourceDetails(b, b.Resource[at]), scopeDetails(b, b.Scope[at])
	return d
}

func resourceDetails(b *span.Batch, i uint32) SpanResource {
	r := &b.Resources[i]
	return SpanResource{attributesOf(b, store.ResourceScope, r.Attrs), r.DroppedAttrs, b.Dict.String(r.SchemaURL)}
}

func scopeDetails(b *span.Batch, i uint32) SpanScope {
	s := &b.Scopes[i]
	return SpanScope{
		b.Dict.String(s.Name), b.Dict.String(s.Version), attributesOf(b, store.InstrumentationScope, s.Attrs), s.DroppedAttrs, b.Dict.String(s.SchemaURL)}
}

// wordOf returns the word for a kind or status in lower case; for one that OTLP does not define, its number.
func wordOf(names []string, n int32) string {
	word := appendWord(nil, names, traceql.Static{Num: uint64(int64(n))})
	return string(word[1 : len(word)-1])
}

func attributesOf(b *span.Batch, scope store.Scope, a span.Attrs) []SpanAttribute {
	list := make([]SpanAttribute, 0, len(b.Shapes.Entries(a.Shape)))
	for key, value := range b.AllAttrs(a) {
		list = append(list, SpanAttribute{key, (&traceql.Attribute{Scope: scope, Name: key}).String(), typedValue(traceql.StaticOf(value))})
	}
	return list
}

const (
	// maxLinkedFrom is the most spans that are told of which link to one.
	maxLinkedFrom = 100
	// linkedFromTime is how long the store is searched for them.
	linkedFromTime = time.Second
	// Links are made to spans that have begun: they are searched for from linkedFromBefore before the trace
	// (clocks differ) to linkedFromAfter behind it.
	linkedFromBefore = uint64(time.Minute)
	linkedFromAfter  = uint64(7 * 24 * time.Hour)
)

// linkedFrom adds the spans that link to the one of d.
func (n *native) linkedFrom(ctx context.Context, q viewRequest, v *view, d *SpanDetails) error {
	t := v.trace
	id := t.ID(d.Row)
	for row := range t.LinkingTo(v.id, id) {
		at := t.At[row]
		if len(d.LinkedFrom) == maxLinkedFrom {
			d.LinkedFromPartial = true
			return nil
		}
		d.LinkedFrom = append(d.LinkedFrom, LinkedSpan{
			v.id.String(), t.ID(row).String(), &row, t.Services[t.Service(row)], t.Name(row), t.Spans.Starts[at], t.Spans.Duration(int(at))})
	}
	body := joined(traceql.And, []traceql.Expr{
		equal(intrinsic(traceql.LinkSpanID), traceql.StringStatic(id.String())),
		equal(intrinsic(traceql.LinkTraceID), traceql.StringStatic(v.id.String())),
	})
	query := &traceql.Query{Search: &traceql.Pipeline{Stages: []traceql.Stage{&traceql.Filter{Body: body}}}}
	opts := traceql.SearchOptions{Spans: true, Limit: maxLinkedFrom + 1}
	opts.Range.Start = t.Start - min(t.Start, linkedFromBefore)
	if opts.Range.End = t.End + linkedFromAfter; opts.Range.End < t.End {
		opts.Range.End = math.MaxUint64
	}
	limited, cancel := context.WithTimeout(ctx, linkedFromTime)
	defer cancel()
	for _, tenant := range q.tenants {
		result, err := n.query.Search(limited, tenant, query, opts)
		var busy *store.RetryError
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil, errors.As(err, &busy):
			d.LinkedFromPartial = true
			return nil
		case err != nil:
			return err
		}
		d.LinkedFromPartial = d.LinkedFromPartial || len(result.Gaps) > 0 || len(result.Spans) > maxLinkedFrom
		for _, s := range result.Spans {
			if s.TraceID != v.id && len(d.LinkedFrom) < maxLinkedFrom {
				d.LinkedFrom = append(d.LinkedFrom, LinkedSpan{s.TraceID.String(), s.ID.String(), nil, s.Service, s.Name, s.Start, s.Duration})
			}
		}
	}
	return nil
}
