package ingest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

func TestRecordedAsJSON(t *testing.T) {
	for i, raw := range recorded(t) {
		want, _, err := rows(span.FormatOTLPProto, raw)
		if err != nil {
			t.Fatal(err)
		}
		got, rejected, err := rows(span.FormatOTLPJSON, toJSON(t, raw))
		if err != nil || rejected.Count > 0 {
			t.Fatalf("request %d: rejected %+v, error %v", i, rejected, err)
		}
		if d := firstDifference(got, want); d != "" {
			t.Fatalf("request %d: %s", i, d)
		}
	}
}

// jsonSpan is a request of one valid span with more members.
func jsonSpan(members string) string {
	if members != "" {
		members = "," + members
	}
	return fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s"%s}]}]}]}`, traceA, spanA, members)
}

func jsonAttr(value string) string {
	return jsonSpan(`"attributes":[{"key":"k","value":` + value + `}]`)
}

func TestJSON(t *testing.T) {
	withAttr := func(v span.Value) func(*span.Span) {
		return func(s *span.Span) { s.Attrs = []span.KeyValue{{Key: "k", Value: v}} }
	}
	unchanged := func(*span.Span) {}
	tests := []struct {
		name, text string
		want       func(*span.Span)
	}{
		{"ids of upper case", strings.NewReplacer(traceA.String(), strings.ToUpper(traceA.String()), spanA.String(), strings.ToUpper(spanA.String())).Replace(jsonSpan("")), unchanged},
		{"parent", jsonSpan(`"parentSpanId":"B200000000000002"`), func(s *span.Span) { s.Parent = spanB }},
		{"no parent", jsonSpan(`"parentSpanId":""`), unchanged},
		{"parent of zeros", jsonSpan(`"parentSpanId":"0000000000000000"`), unchanged},
		{"64-bit integers as strings", jsonSpan(`"startTimeUnixNano":"18446744073709551615","endTimeUnixNano":"1"`),
			func(s *span.Span) { s.Start, s.End = math.MaxUint64, 1 }},
		{"64-bit integers as numbers", jsonSpan(`"startTimeUnixNano":18446744073709551615,"endTimeUnixNano":1`),
			func(s *span.Span) { s.Start, s.End = math.MaxUint64, 1 }},
		{"integers in the notation of floats", jsonSpan(`"startTimeUnixNano":1e3,"endTimeUnixNano":"2.0","flags":7E0`),
			func(s *span.Span) { s.Start, s.End, s.Flags = 1000, 2, 7 }},
		{"enums", jsonSpan(`"kind":2,"status":{"code":2,"message":"why"}`),
			func(s *span.Span) { s.Kind, s.Status, s.Message = 2, 2, "why" }},
		{"enums of the future", jsonSpan(`"kind":-2147483648,"status":{"code":99}`),
			func(s *span.Span) { s.Kind, s.Status = math.MinInt32, 99 }},
		{"null is absent", jsonSpan(`"name":null,"kind":null,"startTimeUnixNano":null,"attributes":null,"events":null,"status":null`), unchanged},
		{"unknown members", jsonSpan(`"x":{"y":[1,{"z":null}]},"name":"n"`), func(s *span.Span) { s.Name = "n" }},
		{"snake_case is unknown", jsonSpan(`"trace_state":"a","start_time_unix_nano":5`), unchanged},
		{"other cases are unknown", jsonSpan(`"Name":"a","KIND":5`), unchanged},
		{"escaped names and values", jsonSpan(`"n\u0061me":"a\n\"\u00e9\ud83d\ude00"`), func(s *span.Span) { s.Name = "a\n\"é😀" }},
		{"half a surrogate pair", jsonSpan(`"name":"a\ud83d"`), func(s *span.Span) { s.Name = "a\ufffd" }},
		{"text that is not UTF-8", jsonSpan("\"name\":\"a\xffb\""), func(s *span.Span) { s.Name = "a\ufffdb" }},
		{"white space around", " \n" + jsonSpan("") + "\r\n\t ", unchanged},

		{"stringValue", jsonAttr(`{"stringValue":"v"}`), withAttr(span.StringValue("v"))},
		{"boolValue", jsonAttr(`{"boolValue":true}`), withAttr(span.BoolValue(true))},
		{"intValue as string", jsonAttr(`{"intValue":"-9223372036854775808"}`), withAttr(span.IntValue(math.MinInt64))},
		{"intValue as number", jsonAttr(`{"intValue":9223372036854775807}`), withAttr(span.IntValue(math.MaxInt64))},
		{"doubleValue", jsonAttr(`{"doubleValue":-1.25e2}`), withAttr(span.FloatValue(-125))},
		{"doubleValue without a fraction", jsonAttr(`{"doubleValue":3}`), withAttr(span.FloatValue(3))},
		{"doubleValue as string", jsonAttr(`{"doubleValue":"0.5"}`), withAttr(span.FloatValue(0.5))},
		{"NaN", jsonAttr(`{"doubleValue":"NaN"}`), withAttr(span.FloatValue(math.NaN()))},
		{"Infinity", jsonAttr(`{"doubleValue":"Infinity"}`), withAttr(span.FloatValue(math.Inf(1)))},
		{"-Infinity", jsonAttr(`{"doubleValue":"-Infinity"}`), withAttr(span.FloatValue(math.Inf(-1)))},
		{"bytesValue", jsonAttr(`{"bytesValue":"++//AA=="}`), withAttr(span.BytesValue("\xfb\xef\xff\x00"))},
		{"bytesValue in the alphabet for URLs", jsonAttr(`{"bytesValue":"--__AA"}`), withAttr(span.BytesValue("\xfb\xef\xff\x00"))},
		{"bytesValue of nothing", jsonAttr(`{"bytesValue":""}`), withAttr(span.BytesValue(""))},
		{"empty value", jsonAttr(`{}`), withAttr(span.Value{})},
		{"null value", jsonAttr(`null`), withAttr(span.Value{})},
		{"value of an unknown type", jsonAttr(`{"dateValue":"2026"}`), withAttr(span.Value{})},
		{"null beside a value", jsonAttr(`{"stringValue":null,"intValue":1}`), withAttr(span.IntValue(1))},
		{"arrayValue", jsonAttr(`{"arrayValue":{"values":[{"intValue":1},{},{"arrayValue":{}}]}}`),
			withAttr(span.ArrayValue(span.IntValue(1), span.Value{}, span.ArrayValue()))},
		{"kvlistValue", jsonAttr(`{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"x"}},{"value":{"boolValue":false},"key":"b"}]}}`),
			withAttr(span.MapValue(span.KeyValue{Key: "a", Value: span.StringValue("x")}, span.KeyValue{Key: "b", Value: span.BoolValue(false)}))},
		{"a long list", jsonAttr(`{"arrayValue":{"values":[{"stringValue":"` + strings.Repeat("x", 300) + `"}]}}`),
			withAttr(span.ArrayValue(span.StringValue(strings.Repeat("x", 300))))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, rejected, err := rows(span.FormatOTLPJSON, []byte(tt.text))
			if err != nil || rejected.Count > 0 || len(got) != 1 {
				t.Fatalf("%d spans, rejected %+v, error %v\n%s", len(got), rejected, err, tt.text)
			}
			want := span.Span{TraceID: traceA, SpanID: spanA}
			tt.want(&want)
			if !reflect.DeepEqual(got[0], want) {
				t.Errorf("%s\ngot  %+v\nwant %+v", tt.text, got[0], want)
			}
		})
	}
}

