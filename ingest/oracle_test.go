package ingest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// There are two oracles: the Collector's pdata, and protobuf's own runtime with
// the published messages. They differ where the standard is not clear or pdata
// takes a liberty:
//
//   - a known field of another wire type: an error in pdata, unknown to protobuf
//   - an id of a wrong length: an error in pdata, any bytes to protobuf
//   - a string that is not UTF-8: accepted by pdata, an error in protobuf
//   - a varint of more than 64 bits: accepted by pdata, an error in protobuf
//   - a list that occurs twice in one AnyValue: replaced by pdata, merged by protobuf
//
// The decoder must agree with one of them, in the verdict and in the spans,
// and so with both wherever they agree.

// rows returns what DecodeOTLP makes of a request, in a form that can be compared.
func rows(format span.Format, raw []byte) ([]span.Span, Rejected, error) {
	var b span.Batch
	rejected, err := DecodeOTLP(format, raw, &b, Limits{})
	if err != nil {
		return nil, rejected, err
	}
	var list []span.Span
	for i := range b.Len() {
		s := b.Span(i)
		canonize(&s)
		list = append(list, s)
	}
	return list, rejected, nil
}

// canonize encodes nested values anew, as one value has many encodings.
func canonize(s *span.Span) {
	lists := [][]span.KeyValue{s.Attrs, s.Resource.Attrs, s.Scope.Attrs}
	for _, e := range s.Events {
		lists = append(lists, e.Attrs)
	}
	for _, l := range s.Links {
		lists = append(lists, l.Attrs)
	}
	for _, list := range lists {
		for i := range list {
			list[i].Value = canonical(list[i].Value)
		}
	}
}

func canonical(v span.Value) span.Value {
	switch v.Type {
	case span.Array:
		elements, err := v.Elements()
		if err != nil {
			panic(err) // the decoder has checked it
		}
		for i := range elements {
			elements[i] = canonical(elements[i])
		}
		return span.ArrayValue(elements...)
	case span.Map:
		pairs, err := v.Pairs()
		if err != nil {
			panic(err)
		}
		for i := range pairs {
			pairs[i].Value = canonical(pairs[i].Value)
		}
		return span.MapValue(pairs...)
	case span.Float:
		if math.IsNaN(v.Float()) { // JSON knows only one
			return span.FloatValue(math.NaN())
		}
	}
	return v
}

// pdataRows is rows by pdata. It cannot see entity references.
func pdataRows(traces ptrace.Traces) []span.Span {
	var list []span.Span
	for _, rs := range traces.ResourceSpans().All() {
		resource := span.SpanResource{
			Attrs:        pdataAttrs(rs.Resource().Attributes()),
			DroppedAttrs: rs.Resource().DroppedAttributesCount(),
			SchemaURL:    rs.SchemaUrl(),
		}
		for _, ss := range rs.ScopeSpans().All() {
			scope := span.SpanScope{
				Name: ss.Scope().Name(), Version: ss.Scope().Version(), SchemaURL: ss.SchemaUrl(),
				Attrs: pdataAttrs(ss.Scope().Attributes()), DroppedAttrs: ss.Scope().DroppedAttributesCount(),
			}
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
					continue
				}
				row := pdataRow(s)
				row.Resource, row.Scope = resource, scope
				list = append(list, row)
			}
		}
	}
	return list
}

func pdataRow(s ptrace.Span) span.Span {
	row := span.Span{
		TraceID: span.TraceID(s.TraceID()), SpanID: span.SpanID(s.SpanID()), Parent: span.SpanID(s.ParentSpanID()),
		TraceState: s.TraceState().AsRaw(), Flags: s.Flags(), Name: s.Name(), Kind: int32(s.Kind()),
		Start: uint64(s.StartTimestamp()), End: uint64(s.EndTimestamp()),
		Status: int32(s.Status().Code()), Message: s.Status().Message(), Attrs: pdataAttrs(s.Attributes()),
		Dropped: span.Dropped{Attrs: s.DroppedAttributesCount(), Events: s.DroppedEventsCount(), Links: s.DroppedLinksCount()},
	}
	for _, e := range s.Events().All() {
		row.Events = append(row.Events, span.SpanEvent{
			Time: uint64(e.Timestamp()), Name: e.Name(),
			Attrs: pdataAttrs(e.Attributes()), DroppedAttrs: e.DroppedAttributesCount(),
		})
	}
	for _, l := range s.Links().All() {
		row.Links = append(row.Links, span.SpanLink{
			TraceID: span.TraceID(l.TraceID()), SpanID: span.SpanID(l.SpanID()), TraceState: l.TraceState().AsRaw(),
			Flags: l.Flags(), Attrs: pdataAttrs(l.Attributes()), DroppedAttrs: l.DroppedAttributesCount(),
		})
	}
	return row
}

