package api

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// storageReader answers for jaeger.storage.v2.TraceReader, by which a Jaeger
// reads out of a storage that is not its own.
func (g *jaegerGRPC) storageReader() map[protoreflect.Name]callHandler {
	return map[protoreflect.Name]callHandler{
		"GetTraces":          g.tracesByID,
		"FindTraces":         g.tracesStored,
		"FindTraceIDs":       g.traceIDs,
		"FindTraceSummaries": g.summariesStored,
		"FindSpans":          g.spans,
		"GetServices":        g.services,
		"GetOperations":      g.operationList,
	}
}

// tracesByID sends the traces that there are of those asked for.
func (g *jaegerGRPC) tracesByID(c *jaegerCall) error {
	list := c.in.get("query").List()
	if list.Len() > g.MaxTraces {
		return badRequest("query: has %d ids, the limit is %d", list.Len(), g.MaxTraces)
	}
	refs := make([]traceRef, list.Len())
	for i := range refs {
		in := request{list.Get(i).Message()}
		id, err := in.traceID()
		if err != nil {
			return err
		}
		hint, _, err := in.timeRange("start_time", "end_time")
		if err != nil {
			return err
		}
		refs[i] = traceRef{id, hint}
	}
	return g.fetch(c, refs, func(t *store.Trace) error { return sendOTLP(t.Spans, c.send) })
}

func (g *jaegerGRPC) tracesStored(c *jaegerCall) error {
	q, err := g.search(c)
	if err != nil {
		return err
	}
	return g.findOTLP(c, q, true)
}

// traceIDs answers with FindTraceIDsResponse { repeated FoundTraceID { bytes
// trace_id 1; Timestamp start 2; Timestamp end 3 } 1; string next_page_token 2 }.
func (g *jaegerGRPC) traceIDs(c *jaegerCall) error {
	q, err := g.search(c)
	if err != nil {
		return err
	}
	found, err := g.query.Search(c.ctx, c.tenant, q.search, q.opts)
	if err != nil {
		return err
	}
	var reply []byte
	for _, t := range found.Traces {
		var at int
		reply, at = begin(reply, 1)
		reply = appendText(reply, 1, t.ID[:])
		reply = appendSeconds(reply, 2, t.Start)
		reply = appendSeconds(reply, 3, t.End)
		reply = end(reply, at)
	}
	reply = c.appendNext(reply, found)
	return errors.Join(c.tellGaps(found.Gaps), c.send(reply))
}

func (g *jaegerGRPC) summariesStored(c *jaegerCall) error {
	q, err := g.search(c)
	if err != nil {
		return err
	}
	return g.summaries(c, q, func(s *traceSummary) []byte {
		id, _ := span.ParseTraceID(s.TraceID) // it was printed from one
		return id[:]
	})
}

// storageDependencies answers for jaeger.storage.v2.DependencyReader.
func (g *jaegerGRPC) storageDependencies() map[protoreflect.Name]callHandler {
	return map[protoreflect.Name]callHandler{"GetDependencies": g.dependencies}
}

// capabilities answers for the services named Capabilities of jaeger.storage.v2 and jaeger.api_v3, with
// GetCapabilitiesResponse { SearchCapabilities { bool without_service_name 1;
// bool same_span_conjunction 2; FilterCapabilities { repeated string levels 1;
// repeated string operators 2 } 3; bool paginated 4; bool span_search 5; bool span_sorting 6 } 1 }.
func (g *jaegerGRPC) capabilities() map[protoreflect.Name]callHandler {
	return map[protoreflect.Name]callHandler{"GetCapabilities": func(c *jaegerCall) error {
		reply, at := begin(nil, 1)
		reply = appendNumber(reply, 1, 1)
		reply = appendNumber(reply, 2, 1)
		reply, filter := begin(reply, 3)
		for _, name := range filterLevels {
			reply = appendMember(reply, 1, name)
		}
		for _, name := range filterOperators {
			reply = appendMember(reply, 2, name)
		}
		reply = end(reply, filter)
		for _, name := range []protowire.Number{4, 5, 6} {
			reply = appendNumber(reply, name, 1)
		}
		return c.send(end(reply, at))
	}}
}

// What parseStructuredFilter takes.
var (
	filterLevels    = []string{"span", "resource", "scope", "event", "link"}
	filterOperators = []string{"and", "or", "not", "eq", "ne", "gt", "lt", "gte", "lte", "regex", "exists", "in", "not_in", "some", "phrase", "fulltext"}
)
