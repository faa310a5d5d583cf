package api

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/clewhq/clew/store"
)

// apiV3 answers for jaeger.api_v3.QueryService, whose traces are OTLP's: as they came but for what is odd about
// spans, which is among their attributes unless raw traces are asked for.
func (g *jaegerGRPC) apiV3() map[protoreflect.Name]callHandler {
	return map[protoreflect.Name]callHandler{
		"GetTrace":           g.traceOTLP,
		"FindTraces":         g.tracesV3,
		"FindTraceSummaries": g.summariesV3,
		"FindSpans":          g.spans,
		"GetServices":        g.services,
		"GetOperations":      g.operationList,
		"GetDependencies":    g.dependencies,
	}
}

func (g *jaegerGRPC) traceOTLP(c *jaegerCall) error {
	t, err := g.trace(c)
	if err != nil {
		return err
	}
	if err := c.tellGaps(t.Gaps); err != nil {
		return err
	}
	if !c.in.has("raw_traces") {
		annotate(t)
	}
	return sendOTLP(t.Spans, c.send)
}

func (g *jaegerGRPC) tracesV3(c *jaegerCall) error {
	q, err := g.searchV3(c)
	if err != nil {
		return err
	}
	return g.findOTLP(c, q, q.raw)
}

func (g *jaegerGRPC) findOTLP(c *jaegerCall, q *jaegerQuery, raw bool) error {
	if c.in.query().has("pagination") {
		return badRequest("query.pagination: traces come without a page token; use search_depth")
	}
	return g.find(c, q, func(t *store.Trace) error {
		if !raw {
			annotate(t)
		}
		return sendOTLP(t.Spans, c.send)
	})
}

func (g *jaegerGRPC) summariesV3(c *jaegerCall) error {
	q, err := g.searchV3(c)
	if err != nil {
		return err
	}
	return g.summaries(c, q, func(s *traceSummary) []byte { return []byte(s.TraceID) })
}

// searchV3 reads the field query. Unlike elsewhere, both ends of the range are
// required and the second one is left out.
func (g *jaegerGRPC) searchV3(c *jaegerCall) (*jaegerQuery, error) {
	q, err := g.search(c)
	if err != nil {
		return nil, err
	}
	q.opts.Range, err = c.in.query().requiredRange()
	return q, err
}

// requiredRange reads start_time_min and start_time_max, both of which have to be there. The second one is left out.
func (r request) requiredRange() (store.TimeRange, error) {
	within, _, err := r.timeRange("start_time_min", "start_time_max")
	if err != nil {
		return within, err
	}
	for _, name := range []protoreflect.Name{"start_time_min", "start_time_max"} {
		if !r.has(name) {
			return within, badRequest("query.%s: is required", name)
		}
	}
	if within.End--; within.Start >= within.End {
		return within, badRequest("query.start_time_min: must lie before start_time_max")
	}
	return within, nil
}

// operationList answers with GetOperationsResponse { repeated Operation 1 }.
func (g *jaegerGRPC) operationList(c *jaegerCall) error {
	list, err := g.operations(c)
	if err != nil {
		return err
	}
	return c.send(appendOperations(nil, 1, list))
}

// summaries answers with FindTraceSummariesResponse { repeated TraceSummary 1;
// string next_page_token 2 }, the last of which has the token. id makes an API's form of a trace id.
func (g *jaegerGRPC) summaries(c *jaegerCall, q *jaegerQuery, id func(*traceSummary) []byte) error {
	found, err := g.query.Search(c.ctx, c.tenant, q.search, q.opts)
	if err != nil {
		return err
	}
	if err := c.tellGaps(found.Gaps); err != nil {
		return err
	}
	var reply []byte
	for _, t := range found.Traces {
		if len(reply) > chunkBytes {
			if err := c.send(reply); err != nil {
				return err
			}
			reply = reply[:0]
		}
		s := summaryOf(t)
		reply = appendSummary(reply, &s, id(&s))
	}
	if reply = c.appendNext(reply, found); len(reply) == 0 {
		return nil
	}
	return c.send(reply)
}

// appendSummary appends, as field 1, TraceSummary { trace_id 1; string
// root_service_name 2; string root_operation_name 3; fixed64
// min_start_time_unix_nano 4; fixed64 max_end_time_unix_nano 5; int32 span_count 6;
// int32 error_span_count 7; int32 orphan_span_count 8; repeated ServiceSummary {
// string name 1; int32 span_count 2; int32 error_span_count 3 } 9 }.
func appendSummary(dst []byte, s *traceSummary, id []byte) []byte {
	dst, at := begin(dst, 1)
	dst = appendText(dst, 1, id)
	dst = appendUTF8(dst, 2, []byte(s.RootService))
	dst = appendUTF8(dst, 3, []byte(s.RootName))
	dst = appendFixed64(dst, 4, s.Start)
	dst = appendFixed64(dst, 5, s.End)
	for i, n := range []int{s.Spans, s.Errors, s.Orphans} {
		dst = appendNumber(dst, 6+protowire.Number(i), uint64(n))
	}
	for _, of := range s.Services {
		var service int
		dst, service = begin(dst, 9)
		dst = appendUTF8(dst, 1, []byte(of.Name))
		dst = appendNumber(dst, 2, uint64(of.Spans))
		dst = appendNumber(dst, 3, uint64(of.Errors))
		dst = end(dst, service)
	}
	return end(dst, at)
}