func pdataAttrs(m pcommon.Map) []span.KeyValue {
	var list []span.KeyValue
	for k, v := range m.All() {
		list = append(list, span.KeyValue{Key: k, Value: pdataValue(v)})
	}
	return list
}

func pdataValue(v pcommon.Value) span.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return span.StringValue(v.Str())
	case pcommon.ValueTypeBool:
		return span.BoolValue(v.Bool())
	case pcommon.ValueTypeInt:
		return span.IntValue(v.Int())
	case pcommon.ValueTypeDouble:
		return canonical(span.FloatValue(v.Double()))
	case pcommon.ValueTypeBytes:
		return span.BytesValue(string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeMap:
		return span.MapValue(pdataAttrs(v.Map())...)
	case pcommon.ValueTypeSlice:
		var list []span.Value
		for _, e := range v.Slice().All() {
			list = append(list, pdataValue(e))
		}
		return span.ArrayValue(list...)
	}
	return span.Value{}
}

// protoRows is rows by protobuf's runtime.
func protoRows(req *collectorpb.ExportTraceServiceRequest) []span.Span {
	var list []span.Span
	for _, rs := range req.ResourceSpans {
		resource := span.SpanResource{
			Attrs: protoAttrs(rs.Resource.GetAttributes()), DroppedAttrs: rs.Resource.GetDroppedAttributesCount(),
			SchemaURL: rs.SchemaUrl, EntityRefs: protoEntities(rs.Resource.GetEntityRefs()),
		}
		for _, ss := range rs.ScopeSpans {
			scope := span.SpanScope{
				Name: ss.Scope.GetName(), Version: ss.Scope.GetVersion(), SchemaURL: ss.SchemaUrl,
				Attrs: protoAttrs(ss.Scope.GetAttributes()), DroppedAttrs: ss.Scope.GetDroppedAttributesCount(),
			}
			for _, s := range ss.Spans {
				row, ok := protoRow(s)
				row.Resource, row.Scope = resource, scope
				if ok {
					list = append(list, row)
				}
			}
		}
	}
	return list
}

func protoEntities(refs []*commonpb.EntityRef) string {
	var msg []byte
	for _, ref := range refs {
		body, _ := proto.Marshal(ref)
		msg = protowire.AppendBytes(protowire.AppendTag(msg, 3, protowire.BytesType), body)
	}
	return string(msg)
}

func protoRow(s *tracepb.Span) (row span.Span, ok bool) {
	row = span.Span{
		TraceState: s.TraceState, Flags: s.Flags, Name: s.Name, Kind: int32(s.Kind),
		Start: s.StartTimeUnixNano, End: s.EndTimeUnixNano,
		Status: int32(s.Status.GetCode()), Message: s.Status.GetMessage(), Attrs: protoAttrs(s.Attributes),
		Dropped: span.Dropped{Attrs: s.DroppedAttributesCount, Events: s.DroppedEventsCount, Links: s.DroppedLinksCount},
	}
	copy(row.TraceID[:], s.TraceId)
	copy(row.SpanID[:], s.SpanId)
	copy(row.Parent[:], s.ParentSpanId)
	ok = len(s.TraceId) == 16 && !row.TraceID.IsZero() && len(s.SpanId) == 8 && !row.SpanID.IsZero() &&
		(len(s.ParentSpanId) == 0 || len(s.ParentSpanId) == 8)
	for _, e := range s.Events {
		row.Events = append(row.Events, span.SpanEvent{
			Time: e.TimeUnixNano, Name: e.Name, Attrs: protoAttrs(e.Attributes), DroppedAttrs: e.DroppedAttributesCount,
		})
	}
	for _, l := range s.Links {
		link := span.SpanLink{
			TraceState: l.TraceState, Flags: l.Flags,
			Attrs: protoAttrs(l.Attributes), DroppedAttrs: l.DroppedAttributesCount,
		}
		ok = ok && (len(l.TraceId) == 0 || len(l.TraceId) == 16) && (len(l.SpanId) == 0 || len(l.SpanId) == 8)
		copy(link.TraceID[:], l.TraceId)
		copy(link.SpanID[:], l.SpanId)
		row.Links = append(row.Links, link)
	}
	return row, ok
}

