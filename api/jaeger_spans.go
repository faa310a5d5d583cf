package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// spanSearch is a search for spans.
type spanSearch struct {
	query *traceql.Query
	opts  traceql.SearchOptions
}

// newSpanSearch puts a search together. The filter and the order are in JSON; either may be empty. A page of 0 spans is one of
// the default size, and one that is too large becomes the largest.
func (f *face) newSpanSearch(within store.TimeRange, filter, order []byte, size uint64, after string) (s *spanSearch, err error) {
	s = &spanSearch{opts: traceql.SearchOptions{Range: within, Spans: true, After: store.Cursor(after)}}
	if s.query, err = traceql.Parse("{ }"); len(filter) > 0 {
		s.query, err = parseStructuredFilter(filter)
	}
	if err != nil {
		return nil, badRequest("query.filter: %v", err)
	}
	if s.opts.Order, err = parseSpanOrder(order); err != nil {
		return nil, badRequest("query.order_by: %v", err)
	}
	if s.opts.Limit = jaegerDefaultLimit; size > 0 {
		s.opts.Limit = int(min(size, uint64(f.MaxTraces)))
	}
	s.opts.Limit = min(s.opts.Limit, f.MaxTraces)
	return s, nil
}

// spanKeys are the fields of spans that have an order.
var spanKeys = map[string]traceql.SpanKey{
	"startTime": traceql.ByStart, "duration": traceql.ByDuration, "traceID": traceql.ByTraceID, "spanID": traceql.BySpanID,
}

// parseSpanOrder reads a list of SpanSortOrder in JSON. What it leaves undecided is newest first, then by the ids.
func parseSpanOrder(text []byte) ([]traceql.SpanOrder, error) {
	var terms []struct {
		Expression filterTerm `json:"expression"`
		Direction  string     `json:"direction"`
	}
	if len(text) > 0 {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&terms); err != nil {
			return nil, fmt.Errorf("cannot unmarshal JSON: %w", err)
		}
	}
	var order []traceql.SpanOrder
	has := func(key traceql.SpanKey) bool {
		return slices.ContainsFunc(order, func(o traceql.SpanOrder) bool { return o.By == key })
	}
	for i, t := range terms {
		field := t.Expression.Field
		if field == nil || field.Level != "span" {
			return nil, fmt.Errorf("term %d is no field of the span", i+1)
		}
		key, ok := spanKeys[field.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("there is no order by %q; there are startTime, duration, traceID, spanID", field.Name)
		case has(key):
			return nil, fmt.Errorf("%s is there twice", field.Name)
		case t.Direction != "" && t.Direction != "asc" && t.Direction != "desc":
			return nil, fmt.Errorf("the direction %q is neither asc nor desc", t.Direction)
		}
		order = append(order, traceql.SpanOrder{By: key, Descending: t.Direction == "desc"})
	}
	for _, o := range []traceql.SpanOrder{{By: traceql.ByStart, Descending: true}, {By: traceql.ByTraceID}, {By: traceql.BySpanID}} {
		if !has(o.By) {
			order = append(order, o)
		}
	}
	return order, nil
}

// spansAtOnce is how many spans of a search are held in memory.
const spansAtOnce = 1000

// spanPart are whole spans of a search, with what may be missing in them.
type spanPart struct {
	spans  *span.Batch
	groups []resourceGroup // in the order of the search: a resource comes again where another one was between
	gaps   []string
}

// readSpans calls yield with the spans that a search found, in order, without those that expired meanwhile.
func (f *face) readSpans(ctx context.Context, tenant string, found []traceql.FoundSpan, yield func(*spanPart) error) error {
	for some := range slices.Chunk(found, spansAtOnce) {
		part, err := f.readSpansOf(ctx, tenant, some)
		if err != nil {
			return err
		}
		if part.spans.Len() == 0 {
			continue
		}
		if err := yield(part); err != nil {
			return err
		}
	}
	return nil
}

// spanLook is what tells a span that a search found from others with its id.
type spanLook struct {
	id            span.SpanID
	start         uint64
	duration      int64
	name, service string
}

func (f *face) readSpansOf(ctx context.Context, tenant string, found []traceql.FoundSpan) (*spanPart, error) {
	wanted := map[span.TraceID]map[spanLook][]int{} // places in found
	var refs []traceRef
	for i, s := range found {
		if wanted[s.TraceID] == nil {
			wanted[s.TraceID] = map[spanLook][]int{}
			refs = append(refs, traceRef{s.TraceID, store.TimeRange{Start: s.Start, End: saturate(s.Start, uint64(max(s.Duration, 1)))}})
		}
		look := spanLook{s.ID, s.Start, s.Duration, s.Name, s.Service}
		wanted[s.TraceID][look] = append(wanted[s.TraceID][look], i)
	}
	part := &spanPart{spans: &span.Batch{}}
	rows := make([]*span.Span, len(found))
	err := fetch(ctx, f.store, tenant, refs, func(t fetched) error {
		switch {
		case errors.Is(t.err, store.ErrNotFound):
			return nil
		case t.err != nil:
			return t.err
		}
		part.gaps = append(part.gaps, t.trace.Gaps...)
		b := t.trace.Spans
		for i := range b.Len() {
			look := spanLook{b.SpanIDs[i], b.Starts[i], b.Duration(i), b.Dict.String(b.Names[i]), b.ServiceName(b.Resource[i])}
			if places := wanted[t.ref.id][look]; len(places) > 0 {
				row := b.Span(i)
				rows[places[0]], wanted[t.ref.id][look] = &row, places[1:]
			}
		}
		return nil
	})
	for _, row := range rows {
		if row != nil {
			part.spans.Append(row)
		}
	}
	part.groups = runs(part.spans)
	return part, err
}