func TestJSONWithoutSpans(t *testing.T) {
	for _, text := range []string{`{}`, `{"resourceSpans":[]}`, `{"resourceSpans":null}`, `{"resourceSpans":[{"scopeSpans":[{}]}]}`} {
		var b span.Batch
		if _, err := DecodeOTLP(span.FormatOTLPJSON, []byte(text), &b, Limits{}); err != nil || b.Len()+len(b.Resources)+len(b.Scopes) > 0 {
			t.Errorf("%s: %d spans, %d resources, error %v", text, b.Len(), len(b.Resources), err)
		}
	}
}

func TestMalformedJSONNamesThePlace(t *testing.T) {
	const place = "resourceSpans[0].scopeSpans[0].spans[0]"
	deep := strings.Repeat(`{"arrayValue":{"values":[`, span.MaxDepth+1) + strings.Repeat(`]}}`, span.MaxDepth+1)
	tests := []struct{ text, want string }{
		{``, `byte 0: unexpected end of the request`},
		{`null`, `byte 4: expected an object, got null`},
		{`[]`, `byte 1: expected an object, got an array`},
		{`{"resourceSpans":{}}`, `byte 18, resourceSpans: expected an array, got an object`},
		{`{"resourceSpans":[null]}`, `byte 22, resourceSpans[0]: expected an object, got null`},
		{`{"resourceSpans":[`, `byte 18, resourceSpans: unexpected end of the request`},
		{`{"resourceSpans":[{]}`, `byte 19, resourceSpans[0]: invalid character ']' at start of value`},
		{`{} {}`, `byte 4: unexpected data after the request`},
		{`{}x`, `byte 2: invalid character 'x' at start of value`},
		{`{"a":1,"a":2}`, `byte 7, a: duplicate object member name`},
		{jsonSpan(`"kind":"SPAN_KIND_SERVER"`), place + `.kind: expected an integer (OTLP/JSON has no enum names), got a string`},
		{jsonSpan(`"kind":2.5`), place + `.kind: "2.5" is not a 32-bit integer`},
		{jsonSpan(`"kind":2147483648`), place + `.kind: "2147483648" is not a 32-bit integer`},
		{jsonSpan(`"name":5`), place + `.name: expected a string, got a number`},
		{jsonSpan(`"startTimeUnixNano":"now"`), place + `.startTimeUnixNano: "now" is not an unsigned 64-bit integer`},
		{jsonSpan(`"startTimeUnixNano":-1`), place + `.startTimeUnixNano: "-1" is not an unsigned 64-bit integer`},
		{jsonSpan(`"startTimeUnixNano":0.5`), place + `.startTimeUnixNano: "0.5" is not an unsigned 64-bit integer`},
		{jsonSpan(`"startTimeUnixNano":18446744073709551616`), place + `.startTimeUnixNano: "18446744073709551616" is not an unsigned 64-bit integer`},
		{jsonSpan(`"flags":4294967296`), place + `.flags: "4294967296" is not an unsigned 32-bit integer`},
		{jsonSpan(`"flags":true`), place + `.flags: expected a number, got true`},
		{jsonSpan(`"attributes":[{"key":1}]`), place + `.attributes[0].key: expected a string, got a number`},
		{jsonSpan(`"events":[{},{"attributes":[5]}]`), place + `.events[1].attributes[0]: expected an object, got a number`},
		{jsonSpan(`"links":[{"traceId":"xyz"}]`), place + `.links[0].traceId: "xyz" is not hex, in which OTLP/JSON writes ids`},
		{jsonAttr(`{"boolValue":"true"}`), place + `.attributes[0].value.boolValue: expected true or false, got a string`},
		{jsonAttr(`{"intValue":"0x10"}`), place + `.attributes[0].value.intValue: "0x10" is not a 64-bit integer`},
		{jsonAttr(`{"intValue":9223372036854775808}`), place + `.attributes[0].value.intValue: "9223372036854775808" is not a 64-bit integer`},
		{jsonAttr(`{"doubleValue":"inf"}`), place + `.attributes[0].value.doubleValue: "inf" is not a 64-bit floating-point number`},
		{jsonAttr(`{"doubleValue":1e999}`), place + `.attributes[0].value.doubleValue: "1e999" is not a 64-bit floating-point number`},
		{jsonAttr(`{"bytesValue":"?"}`), place + `.attributes[0].value.bytesValue: invalid base64`},
		{jsonAttr(`{"stringValue":"a","intValue":1}`), place + `.attributes[0].value.intValue: a value of two types`},
		{jsonAttr(`{"arrayValue":{"values":[{"kvlistValue":{"values":[{"value":{"intValue":{}}}]}}]}}`),
			place + `.attributes[0].value.arrayValue.values[0].kvlistValue.values[0].value.intValue: expected a number, got an object`},
		{jsonAttr(deep), `attribute value nests deeper than 64 levels`},
		{strings.Replace(jsonSpan(""), spanA.String(), "//////////8=", 1), place + `.spanId: "//////////8=" is not hex, in which OTLP/JSON writes ids`},
	}
	for _, tt := range tests {
		_, _, err := rows(span.FormatOTLPJSON, []byte(tt.text))
		if err == nil {
			t.Errorf("%s: accepted, want %q", tt.text, tt.want)
			continue
		}
		got := err.Error()
		if !strings.HasPrefix(tt.want, "byte") { // then only what comes after the offset is asked for
			got = got[max(0, len(got)-len(tt.want)):]
		}
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.text, err, tt.want)
		}
	}
}

