package ingest

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

var (
	traceA = span.TraceID{0xa1, 15: 1}
	spanA  = span.SpanID{0xb1, 7: 1}
	spanB  = span.SpanID{0xb2, 7: 2}
)

func attr(key string, v span.Value) *commonpb.KeyValue {
	var value commonpb.AnyValue
	if err := proto.Unmarshal(span.AppendAny(nil, v), &value); err != nil {
		panic(err)
	}
	return &commonpb.KeyValue{Key: key, Value: &value}
}

// allTypes has an attribute of each type, and the ends of their ranges.
func allTypes() []span.KeyValue {
	deep := span.StringValue("leaf")
	for range span.MaxDepth / 2 {
		deep = span.MapValue(span.KeyValue{Key: "k", Value: span.ArrayValue(deep)})
	}
	return []span.KeyValue{
		{Key: "string", Value: span.StringValue("héllo \"world\"\n")},
		{Key: "string.empty", Value: span.StringValue("")},
		{Key: "bool", Value: span.BoolValue(true)},
		{Key: "bool.false", Value: span.BoolValue(false)},
		{Key: "int", Value: span.IntValue(math.MinInt64)},
		{Key: "int.max", Value: span.IntValue(math.MaxInt64)},
		{Key: "float", Value: span.FloatValue(1.5e-300)},
		{Key: "float.zero", Value: span.FloatValue(math.Copysign(0, -1))},
		{Key: "float.inf", Value: span.FloatValue(math.Inf(-1))},
		{Key: "float.nan", Value: span.FloatValue(math.NaN())},
		{Key: "bytes", Value: span.BytesValue("\x00\xff\xfe")},
		{Key: "bytes.empty", Value: span.BytesValue("")},
		{Key: "empty", Value: span.Value{}},
		{Key: "array", Value: span.ArrayValue(span.IntValue(1), span.StringValue("two"), span.Value{}, span.ArrayValue())},
		{Key: "array.empty", Value: span.ArrayValue()},
		{Key: "map", Value: span.MapValue(span.KeyValue{Key: "a", Value: span.BoolValue(true)}, span.KeyValue{Key: "a", Value: span.Value{}})},
		{Key: "deep", Value: deep},
		{Key: "string", Value: span.StringValue("a key that comes twice")},
		{Key: "", Value: span.StringValue("an empty key")},
	}
}

func attrs(list []span.KeyValue) []*commonpb.KeyValue {
	var msgs []*commonpb.KeyValue
	for _, kv := range list {
		msgs = append(msgs, attr(kv.Key, kv.Value))
	}
	return msgs
}

// everythingRow is a span that uses every field of OTLP.
func everythingRow() span.Span {
	return span.Span{
		TraceID: traceA, SpanID: spanA, Parent: spanB,
		TraceState: "ot=th:8", Flags: 0x301, Name: "GET /", Kind: 77,
		Start: math.MaxUint64, End: 1, Status: -5, Message: "why",
		Attrs:   allTypes(),
		Dropped: span.Dropped{Attrs: 1, Events: math.MaxUint32, Links: 3},
		Events: []span.SpanEvent{
			{Time: 3, Name: "first", Attrs: allTypes(), DroppedAttrs: 4},
			{Time: 2, Name: ""},
		},
		Links: []span.SpanLink{
			{TraceID: traceA, SpanID: spanB, TraceState: "a=b", Flags: 0x100, Attrs: allTypes(), DroppedAttrs: 5},
			{},
		},
		Resource: span.SpanResource{
			Attrs: allTypes(), DroppedAttrs: 6, SchemaURL: "https://example.com/1",
			EntityRefs: protoEntities(everythingEntities()),
		},
		Scope: span.SpanScope{
			Name: "lib", Version: "1.0", SchemaURL: "https://example.com/2",
			Attrs: allTypes(), DroppedAttrs: 7,
		},
	}
}

func everythingEntities() []*commonpb.EntityRef {
	return []*commonpb.EntityRef{
		{SchemaUrl: "u", Type: "service", IdKeys: []string{"service.name", ""}, DescriptionKeys: []string{"service.version"}},
		{Type: "host"},
	}
}

