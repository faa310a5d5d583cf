package api

import (
	"os"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// rowsOf reads spans out of the Collector's own model, which is the oracle for
// what our encoders wrote.
func rowsOf(td ptrace.Traces) []span.Span {
	var rows []span.Span
	for _, rs := range td.ResourceSpans().All() {
		resource := span.SpanResource{
			Attrs:        listOf(rs.Resource().Attributes()),
			DroppedAttrs: rs.Resource().DroppedAttributesCount(),
			SchemaURL:    rs.SchemaUrl(),
		}
		for _, ss := range rs.ScopeSpans().All() {
			scope := span.SpanScope{
				Name: ss.Scope().Name(), Version: ss.Scope().Version(), SchemaURL: ss.SchemaUrl(),
				Attrs: listOf(ss.Scope().Attributes()), DroppedAttrs: ss.Scope().DroppedAttributesCount(),
			}
			for _, s := range ss.Spans().All() {
				rows = append(rows, rowOf(s, resource, scope))
			}
		}
	}
	return rows
}

func rowOf(s ptrace.Span, resource span.SpanResource, scope span.SpanScope) span.Span {
	row := span.Span{
		TraceID: span.TraceID(s.TraceID()), SpanID: span.SpanID(s.SpanID()), Parent: span.SpanID(s.ParentSpanID()),
		TraceState: s.TraceState().AsRaw(), Flags: s.Flags(), Name: s.Name(), Kind: int32(s.Kind()),
		Start: uint64(s.StartTimestamp()), End: uint64(s.EndTimestamp()),
		Status: int32(s.Status().Code()), Message: s.Status().Message(), Attrs: listOf(s.Attributes()),
		Dropped:  span.Dropped{Attrs: s.DroppedAttributesCount(), Events: s.DroppedEventsCount(), Links: s.DroppedLinksCount()},
		Resource: resource, Scope: scope,
	}
	for _, e := range s.Events().All() {
		row.Events = append(row.Events, span.SpanEvent{
			Time: uint64(e.Timestamp()), Name: e.Name(), Attrs: listOf(e.Attributes()), DroppedAttrs: e.DroppedAttributesCount(),
		})
	}
	for _, l := range s.Links().All() {
		row.Links = append(row.Links, span.SpanLink{
			TraceID: span.TraceID(l.TraceID()), SpanID: span.SpanID(l.SpanID()), TraceState: l.TraceState().AsRaw(),
			Flags: l.Flags(), Attrs: listOf(l.Attributes()), DroppedAttrs: l.DroppedAttributesCount(),
		})
	}
	return row
}

func listOf(m pcommon.Map) []span.KeyValue {
	var list []span.KeyValue
	for key, v := range m.All() {
		list = append(list, span.KeyValue{Key: key, Value: valueOf(v)})
	}
	return list
}

func valueOf(v pcommon.Value) span.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return span.StringValue(v.Str())
	case pcommon.ValueTypeBool:
		return span.BoolValue(v.Bool())
	case pcommon.ValueTypeInt:
		return span.IntValue(v.Int())
	case pcommon.ValueTypeDouble:
		return span.FloatValue(v.Double())
	case pcommon.ValueTypeBytes:
		return span.BytesValue(string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeSlice:
		var elements []span.Value
		for _, e := range v.Slice().All() {
			elements = append(elements, valueOf(e))
		}
		return span.ArrayValue(elements...)
	case pcommon.ValueTypeMap:
		return span.MapValue(listOf(v.Map())...)
	}
	return span.Value{}
}

// batchOf puts rows in a batch.
func batchOf(rows ...span.Span) *span.Batch {
	b := &span.Batch{}
	for i := range rows {
		b.Append(&rows[i])
	}
	return b
}

// recorded returns four small traces of the OpenTelemetry demo shop, as an SDK
// and a Collector made them: one whole, one with errors, one with many events,
// one that lacks a parent.
func recorded(t testing.TB) []span.Span {
	t.Helper()
	raw, err := os.ReadFile("testdata/recorded.pb")
	if err != nil {
		t.Fatal(err)
	}
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(raw)
	if err != nil {
		t.Fatal(err)
	}
	return rowsOf(td)
}

// The recorded traces.
const (
	traceWhole   = "4ba967ac37dd40588955116be6983fd7" // 4 spans, 8 events
	traceFailed  = "95fd7d3fc8783a07a8b5cbea4fd4ba5e" // 3 spans, all with errors
	traceMixed   = "62394d4a697a9861d59de3f37970bad8" // 3 spans, one with an error
	traceOrphans = "0309a674f102adeda153bda3e5ddfd57" // 7 spans, a missing parent
)