func protoAttrs(attrs []*commonpb.KeyValue) []span.KeyValue {
	var list []span.KeyValue
	for _, kv := range attrs {
		list = append(list, span.KeyValue{Key: kv.Key, Value: protoValue(kv.Value)})
	}
	return list
}

func protoValue(v *commonpb.AnyValue) span.Value {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return span.StringValue(v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return span.BoolValue(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return span.IntValue(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return canonical(span.FloatValue(v.DoubleValue))
	case *commonpb.AnyValue_BytesValue:
		return span.BytesValue(string(v.BytesValue))
	case *commonpb.AnyValue_KvlistValue:
		return span.MapValue(protoAttrs(v.KvlistValue.GetValues())...)
	case *commonpb.AnyValue_ArrayValue:
		var list []span.Value
		for _, e := range v.ArrayValue.GetValues() {
			list = append(list, protoValue(e))
		}
		return span.ArrayValue(list...)
	}
	return span.Value{}
}

// checkProto holds the decoder against both oracles.
func checkProto(t *testing.T, raw []byte) {
	t.Helper()
	got, _, err := rows(span.FormatOTLPProto, raw)
	if errors.Is(err, span.ErrDepth) {
		return // a limit that neither oracle has
	}
	pdata := ptraceotlp.NewExportRequest()
	pdataErr := pdata.UnmarshalProto(raw)
	var msg collectorpb.ExportTraceServiceRequest
	protoErr := proto.Unmarshal(raw, &msg)

	if err != nil {
		if pdataErr == nil && protoErr == nil {
			t.Fatalf("error %v, but both oracles accept the request", err)
		}
		return
	}
	if pdataErr != nil && protoErr != nil {
		if strings.Contains(protoErr.Error(), "UTF-8") {
			return // so protobuf has no say in what pdata took offence at
		}
		t.Fatalf("accepted, but pdata: %v; protobuf: %v", pdataErr, protoErr)
	}
	var diff []string
	if protoErr == nil {
		want := protoRows(&msg)
		if d := firstDifference(got, want); d == "" {
			return
		} else {
			diff = append(diff, "protobuf: "+d)
		}
	}
	if pdataErr == nil {
		for i := range got {
			got[i].Resource.EntityRefs = ""
		}
		if d := firstDifference(got, pdataRows(pdata.Traces())); d == "" {
			return
		} else {
			diff = append(diff, "pdata: "+d)
		}
	}
	t.Fatalf("other spans than %q", diff)
}

// firstDifference says how two lists of spans differ; "" if they do not.
func firstDifference(got, want []span.Span) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d spans, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Sprintf("span %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	return ""
}

// recorded returns the recorded requests.
func recorded(t testing.TB) [][]byte {
	t.Helper()
	requests, err := recording.Requests()
	if err != nil {
		t.Fatal(err)
	}
	return requests
}

// seeds are recorded requests that are small enough for a fuzzer to get somewhere.
func seeds(t testing.TB) [][]byte {
	var small [][]byte
	for _, raw := range recorded(t) {
		if len(raw) < 2000 {
			small = append(small, raw)
		}
	}
	if len(small) == 0 {
		t.Fatal("no recorded request is small")
	}
	return small
}

func TestRecordedAsTheOraclesSeeIt(t *testing.T) {
	for _, raw := range recorded(t) {
		checkProto(t, raw)
	}
}

func FuzzDecodeProto(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw)
	}
	f.Add(everything(f))
	f.Fuzz(checkProto)
}