func everythingMessage() *collectorpb.ExportTraceServiceRequest {
	row := everythingRow()
	s := &tracepb.Span{
		TraceId: row.TraceID[:], SpanId: row.SpanID[:], ParentSpanId: row.Parent[:],
		TraceState: row.TraceState, Flags: row.Flags, Name: row.Name, Kind: tracepb.Span_SpanKind(row.Kind),
		StartTimeUnixNano: row.Start, EndTimeUnixNano: row.End,
		Status:     &tracepb.Status{Code: tracepb.Status_StatusCode(row.Status), Message: row.Message},
		Attributes: attrs(row.Attrs),

		DroppedAttributesCount: row.Dropped.Attrs, DroppedEventsCount: row.Dropped.Events, DroppedLinksCount: row.Dropped.Links,
	}
	for _, e := range row.Events {
		s.Events = append(s.Events, &tracepb.Span_Event{
			TimeUnixNano: e.Time, Name: e.Name, Attributes: attrs(e.Attrs), DroppedAttributesCount: e.DroppedAttrs,
		})
	}
	s.Links = []*tracepb.Span_Link{{
		TraceId: row.Links[0].TraceID[:], SpanId: row.Links[0].SpanID[:], TraceState: "a=b",
		Flags: 0x100, Attributes: attrs(row.Links[0].Attrs), DroppedAttributesCount: 5,
	}, {}}
	return &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{
			Attributes: attrs(row.Resource.Attrs), DroppedAttributesCount: 6, EntityRefs: everythingEntities(),
		},
		SchemaUrl: row.Resource.SchemaURL,
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{
				Name: "lib", Version: "1.0", Attributes: attrs(row.Scope.Attrs), DroppedAttributesCount: 7,
			},
			SchemaUrl: row.Scope.SchemaURL,
			Spans:     []*tracepb.Span{s},
		}},
	}}}
}

// everything is a request that uses every field of OTLP.
func everything(t testing.TB) []byte { return marshal(t, everythingMessage()) }