func traceID(t testing.TB, text string) span.TraceID {
	t.Helper()
	id, err := span.ParseTraceID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// odd returns one trace with everything that is rare: a span of every kind and
// status, all value types, links, scope attributes, dropped counts, an orphan,
// an end before the start, text that is not UTF-8 and a 64-bit trace id.
func odd() []span.Span {
	id := span.TraceID{8: 0xab, 15: 1}
	other := span.TraceID{0: 1, 15: 2}
	start := uint64(1_700_000_000_000_000_000)
	shop := span.SpanResource{
		Attrs: []span.KeyValue{
			{Key: "service.name", Value: span.StringValue("shop")},
			{Key: "process.pid", Value: span.IntValue(1 << 60)},
			{Key: "process.command_args", Value: span.ArrayValue(span.StringValue("-v"), span.StringValue(`"x"`))},
		},
		DroppedAttrs: 2, SchemaURL: "https://opentelemetry.io/schemas/1.21.0",
	}
	scope := span.SpanScope{
		Name: "lib", Version: "1.2", SchemaURL: "https://example.com/scope",
		Attrs: []span.KeyValue{{Key: "lib.mode", Value: span.StringValue("fast")}}, DroppedAttrs: 1,
	}
	root := span.Span{
		TraceID: id, SpanID: span.SpanID{7: 1}, TraceState: "a=1,b=2", Flags: 0x101, Name: "GET /<b>&\"",
		Kind: 2, Start: start, End: start + 5_000_123, Status: 2, Message: "it broke",
		Attrs: []span.KeyValue{
			{Key: "text", Value: span.StringValue("höchst\x00\x1b[31m\u2028")},
			{Key: "broken", Value: span.StringValue("a\xffb")},
			{Key: "yes", Value: span.BoolValue(true)},
			{Key: "big", Value: span.IntValue(1<<53 + 1)},
			{Key: "least", Value: span.IntValue(-1 << 63)},
			{Key: "safe", Value: span.IntValue(-(1<<53 - 1))},
			{Key: "ratio", Value: span.FloatValue(0.25)},
			{Key: "nan", Value: nan},
			{Key: "raw", Value: span.BytesValue("\x00\xff\x10")},
			{Key: "list", Value: span.ArrayValue(span.IntValue(1<<60), nan, span.Value{}, span.BytesValue("\x01"), span.BoolValue(false))},
			{Key: "map", Value: span.MapValue(span.KeyValue{Key: "z", Value: span.FloatValue(1.5)}, span.KeyValue{Key: "a", Value: span.ArrayValue()})},
			{Key: "empty", Value: span.Value{}},
			{Key: "twice", Value: span.IntValue(1)},
			{Key: "twice", Value: span.StringValue("2")},
			{Key: "", Value: span.StringValue("no key")},
		},
		Dropped:  span.Dropped{Attrs: 3, Events: 4, Links: 5},
		Resource: shop, Scope: scope,
		Events: []span.SpanEvent{
			{Time: start + 1_999, Name: "exception", Attrs: []span.KeyValue{{Key: "exception.type", Value: span.StringValue("E")}}, DroppedAttrs: 1},
			{Time: start + 2_000},
		},
		Links: []span.SpanLink{
			{TraceID: other, SpanID: span.SpanID{7: 9}, TraceState: "c=3", Flags: 1, DroppedAttrs: 7,
				Attrs: []span.KeyValue{{Key: "why", Value: span.StringValue("batch")}}},
			{TraceID: id, SpanID: span.SpanID{7: 2}, Attrs: []span.KeyValue{{Key: "opentracing.ref_type", Value: span.StringValue("child_of")}}},
			{},
		},
	}
	child := func(n byte, kind, status int32) span.Span {
		return span.Span{
			TraceID: id, SpanID: span.SpanID{7: n}, Parent: span.SpanID{7: 1}, Name: "child", Kind: kind, Status: status,
			Start: start + uint64(n)*1000, End: start + uint64(n)*2000, Resource: shop, Scope: scope,
		}
	}
	rows := []span.Span{root, child(2, 0, 0), child(3, 1, 1), child(4, 3, 0), child(5, 4, 3), child(6, 5, 0), child(7, 17, 0)}
	rows[1].End = rows[1].Start - 1500
	rows[2].Parent = span.SpanID{0: 0xee, 7: 1}
	rows[3].Resource, rows[3].Scope = span.SpanResource{}, span.SpanScope{}
	rows[4].Resource = span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("mail")}}}
	return rows
}

var nan = span.Value{Type: span.Float, Num: 0x7ff8000000000001}

func storeTrace(b *span.Batch, gaps ...string) *store.Trace {
	return &store.Trace{Spans: b, Gaps: gaps}
}
