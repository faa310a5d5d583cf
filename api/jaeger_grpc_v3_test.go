package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/storetest"
)

const (
	serviceV3      = "jaeger.api_v3.QueryService"
	serviceStorage = "jaeger.storage.v2.TraceReader"
)

// methodOf returns the description of a method, such as
// "jaeger.api_v3.QueryService/GetTrace".
func methodOf(t *testing.T, method string) protoreflect.MethodDescriptor {
	t.Helper()
	found, err := jaegerFiles().FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(method, "/", ".")))
	if err != nil {
		t.Fatal(err)
	}
	return found.(protoreflect.MethodDescriptor)
}

// ask calls a method with a request in protobuf's text form, and returns all replies.
func ask(t *testing.T, conn *grpc.ClientConn, method, text string) (replies [][]byte, err error) {
	t.Helper()
	return askIn(t.Context(), t, conn, method, text)
}

func askIn(ctx context.Context, t *testing.T, conn *grpc.ClientConn, method, text string) (replies [][]byte, err error) {
	t.Helper()
	in := dynamicpb.NewMessage(methodOf(t, method).Input())
	if err := prototext.Unmarshal([]byte(text), in); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/"+method)
	if err == nil {
		err = errors.Join(stream.SendMsg(in), stream.CloseSend())
	}
	for err == nil {
		var reply []byte
		if err = stream.RecvMsg(&reply); err == nil {
			replies = append(replies, reply)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return replies, err
}

// askOne is ask for an answer of one message, which it decodes.
func askOne(t *testing.T, conn *grpc.ClientConn, method, text string) proto.Message {
	t.Helper()
	replies, err := ask(t, conn, method, text)
	if err != nil || len(replies) != 1 {
		t.Fatalf("%s %s: %d replies, %v", method, text, len(replies), err)
	}
	out := dynamicpb.NewMessage(methodOf(t, method).Output())
	if err := proto.Unmarshal(replies[0], out); err != nil {
		t.Fatal(err)
	}
	if len(out.GetUnknown()) != 0 {
		t.Errorf("%s: unknown fields %x", method, out.GetUnknown())
	}
	return out
}

// askTraces is ask for traces; each reply has spans, and of one trace only.
func askTraces(t *testing.T, conn *grpc.ClientConn, method, text string) []span.Span {
	t.Helper()
	replies, err := ask(t, conn, method, text)
	if err != nil {
		t.Fatalf("%s %s: %v", method, text, err)
	}
	var rows []span.Span
	for _, reply := range replies {
		chunk := decodeProto(t, reply)
		if len(chunk) == 0 || slices.ContainsFunc(chunk, func(s span.Span) bool { return s.TraceID != chunk[0].TraceID }) {
			t.Errorf("%s %s: a message with %d spans is empty or has several traces", method, text, len(chunk))
		}
		rows = append(rows, chunk...)
	}
	return rows
}

// bytesText writes bytes in protobuf's text form.
func bytesText(b []byte) string {
	var text strings.Builder
	for _, c := range b {
		fmt.Fprintf(&text, `\x%02x`, c)
	}
	return `"` + text.String() + `"`
}

// TestJaegerGRPCTracesInOTLP: what came in comes out.
func TestJaegerGRPCTracesInOTLP(t *testing.T) {
	rows := append(recorded(t), odd()...)
	for seed := range uint64(10) {
		rows = append(rows, storetest.NewGen(seed).Spans(50)...)
	}
	r := opened(t, rows...)
	conn := dialJaeger(t, testConfig(), r)
	for id, want := range storedTraces(t, r, rows) {
		diffRows(t, askTraces(t, conn, serviceV3+"/GetTrace", fmt.Sprintf("trace_id: %q raw_traces: true", id)), want)
		diffRows(t, askTraces(t, conn, serviceStorage+"/GetTraces", fmt.Sprintf("query { trace_id: %s }", bytesText(id[:]))), want)
	}
	if got := askTraces(t, conn, serviceV3+"/GetTrace", `trace_id: "ab00000000000001"`); len(got) != len(odd()) {
		t.Errorf("a trace by 16 digits has %d spans", len(got))
	}
	several := fmt.Sprintf(`query { trace_id: %s } query { trace_id: "unknown." } query { trace_id: %[2]s }`,
		bytesText(odd()[0].TraceID[8:]), bytesText(recorded(t)[0].TraceID[:]))
	if got := askTraces(t, conn, serviceStorage+"/GetTraces", several); got[0].TraceID != odd()[0].TraceID || got[len(got)-1].TraceID != recorded(t)[0].TraceID {
		t.Errorf("two of three traces came as %d spans", len(got))
	}
	if got := askTraces(t, conn, serviceStorage+"/GetTraces", `query { trace_id: "unknown." }`); got != nil {
		t.Errorf("an unknown trace has %d spans", len(got))
	}
}

// v3Range has all spans of the tests in it.
const v3Range = "start_time_min { seconds: 1600000000 } start_time_max { seconds: 1800000000 }"

// TestJaegerGRPCFindInOTLP asks the same as of the third HTTP API.
func TestJaegerGRPCFindInOTLP(t *testing.T) {
	r := opened(t, append(recorded(t), odd()...)...)
	h, conn := NewJaeger(testConfig(), r), dialJaeger(t, testConfig(), r)
	const times = "query.startTimeMin=2020-09-13T12:26:40Z&query.startTimeMax=2027-01-15T08:00:00Z"
	tests := []struct{ http, v3, storage string }{
		{"", "", ""},
		{"&query.searchDepth=2", "search_depth: 2", "search_depth: 2"},
		{"&query.serviceName=frontend-proxy&query.operationName=ingress", `service_name: "frontend-proxy" operation_name: "ingress"`,
			`service_name: "frontend-proxy" operation_name: "ingress"`},
		{"&query.durationMin=1ms&query.durationMax=1s", "duration_min { nanos: 1000000 } duration_max { seconds: 1 }",
			"duration_min { nanos: 1000000 } duration_max { seconds: 1 }"},
		{`&query.attributes=%7B%22ratio%22:%220.25%22,%22yes%22:%22true%22,%22safe%22:%22-9007199254740991%22,%22error%22:%22true%22%7D`,
			`attributes { key: "ratio" value: "0.25" } attributes { key: "yes" value: "true" } attributes { key: "safe" value: "-9007199254740991" } attributes { key: "error" value: "true" }`,
			`attributes { key: "ratio" value { double_value: 0.25 } } attributes { key: "yes" value { bool_value: true } }
			 attributes { key: "safe" value { int_value: -9007199254740991 } } attributes { key: "error" value { string_value: "true" } }`},
		{`&query.filter=%7B%22op%22:%22eq%22,%22args%22:%5B%7B%22attr%22:%7B%22key%22:%22lib.mode%22,%22level%22:%22scope%22%7D%7D,%7B%22scalar%22:%7B%22value%22:%22fast%22%7D%7D%5D%7D`,
			`filter { op: "eq" args { attr { key: "lib.mode" level: "scope" } } args { scalar { value: "fast" } } }`,
			`filter { op: "eq" args { attr { key: "lib.mode" level: "scope" } } args { scalar { value: "fast" } } }`},
	}
	for _, test := range tests {
		body := getOK(t, h, "/api/v3/traces?query.rawTraces=true&"+times+test.http)
		want := decodeJSON(t, body[len(`{"result":`):len(body)-2])
		if len(want) == 0 {
			t.Errorf("%s finds nothing", test.http)
		}
		for method, text := range map[string]string{serviceV3: test.v3 + " raw_traces: true", serviceStorage: test.storage} {
			got := askTraces(t, conn, method+"/FindTraces", fmt.Sprintf("query { %s %s }", v3Range, text))
			for i := range got {
				got[i] = utf8Row(got[i])
			}
			diffRows(t, got, want)
			method += "/FindTraceSummaries"
			summaries := askOne(t, conn, method, fmt.Sprintf("query { %s %s }", v3Range, text))
			if strings.HasPrefix(method, serviceV3) {
				sameAsJSON(t, summaries, getOK(t, h, "/api/v3/trace-summaries?"+times+test.http))
			}
		}
	}
	nothing := fmt.Sprintf(`query { %s service_name: "nobody" }`, v3Range)
	for _, method := range []string{serviceV3 + "/FindTraces", serviceV3 + "/FindTraceSummaries", serviceStorage + "/FindTraces", serviceStorage + "/FindTraceSummaries"} {
		if replies, err := ask(t, conn, method, nothing); err != nil || len(replies) != 0 {
			t.Errorf("%s: %d replies to a search that finds nothing, %v", method, len(replies), err)
		}
	}
}

// sameAsJSON compares a message with the JSON form that the HTTP API gave.
func sameAsJSON(t *testing.T, got proto.Message, body []byte) {
	t.Helper()
	want := got.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(body, want); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// TestJaegerGRPCListsV3 compares with the third HTTP API.
func TestJaegerGRPCListsV3(t *testing.T) {
	r := filled(t, append(recorded(t), odd()...)...)
	h, conn := NewJaeger(testConfig(), r), dialJaeger(t, testConfig(), r)
	sameAsJSON(t, askOne(t, conn, serviceV3+"/GetServices", ""), getOK(t, h, "/api/v3/services"))
	sameAsJSON(t, askOne(t, conn, serviceStorage+"/GetServices", ""), getOK(t, h, "/api/v3/services"))
	for _, method := range []string{serviceV3, serviceStorage} {
		method += "/GetOperations"
		sameAsJSON(t, askOne(t, conn, method, `service: "mail"`), getOK(t, h, "/api/v3/operations?service=mail"))
		sameAsJSON(t, askOne(t, conn, method, `service: "shop" span_kind: "server"`), getOK(t, h, "/api/v3/operations?service=shop&spanKind=server"))
		sameAsJSON(t, askOne(t, conn, method, `service: "shop" span_kind: "unspecified"`), []byte(`{"operations":[{"name":"child"}]}`))
	}
	span := "start_time { seconds: 1752192000 } end_time { seconds: 1752278400 }"
	want := getOK(t, h, "/api/v3/dependencies?startTime=2025-07-11T00:00:00Z&endTime=2025-07-12T00:00:00Z")
	if !strings.Contains(string(want), "frontend-proxy") {
		t.Errorf("dependencies %s", want)
	}
	sameAsJSON(t, askOne(t, conn, serviceV3+"/GetDependencies", span), want)
	sameAsJSON(t, askOne(t, conn, "jaeger.storage.v2.DependencyReader/GetDependencies", span), want)
	capabilities := getOK(t, h, "/api/v3/capabilities")
	golden(t, "jaeger_v3_capabilities.json", capabilities)
	sameAsJSON(t, askOne(t, conn, "jaeger.storage.v2.Capabilities/GetCapabilities", ""), capabilities)
	sameAsJSON(t, askOne(t, conn, "jaeger.api_v3.Capabilities/GetCapabilities", ""), capabilities)
}

// TestJaegerGRPCPages walks through a search in pages.
func TestJaegerGRPCPages(t *testing.T) {
	conn := dialJaeger(t, testConfig(), filled(t, append(recorded(t), odd()...)...))
	for _, method := range []string{serviceV3 + "/FindTraceSummaries", serviceStorage + "/FindTraceSummaries", serviceStorage + "/FindTraceIDs"} {
		list := methodOf(t, method).Output().Fields().ByNumber(1)
		token, seen, pages := "", map[string]bool{}, 0
		for more := true; more; pages++ {
			page := request{askOne(t, conn, method, fmt.Sprintf("query { %s pagination { page_size: 2 page_token: %q } }", v3Range, token)).ProtoReflect()}
			for i, all := 0, page.Get(list).List(); i < all.Len(); i++ {
				seen[fmt.Sprint(request{all.Get(i).Message()}.get("trace_id"))] = true
			}
			token = page.text("next_page_token")
			more = token != ""
		}
		if pages != 3 || len(seen) != 5 {
			t.Errorf("%s: %d traces in %d pages", method, len(seen), pages)
		}
	}
}

// TestJaegerGRPCFoundIDs checks where in time the traces of an answer lie.
func TestJaegerGRPCFoundIDs(t *testing.T) {
	rows := odd()
	conn := dialJaeger(t, testConfig(), filled(t, rows...))
	got := askOne(t, conn, serviceStorage+"/FindTraceIDs", "query { "+v3Range+" }")
	want := got.ProtoReflect().New().Interface()
	text := fmt.Sprintf("trace_ids { trace_id: %s start { seconds: 1700000000 } end { seconds: 1700000000 nanos: 5000123 } }", bytesText(rows[0].TraceID[:]))
	if err := prototext.Unmarshal([]byte(text), want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestJaegerGRPCBadRequestsV3(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 1000
	conn := dialJaeger(t, cfg, filled(t, recorded(t)...))
	tests := []struct {
		method, text string
		code         codes.Code
		says         string
	}{
		{serviceV3 + "/GetTrace", `trace_id: "77"`, codes.NotFound, "trace not found"},
		{serviceV3 + "/GetTrace", `trace_id: "x"`, codes.InvalidArgument, `trace_id: trace id "x": character 1 is not a hex digit`},
		{serviceV3 + "/GetTrace", ``, codes.InvalidArgument, `trace_id: trace id "": has 0 digits, expected 1 to 32 hex digits`},
		{serviceV3 + "/GetTrace", `trace_id: "1" start_time { nanos: -1 }`, codes.InvalidArgument, "start_time: nanos must be from 0 to 999999999"},
		{serviceV3 + "/FindTraces", "", codes.InvalidArgument, "query: is required"},
		{serviceV3 + "/FindTraces", "query { start_time_max { seconds: 1 } }", codes.InvalidArgument, "query.start_time_min: is required"},
		{serviceV3 + "/FindTraces", "query { start_time_min { seconds: 1 } }", codes.InvalidArgument, "query.start_time_max: is required"},
		{serviceV3 + "/FindTraces", "query { start_time_min { seconds: 1 } start_time_max { seconds: 1 } }", codes.InvalidArgument, "query.start_time_min: must lie before start_time_max"},
		{serviceV3 + "/FindTraces", "query { " + v3Range + " duration_min { nanos: 1000000000 } }", codes.InvalidArgument, "duration_min: nanos must be from 0 to 999999999"},
		{serviceV3 + "/FindTraces", "query { " + v3Range + " duration_max { seconds: 10000000000 } }", codes.InvalidArgument, "duration_max: is too long"},
		{serviceV3 + "/FindTraces", "query { " + v3Range + " pagination { page_size: 1 } }", codes.InvalidArgument, "query.pagination: traces come without a page token; use search_depth"},
		{serviceV3 + "/FindTraceSummaries", "query { " + v3Range + " pagination { } }", codes.InvalidArgument, "page_size: must be from 1 to 1000"},
		{serviceV3 + "/FindTraceSummaries", "query { " + v3Range + " pagination { page_size: 1001 } }", codes.InvalidArgument, "page_size: must be from 1 to 1000"},
		{serviceV3 + "/FindTraceSummaries", "query { " + v3Range + " search_depth: 1 pagination { page_size: 1 } }", codes.InvalidArgument, "pagination: excludes search_depth"},
		{serviceV3 + "/FindTraceSummaries", `query { ` + v3Range + ` pagination { page_size: 1 page_token: "x" } }`, codes.InvalidArgument, "page_token: invalid cursor"},
		{serviceV3 + "/FindTraces", `query { ` + v3Range + ` filter { op: "eq" } }`, codes.InvalidArgument, "query.filter: eq: has 0 arguments, needs 2"},
		{serviceV3 + "/FindTraces", `query { ` + v3Range + ` filter { op: "eq" } service_name: "a" }`, codes.InvalidArgument, "query.filter and query.service_name cannot be combined"},
		{serviceV3 + "/FindSpans", "", codes.InvalidArgument, "query: is required"},
		{serviceV3 + "/FindSpans", "query { start_time_min { seconds: 1 } }", codes.InvalidArgument, "query.start_time_max: is required"},
		{serviceStorage + "/FindSpans", "query { start_time_max { seconds: 1 } }", codes.InvalidArgument, "query.start_time_min: is required"},
		{serviceV3 + "/FindSpans", "query { " + v3Range + " pagination { } }", codes.InvalidArgument, "page_size: must not be 0"},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + ` pagination { page_size: 1 page_token: "x" } }`, codes.InvalidArgument, "invalid cursor"},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + ` filter { op: "eq" } }`, codes.InvalidArgument, "query.filter: eq: has 0 arguments, needs 2"},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + ` order_by { } }`, codes.InvalidArgument, "query.order_by: term 1 is no field of the span"},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + ` order_by { expression { field { level: "resource" name: "service" } } } }`, codes.InvalidArgument, "query.order_by: term 1 is no field of the span"},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + ` order_by { expression { field { level: "span" name: "name" } } } }`, codes.InvalidArgument, `query.order_by: there is no order by "name"; there are startTime, duration, traceID, spanID`},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + ` order_by { direction: "up" expression { field { level: "span" name: "spanID" } } } }`, codes.InvalidArgument, `query.order_by: the direction "up" is neither asc nor desc`},
		{serviceV3 + "/FindSpans", `query { ` + v3Range + strings.Repeat(` order_by { expression { field { level: "span" name: "spanID" } } }`, 2) + ` }`, codes.InvalidArgument, "query.order_by: spanID is there twice"},
		{serviceStorage + "/GetTraces", "query { }", codes.InvalidArgument, "trace_id: is required"},
		{serviceStorage + "/GetTraces", `query { trace_id: "short" }`, codes.InvalidArgument, "trace_id: has 5 bytes, expected 16 or 8"},
		{serviceStorage + "/GetTraces", strings.Repeat(`query { trace_id: "12345678" }`, 1001), codes.InvalidArgument, "query: has 1001 ids, the limit is 1000"},
		{serviceStorage + "/FindTraces", `query { attributes { key: "a" value { array_value { } } } }`, codes.InvalidArgument, `attributes: "a" is neither a string nor a number nor a boolean`},
		{serviceStorage + "/FindTraces", `query { attributes { key: "a" } }`, codes.InvalidArgument, `attributes: "a" has no value`},
		{serviceStorage + "/FindTraceIDs", "", codes.InvalidArgument, "query: is required"},
	}
	for _, test := range tests {
		_, err := ask(t, conn, test.method, test.text)
		if got := status.Convert(err); got.Code() != test.code || got.Message() != test.says {
			t.Errorf("%s %.100s: %v: %q, want %v: %q", test.method, test.text, got.Code(), got.Message(), test.code, test.says)
		}
	}
}

// TestJaegerGRPCChunksInOTLP reads with the limit that clients have if nothing is said.
func TestJaegerGRPCChunksInOTLP(t *testing.T) {
	rows := append(bigTrace(), recorded(t)...)
	conn := dialJaeger(t, testConfig(), filled(t, rows...))
	min := recordedAt.Add(-24 * time.Hour).Unix()
	text := fmt.Sprintf("query { raw_traces: true start_time_min { seconds: %d } start_time_max { seconds: %d } }", min, recordedAt.Unix()+1)
	replies, err := ask(t, conn, serviceV3+"/FindTraces", text)
	if err != nil || len(replies) < 6+4 {
		t.Fatalf("%d replies, %v", len(replies), err)
	}
	diffRows(t, askTraces(t, conn, serviceV3+"/FindTraces", text), rows)
}