func marshal(t testing.TB, msg proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestNothingIsLost(t *testing.T) {
	want := everythingRow()
	canonize(&want)
	for format, raw := range map[span.Format][]byte{
		span.FormatOTLPProto: everything(t),
		span.FormatOTLPJSON:  toJSON(t, everything(t)),
	} {
		got, rejected, err := rows(format, raw)
		if err != nil || rejected.Count != 0 {
			t.Fatalf("format %d: %v, %+v", format, err, rejected)
		}
		if d := firstDifference(got, []span.Span{want}); d != "" {
			t.Errorf("format %d: %s", format, d)
		}
	}
}

// message is one message as a list of encoded fields.
type message [][]byte

func (m message) bytes() []byte { return bytes.Join(m, nil) }

func num(field, v int) []byte { return []byte{byte(field<<3 | varint), byte(v)} }

func sub(field int, m ...[]byte) []byte {
	body := bytes.Join(m, nil)
	if len(body) > 127 {
		panic("BUG: too long for this test")
	}
	return append([]byte{byte(field<<3 | length), byte(len(body))}, body...)
}

func str(field int, s string) []byte { return sub(field, []byte(s)) }

// ids are the fields of a span that make it valid.
func ids() []byte { return message{sub(1, traceA[:]), sub(2, spanA[:])}.bytes() }

// inSpan is a request of one span.
func inSpan(fields ...[]byte) []byte {
	return sub(1, sub(2, sub(2, append(message{ids()}, fields...)...)))
}

func one(t *testing.T, raw []byte) span.Span {
	t.Helper()
	list, rejected, err := rows(span.FormatOTLPProto, raw)
	if err != nil || rejected.Count > 0 || len(list) != 1 {
		t.Fatalf("got %d spans, rejected %+v, error %v", len(list), rejected, err)
	}
	return list[0]
}

// The merge rules of protobuf, each also held against the oracles.
func TestFieldsMerge(t *testing.T) {
	intAttr := func(n int) []byte { return sub(9, str(1, "k"), sub(2, num(3, n))) }
	array := func(n int) []byte { return sub(5, sub(1, num(3, n))) }
	tests := []struct {
		name string
		raw  []byte
		want func(*span.Span)
	}{
		{"last scalar wins", inSpan(num(6, 1), str(5, "a"), num(6, 2), str(5, "b")),
			func(s *span.Span) { s.Kind, s.Name = 2, "b" }},
		{"last id wins", inSpan(sub(2, spanB[:])),
			func(s *span.Span) { s.SpanID = spanB }},
		{"status merges", inSpan(sub(15, num(3, 2)), sub(15, str(2, "why")), sub(15)),
			func(s *span.Span) { s.Status, s.Message = 2, "why" }},
		{"attributes around events and links", inSpan(intAttr(1), sub(11, sub(3, str(1, "e"))), intAttr(2), sub(13, sub(4, str(1, "l"))), intAttr(3)),
			func(s *span.Span) {
				s.Attrs = []span.KeyValue{{Key: "k", Value: span.IntValue(1)}, {Key: "k", Value: span.IntValue(2)}, {Key: "k", Value: span.IntValue(3)}}
				s.Events = []span.SpanEvent{{Attrs: []span.KeyValue{{Key: "e"}}}}
				s.Links = []span.SpanLink{{Attrs: []span.KeyValue{{Key: "l"}}}}
			}},
		{"value before key", inSpan(sub(9, sub(2, str(1, "v")), str(1, "k"))),
			func(s *span.Span) { s.Attrs = []span.KeyValue{{Key: "k", Value: span.StringValue("v")}} }},
		{"last member of a oneof wins", inSpan(sub(9, sub(2, str(1, "v"), num(3, 1)), sub(2, num(2, 1)))),
			func(s *span.Span) { s.Attrs = []span.KeyValue{{Value: span.BoolValue(true)}} }},
		{"an index of a string is no string", inSpan(sub(9, sub(2, str(1, "v"), num(8, 1)))),
			func(s *span.Span) { s.Attrs = []span.KeyValue{{}} }},
		{"lists merge", inSpan(sub(9, sub(2, array(1), array(2)), sub(2, array(3)))),
			func(s *span.Span) {
				s.Attrs = []span.KeyValue{{Value: span.ArrayValue(span.IntValue(1), span.IntValue(2), span.IntValue(3))}}
			}},
		{"but not with what came before another type", inSpan(sub(9, sub(2, array(1), num(3, 1), array(2)))),
			func(s *span.Span) { s.Attrs = []span.KeyValue{{Value: span.ArrayValue(span.IntValue(2))}} }},
		{"resource and scope in pieces, and after the spans", sub(1,
			sub(2, sub(2, ids()), sub(1, str(1, "lib")), sub(1, str(2, "v1")), str(3, "u2")),
			sub(1, sub(1, str(1, "a"))), sub(1, num(2, 9)), sub(1, sub(1, str(1, "b"))), str(3, "u1")),
			func(s *span.Span) {
				s.Resource = span.SpanResource{Attrs: []span.KeyValue{{Key: "a"}, {Key: "b"}}, DroppedAttrs: 9, SchemaURL: "u1"}
				s.Scope = span.SpanScope{Name: "lib", Version: "v1", SchemaURL: "u2"}
			}},
		{"unknown fields of every wire type", inSpan([]byte{0x88, 0x01, 1}, []byte{0x89, 0x01, 1, 2, 3, 4, 5, 6, 7, 8}, []byte{0x95, 0x01, 1, 2, 3, 4},
			[]byte{0x8a, 0x01, 1, 0}, []byte{0x93, 0x01, 0x08, 0x01, 0x94, 0x01}),
			func(s *span.Span) {}},
		{"numbers are cut to their type", inSpan([]byte{6 << 3, 0x81, 0x80, 0x80, 0x80, 0x10}),
			func(s *span.Span) { s.Kind = 1 }},
		{"text that is not UTF-8", inSpan(str(5, "\xff")),
			func(s *span.Span) { s.Name = "\xff" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := span.Span{TraceID: traceA, SpanID: spanA}
			tt.want(&want)
			if got := one(t, tt.raw); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			checkProto(t, tt.raw)
		})
	}
}

func TestMalformedNamesThePlace(t *testing.T) {
	const place = "resource_spans[0].scope_spans[0].spans[0]"
	deep := span.ArrayValue()
	for range span.MaxDepth {
		deep = span.ArrayValue(deep)
	}
	tooDeep := &collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{attr("k", deep)}},
	}}}
	tests := []struct {
		raw  []byte
		want string
	}{
		{[]byte{0x0a}, "truncated value"},
		{[]byte{0x0a, 5, 1}, "truncated value"},
		{[]byte{0x80}, "truncated value"},
		{[]byte{0x07, 1}, "illegal field number or wire type"},
		{[]byte{0x00, 1}, "illegal field number or wire type"},
		{[]byte{0x0c}, "illegal field number or wire type"},
		{[]byte{0x0b, 0x08}, "malformed group"},
		{append([]byte{0x10}, bytes.Repeat([]byte{0xff}, 10)...), "varint of more than 64 bits"},
		{num(1, 1), "field 1 has wire type 0"},
		{append(sub(1), sub(1, num(2, 1))...), "resource_spans[1]: field 2 has wire type 0"},
		{sub(1, sub(2, num(3, 1))), "resource_spans[0].scope_spans[0]: field 3 has wire type 0"},
		{sub(1, sub(1, num(1, 1))), "resource_spans[0].resource: field 1 has wire type 0"},
		{sub(1, sub(1, sub(3, num(1, 1)))), "resource_spans[0].resource.entity_refs: field 1 has wire type 0"},
		{sub(1, sub(1, []byte{0x0a}), sub(1, []byte{0x00})), "resource_spans[0].resource: truncated value"},
		{sub(1, sub(2, sub(1, []byte{0x0a}))), "resource_spans[0].scope_spans[0].scope: truncated value"},
		{sub(1, sub(2, sub(2, ids()), sub(2, []byte{0x0a}))), "resource_spans[0].scope_spans[0].spans[1]: truncated value"},
		{inSpan(str(7, "")), place + ": field 7 has wire type 2"},
		{inSpan(sub(15, num(2, 1))), place + ".status: field 2 has wire type 0"},
		{inSpan(sub(9), sub(9, num(1, 1))), place + ".attributes[1]: field 1 has wire type 0"},
		{inSpan(sub(9, sub(2, num(1, 1)))), place + ".attributes[0].value: field 1 has wire type 0"},
		{inSpan(sub(11), sub(11, sub(3, []byte{0x0a}))), place + ".events[1].attributes[0]: truncated value"},
		{inSpan(sub(13, sub(4, []byte{0x0a}))), place + ".links[0].attributes[0]: truncated value"},
		{inSpan(sub(9, sub(2, sub(5, sub(1), sub(1, sub(6, sub(1, sub(2, str(2, ""))))))))),
			place + ".attributes[0].value.array_value.values[1].kvlist_value.values[0].value: field 2 has wire type 2"},
		{marshal(t, tooDeep), "resource_spans[0].resource.attributes[0].value" +
			strings.Repeat(".array_value.values[0]", span.MaxDepth) + ".array_value: attribute value nests deeper than 64 levels"},
	}
	for _, tt := range tests {
		_, _, err := rows(span.FormatOTLPProto, tt.raw)
		if err == nil || err.Error() != tt.want {
			t.Errorf("% x:\ngot  %v\nwant %s", tt.raw, err, tt.want)
		}
	}
}

