package api

import (
	"errors"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/clewhq/clew/store"
)

// apiV2 answers for jaeger.api_v2.QueryService.
func (g *jaegerGRPC) apiV2() map[protoreflect.Name]callHandler {
	return map[protoreflect.Name]callHandler{
		"GetTrace":        g.traceV2,
		"ArchiveTrace":    g.archiveV2,
		"FindTraces":      g.tracesV2,
		"GetServices":     g.services,
		"GetOperations":   g.operationsV2,
		"GetDependencies": g.dependencies,
	}
}

func (g *jaegerGRPC) traceV2(c *jaegerCall) error {
	t, err := g.trace(c)
	if err != nil {
		return err
	}
	return sendJaegerSpans(t, c.in.has("raw_traces"), c.send)
}

func (g *jaegerGRPC) tracesV2(c *jaegerCall) error {
	q, err := g.search(c)
	if err != nil {
		return err
	}
	return g.find(c, q, func(t *store.Trace) error { return sendJaegerSpans(t, q.raw, c.send) })
}

// archiveV2 answers as a Jaeger without archive storage does.
func (g *jaegerGRPC) archiveV2(c *jaegerCall) error {
	if _, err := g.trace(c); err != nil {
		return err
	}
	return status.Error(codes.Unimplemented, "archive span storage was not configured")
}

// trace reads the trace that a request names.
func (g *jaegerGRPC) trace(c *jaegerCall) (*store.Trace, error) {
	id, err := c.in.traceID()
	if err != nil {
		return nil, err
	}
	hint, _, err := c.in.timeRange("start_time", "end_time")
	if err != nil {
		return nil, err
	}
	return g.store.Trace(c.ctx, c.tenant, id, hint)
}

// find calls yield with each trace that a search finds, newest first.
func (g *jaegerGRPC) find(c *jaegerCall, q *jaegerQuery, yield func(*store.Trace) error) error {
	result, err := g.query.Search(c.ctx, c.tenant, q.search, q.opts)
	if err != nil {
		return err
	}
	if err := c.tellGaps(result.Gaps); err != nil {
		return err
	}
	return g.fetch(c, refsOf(result), yield)
}

// fetch calls yield with each trace that there is.
func (g *jaegerGRPC) fetch(c *jaegerCall, refs []traceRef, yield func(*store.Trace) error) error {
	return fetch(c.ctx, g.store, c.tenant, refs, func(f fetched) error {
		switch {
		case errors.Is(f.err, store.ErrNotFound):
			return nil
		case f.err != nil:
			return f.err
		}
		return yield(f.trace)
	})
}

// services answers with GetServicesResponse { repeated string 1 }.
func (g *jaegerGRPC) services(c *jaegerCall) error {
	names, err := g.store.Services(c.ctx, c.tenant, store.TimeRange{})
	if err != nil {
		return err
	}
	var reply []byte
	for _, name := range names.List {
		reply = appendMember(reply, 1, name)
	}
	return errors.Join(c.tellGaps(names.Gaps), c.send(reply))
}

// operationsV2 answers with GetOperationsResponse { repeated string
// operationNames 1; repeated Operation 2 }. The first is for old clients.
func (g *jaegerGRPC) operationsV2(c *jaegerCall) error {
	list, err := g.operations(c)
	if err != nil {
		return err
	}
	var names []string // sorted, as the operations are
	for _, o := range list {
		names = append(names, o.Name)
	}
	var reply []byte
	for _, name := range slices.Compact(names) {
		reply = appendMember(reply, 1, name)
	}
	return c.send(appendOperations(reply, 2, list))
}

// operations returns those of the service and kind that a request names.
func (g *jaegerGRPC) operations(c *jaegerCall) ([]store.Operation, error) {
	wanted, filter, err := c.in.spanKind()
	if err != nil {
		return nil, err
	}
	operations, err := g.store.Operations(c.ctx, c.tenant, c.in.text("service"), store.TimeRange{})
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(operations.List, func(o store.Operation) bool { return filter && o.Kind != wanted })
	return list, c.tellGaps(operations.Gaps)
}

// dependencies answers with GetDependenciesResponse { repeated DependencyLink {
// string parent 1; string child 2; uint64 call_count 3 } 1 }, in all of Jaeger's APIs.
func (g *jaegerGRPC) dependencies(c *jaegerCall) error {
	within, hasStart, err := c.in.timeRange("start_time", "end_time")
	if err != nil {
		return err
	}
	if within.End == 0 {
		within.End = uint64(g.Now().UnixNano()) + 1
	}
	if !hasStart {
		within.Start = within.End - min(within.End, uint64(dependenciesLookback))
	}
	list, gaps, err := jaegerDependencies(c.ctx, g.store, c.tenant, within)
	if err != nil {
		return err
	}
	var reply []byte
	for _, d := range list {
		var at int
		reply, at = begin(reply, 1)
		reply = appendUTF8(reply, 1, []byte(d.Parent))
		reply = appendUTF8(reply, 2, []byte(d.Child))
		reply = appendNumber(reply, 3, d.Calls)
		reply = end(reply, at)
	}
	return errors.Join(c.tellGaps(gaps), c.send(reply))
}

// appendMember appends an element of a list of texts, also an empty one.
func appendMember(dst []byte, num protowire.Number, text string) []byte {
	dst, at := begin(dst, num)
	dst = append(dst, strings.Map(func(c rune) rune { return c }, text)...)
	return end(dst, at)
}

// appendOperations appends each Operation { string name 1; string span_kind 2 }.
func appendOperations(dst []byte, num protowire.Number, list []store.Operation) []byte {
	for i, o := range list {
		if i > 0 && o.Name == list[i-1].Name && kindName(o.Kind) == kindName(list[i-1].Kind) {
			continue // kinds that OTLP does not define have no names to tell them apart
		}
		var at int
		dst, at = begin(dst, num)
		dst = appendUTF8(dst, 1, []byte(o.Name))
		dst = appendText(dst, 2, []byte(kindName(o.Kind)))
		dst = end(dst, at)
	}
	return dst
}