// An error does not repeat all that a sender sent.
func TestJSONErrorIsShort(t *testing.T) {
	long := strings.Repeat("y", 5000)
	for _, text := range []string{
		`{"` + long + `":{"` + long + `":{"` + long + `":`,
		jsonSpan(`"startTimeUnixNano":"` + long + `"`),
		jsonSpan(`"parentSpanId":"` + long + `"`),
	} {
		_, _, err := rows(span.FormatOTLPJSON, []byte(text))
		if err == nil || len(err.Error()) > 1200 {
			t.Errorf("error %.100v… of %d bytes", err, len(fmt.Sprint(err)))
		}
	}
}

func TestRejectedJSONSpans(t *testing.T) {
	replace := func(old span.SpanID, with string) string { return strings.Replace(jsonSpan(""), old.String(), with, 1) }
	tests := []struct{ text, want string }{
		{replace(spanA, "b1"), "1 span rejected: 1 with a span id of 2 hex digits (expected 16)"},
		{replace(spanA, "b00000000000000"), "1 span rejected: 1 with a span id of 15 hex digits (expected 16)"},
		{replace(spanA, "0000000000000000"), "1 span rejected: 1 with an all-zero span id"},
		{replace(spanA, ""), "1 span rejected: 1 without a span id"},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{},{"traceId":null}]}]}]}`, "2 spans rejected: 2 without a trace id"},
		{jsonSpan(`"parentSpanId":"1"`), "1 span rejected: 1 with a parent span id of 1 hex digit (expected 16)"},
		{jsonSpan(`"links":[{},{"spanId":"1"},{}]`), "1 span rejected: 1 with a link's span id of 1 hex digit (expected 16)"},
		{jsonSpan(`"links":[{"traceId":"12"}]`), "1 span rejected: 1 with a link's trace id of 2 hex digits (expected 32)"},
		{jsonSpan(`"links":[{},{"traceId":"","spanId":"0000000000000000"}]`), ""},
	}
	for _, tt := range tests {
		_, rejected, err := rows(span.FormatOTLPJSON, []byte(tt.text))
		if err != nil || rejected.Message != tt.want {
			t.Errorf("%s\ngot  %q, error %v\nwant %q", tt.text, rejected.Message, err, tt.want)
		}
	}
}

// pdata writes what was read from protobuf as JSON, which must say the same.
func FuzzJSONSaysWhatProtobufSays(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw)
	}
	f.Add(everything(f))
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, _, err := rows(span.FormatOTLPProto, raw)
		req := ptraceotlp.NewExportRequest()
		if err != nil || req.UnmarshalProto(raw) != nil {
			return
		}
		var msg collectorpb.ExportTraceServiceRequest
		if proto.Unmarshal(raw, &msg) != nil || firstDifference(want, protoRows(&msg)) != "" {
			return // it has text that is not UTF-8, or was read otherwise by pdata
		}
		text, err := req.MarshalJSON()
		if err != nil {
			return
		}
		got, _, err := rows(span.FormatOTLPJSON, text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := firstDifference(got, want); d != "" {
			t.Fatalf("%s\n%s", d, text)
		}
	})
}

// pdata accepts more than OTLP/JSON allows. What both accept they must read alike.
func FuzzDecodeJSON(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(toJSON(f, raw))
	}
	f.Add([]byte(jsonAttr(`{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":"NaN"}]}}`)))
	f.Add([]byte(jsonSpan(`"kind":2,"status":{"code":2,"message":"why"},"links":[{}],"events":[{"name":"e"}]`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _, err := rows(span.FormatOTLPJSON, text)
		if err != nil {
			return
		}
		// pdata also knows names in snake_case, and has its own idea of broken text.
		if bytes.ContainsAny(text, `_\`) || !utf8.Valid(text) {
			return
		}
		req := ptraceotlp.NewExportRequest()
		if req.UnmarshalJSON(text) != nil {
			return
		}
		for i := range got {
			got[i].Resource.EntityRefs = ""
		}
		if d := firstDifference(got, pdataRows(req.Traces())); d != "" {
			t.Fatalf("%s\n%s", d, text)
		}
	})
}