// A prefix of a request is malformed or a smaller request, and never a panic.
func TestTruncatedAnywhere(t *testing.T) {
	for _, tt := range []struct {
		raw  []byte
		step int
	}{{seeds(t)[0], 1}, {everything(t), 13}} {
		for n := 0; n < len(tt.raw); n += tt.step {
			checkProto(t, tt.raw[:n:n])
		}
	}
}

func TestRejectedSpans(t *testing.T) {
	withIDs := func(trace, id, parent string, more ...[]byte) []byte {
		return sub(1, sub(2, sub(2, append(message{str(1, trace), str(2, id), str(4, parent)}, more...)...)))
	}
	good, zero := string(traceA[:]), strings.Repeat("\x00", 16)
	id := string(spanA[:])
	tests := []struct {
		name string
		raw  []byte
		want string
	}{
		{"none", withIDs(good, id, ""), ""},
		{"parent of zeros is none", withIDs(good, id, zero[:8]), ""},
		{"trace id of zeros", withIDs(zero, id, ""), "1 span rejected: 1 with an all-zero trace id"},
		{"short trace id", withIDs(good[:8], id, ""), "1 span rejected: 1 with a trace id of 8 bytes (expected 16)"},
		{"no trace id", withIDs("", id, ""), "1 span rejected: 1 without a trace id"},
		{"span id of zeros", withIDs(good, zero[:8], ""), "1 span rejected: 1 with an all-zero span id"},
		{"short span id", withIDs(good, "x", ""), "1 span rejected: 1 with a span id of 1 byte (expected 8)"},
		{"long parent", withIDs(good, id, good), "1 span rejected: 1 with a parent span id of 16 bytes (expected 8)"},
		{"trace id counts before span id", withIDs("", "", ""), "1 span rejected: 1 without a trace id"},
		{"link without ids", withIDs(good, id, "", sub(13)), ""},
		{"link of zeros", withIDs(good, id, "", sub(13, str(1, zero), str(2, zero[:8]))), ""},
		{"link with a short trace id", withIDs(good, id, "", sub(13, str(1, "x"))), "1 span rejected: 1 with a link's trace id of 1 byte (expected 16)"},
		{"link with a long span id", withIDs(good, id, "", sub(13), sub(13, str(2, good))), "1 span rejected: 1 with a link's span id of 16 bytes (expected 8)"},
		{"several", slices.Concat(withIDs(zero, id, ""), withIDs(good, "1234567", ""), withIDs(good, id, ""), withIDs(zero, id, "")),
			"3 spans rejected: 2 with an all-zero trace id, 1 with a span id of 7 bytes (expected 8)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, rejected, err := rows(span.FormatOTLPProto, tt.raw)
			if err != nil {
				t.Fatal(err)
			}
			if rejected.Message != tt.want {
				t.Errorf("got  %q\nwant %q", rejected.Message, tt.want)
			}
			wantKept := 0
			if tt.want == "" || tt.name == "several" {
				wantKept = 1
			}
			if len(list) != wantKept || (rejected.Count == 0) != (tt.want == "") {
				t.Errorf("%d spans kept, want %d; %d rejected", len(list), wantKept, rejected.Count)
			}
			checkProto(t, tt.raw)
		})
	}
}