// runs returns the spans of b in their order, those next to each other that share resource and scope together.
func runs(b *span.Batch) []resourceGroup {
	var list []resourceGroup
	for i := range b.Len() {
		if i == 0 || b.Resource[i] != b.Resource[i-1] {
			list = append(list, resourceGroup{resource: b.Resource[i]})
		}
		in := &list[len(list)-1]
		if n := len(in.scopes); n == 0 || in.scopes[n-1].scope != b.Scope[i] {
			in.scopes = append(in.scopes, scopeGroup{scope: b.Scope[i]})
		}
		scope := &in.scopes[len(in.scopes)-1]
		scope.spans = append(scope.spans, uint32(i))
	}
	return list
}

// spans answers GET and POST /api/v3/spans with a FindSpansResponse.
func (v *jaegerV3) spans(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := v3ParamsOf(r)
	if err != nil {
		return err
	}
	within, err := p.within("query.startTimeMin", "query.startTimeMax")
	if err != nil {
		return err
	}
	size, err := p.count("query.pagination.pageSize", math.MaxInt32)
	if err != nil {
		return err
	}
	s, err := v.newSpanSearch(within, []byte(p.text("query.filter")), []byte(p.text("query.orderBy")), uint64(size), p.text("query.pagination.pageToken"))
	if err != nil {
		return err
	}
	found, err := v.query.Search(r.Context(), tenant, s.query, s.opts)
	if err != nil {
		return err
	}
	tellGaps(w, found.Gaps)
	answer := newV3Answer(w, r)
	answer.begin("spans")
	err = v.readSpans(r.Context(), tenant, found.Spans, func(part *spanPart) error {
		answer.tellGaps(part.gaps)
		for _, g := range part.groups {
			answer.json.resourceSpans(part.spans, g)
		}
		return answer.json.err
	})
	if err != nil {
		return err
	}
	answer.json.endArray()
	answer.json.endObject()
	answer.json.name("nextPageToken")
	answer.json.text(string(found.Next))
	answer.json.endObject()
	return answer.json.err
}

// spans answers with messages of FindSpansResponse { TracesData 1; string next_page_token 3 }, the last of which has the token.
func (g *jaegerGRPC) spans(c *jaegerCall) error {
	s, err := g.spanSearch(c)
	if err != nil {
		return err
	}
	found, err := g.query.Search(c.ctx, c.tenant, s.query, s.opts)
	if err != nil {
		return err
	}
	gaps := found.Gaps
	var reply []byte
	err = g.readSpans(c.ctx, c.tenant, found.Spans, func(part *spanPart) error {
		gaps = append(gaps, part.gaps...)
		return sendGroups(part.spans, part.groups, func(chunk []byte) error {
			if len(reply) > 0 {
				if err := c.send(reply); err != nil {
					return err
				}
			}
			reply = appendText(reply[:0], 1, chunk)
			return nil
		})
	})
	if err != nil {
		return err
	}
	slices.Sort(gaps)
	if err := c.tellGaps(slices.Compact(gaps)); err != nil {
		return err
	}
	if reply = appendText(reply, 3, []byte(found.Next)); len(reply) == 0 {
		return nil
	}
	return c.send(reply)
}

// spanSearch reads the field query of FindSpansRequest.
func (g *jaegerGRPC) spanSearch(c *jaegerCall) (*spanSearch, error) {
	if !c.in.has("query") {
		return nil, badRequest("query: is required")
	}
	in := c.in.query()
	within, err := in.requiredRange()
	if err != nil {
		return nil, err
	}
	var filter, order []byte
	if in.has("filter") {
		if filter, err = protojson.Marshal(in.get("filter").Message().Interface()); err != nil {
			return nil, badRequest("query.filter: %v", err)
		}
	}
	var terms []json.RawMessage
	for i, list := 0, in.get("order_by").List(); i < list.Len(); i++ {
		term, err := protojson.Marshal(list.Get(i).Message().Interface())
		if err != nil {
			return nil, badRequest("query.order_by: %v", err)
		}
		terms = append(terms, term)
	}
	if len(terms) > 0 {
		order, _ = json.Marshal(terms) // of JSON
	}
	page := request{in.get("pagination").Message()}
	size := page.get("page_size").Uint()
	if size == 0 && in.has("pagination") {
		return nil, badRequest("page_size: must not be 0")
	}
	return g.newSpanSearch(within, filter, order, size, page.text("page_token"))
}