func TestRejectionMessageIsBounded(t *testing.T) {
	var raw []byte
	for n := range 100 {
		raw = append(raw, sub(1, sub(2, sub(2, sub(1, make([]byte, n%40)), sub(2, spanA[:]))))...)
	}
	_, rejected, err := rows(span.FormatOTLPProto, raw)
	if err != nil || rejected.Count != 100 {
		t.Fatalf("rejected %d, error %v", rejected.Count, err)
	}
	if got := rejected.Message; len(got) > 600 || !strings.HasSuffix(got, ", 76 with other invalid ids") {
		t.Errorf("message of %d bytes: %s", len(got), got)
	}
}

// What a rejected span held must not show in the spans around it.
func TestRejectedSpanLeavesNoTrace(t *testing.T) {
	full := func(id []byte) []byte {
		return sub(2, sub(1, traceA[:]), sub(2, id), sub(9, str(1, "k"), sub(2, num(3, 7))),
			sub(11, str(2, "e"), sub(3, str(1, "x"))), sub(13, sub(4, str(1, "y"))))
	}
	want := []span.Span{one(t, sub(1, sub(2, full(spanA[:])))), one(t, sub(1, sub(2, full(spanB[:]))))}
	got, rejected, err := rows(span.FormatOTLPProto, slices.Concat(
		sub(1, sub(2, full(spanA[:]))), sub(1, sub(2, full(nil))), sub(1, sub(2, full(spanB[:])))))
	if err != nil || rejected.Count != 1 {
		t.Fatalf("rejected %+v, error %v", rejected, err)
	}
	if d := firstDifference(got, want); d != "" {
		t.Error(d)
	}
}

func TestResourcesAndScopesAreKeptOnce(t *testing.T) {
	resource := func(name string) []byte { return sub(1, sub(1, str(1, "service.name"), sub(2, str(1, name)))) }
	scope := func(name string, spans int) []byte {
		return sub(2, sub(1, str(1, name)), bytes.Repeat(sub(2, ids()), spans))
	}
	raw := slices.Concat(
		sub(1, resource("a"), scope("x", 1), scope("y", 1)),
		sub(1, resource("b"), scope("x", 1)),
		sub(1, resource("a"), scope("y", 2)),
		sub(1, resource("a"), scope("y", 1), str(3, "url")),
		sub(1, resource("c"), scope("z", 0)))
	for format, raw := range map[span.Format][]byte{
		span.FormatOTLPProto: raw,
		span.FormatOTLPJSON:  toJSON(t, raw),
	} {
		var b span.Batch
		if _, err := DecodeOTLP(format, raw, &b, Limits{}); err != nil {
			t.Fatal(err)
		}
		if got, want := b.Resource, []uint32{0, 0, 1, 0, 0, 2}; !slices.Equal(got, want) || len(b.Resources) != 3 {
			t.Errorf("format %d: resources %v of %d, want %v of 3", format, got, len(b.Resources), want)
		}
		if got, want := b.Scope, []uint32{0, 1, 0, 1, 1, 1}; !slices.Equal(got, want) || len(b.Scopes) != 2 {
			t.Errorf("format %d: scopes %v of %d, want %v of 2", format, got, len(b.Scopes), want)
		}
		if b.Format != format || !bytes.Equal(b.Raw, raw) {
			t.Errorf("format %d: the batch does not hold the request as it came", format)
		}
	}
}

func TestLimits(t *testing.T) {
	raw := inSpan(sub(9), sub(9), sub(11, sub(3)), sub(13)) // a span, 3 attributes, an event, a link
	for format, raw := range map[span.Format][]byte{
		span.FormatOTLPProto: raw,
		span.FormatOTLPJSON:  toJSON(t, raw),
	} {
		var b span.Batch
		if _, err := DecodeOTLP(format, raw, &b, Limits{Items: 6}); err != nil {
			t.Errorf("format %d: 6 items: %v", format, err)
		}
		for n := 1; n < 6; n++ {
			if _, err := DecodeOTLP(format, raw, &b, Limits{Items: n}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("format %d: more than %d items: %v", format, n, err)
			}
		}
	}
	if _, err := DecodeOTLP(span.FormatNone, nil, new(span.Batch), Limits{}); err == nil {
		t.Error("no format, and no error")
	}
}

// A batch and the pooled decoder serve request after request, after an error as well.
func TestReuse(t *testing.T) {
	var b span.Batch
	for i, raw := range recorded(t) {
		bad := raw[: len(raw)-1 : len(raw)-1]
		if _, err := DecodeOTLP(span.FormatOTLPProto, bad, &b, Limits{}); err == nil {
			t.Fatalf("request %d without its last byte was accepted", i)
		}
		if _, err := DecodeOTLP(span.FormatOTLPProto, raw, &b, Limits{}); err != nil {
			t.Fatal(err)
		}
		want, _, err := rows(span.FormatOTLPProto, raw)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]span.Span, b.Len())
		for i := range got {
			got[i] = b.Span(i)
			canonize(&got[i])
		}
		if d := firstDifference(got, want); d != "" {
			t.Fatalf("request %d: %s", i, d)
		}
	}
}

func TestNoAllocationPerSpan(t *testing.T) {
	raw := benchRequests(t, 1)[0]
	for format, raw := range map[span.Format][]byte{
		span.FormatOTLPProto: raw,
		span.FormatOTLPJSON:  toJSON(t, raw),
	} {
		var b span.Batch
		allocs := testing.AllocsPerRun(20, func() {
			if _, err := DecodeOTLP(format, raw, &b, Limits{}); err != nil {
				t.Fatal(err)
			}
		})
		// The pool may be emptied by a garbage collection now and then.
		if allocs > benchSpans/10 {
			t.Errorf("format %d: %.0f allocations for %d spans", format, allocs, benchSpans)
		}
	}
}
