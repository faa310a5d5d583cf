package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	model "github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// dialJaeger serves a store and returns a connection to it.
func dialJaeger(t *testing.T, cfg Config, r store.Reader) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewJaegerGRPC(cfg, r)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(gogoCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn
}

// gogoCodec encodes messages that have been generated with their own encoders,
// as those of jaeger-idl are, and others as usual. A *[]byte takes any message as it is.
type gogoCodec struct{}

func (gogoCodec) Marshal(v any) ([]byte, error) {
	if m, ok := v.(proto.Message); ok {
		return proto.Marshal(m)
	}
	return v.(interface{ Marshal() ([]byte, error) }).Marshal()
}

func (gogoCodec) Unmarshal(data []byte, v any) error {
	if raw, ok := v.(*[]byte); ok {
		*raw = slices.Clone(data)
		return nil
	}
	if m, ok := v.(proto.Message); ok {
		return proto.Unmarshal(data, m)
	}
	return v.(interface{ Unmarshal([]byte) error }).Unmarshal(data)
}

func (gogoCodec) Name() string { return "proto" }

// clientV2 is the published client of api_v2.
type clientV2 struct{ api_v2.QueryServiceClient }

func newClientV2(conn *grpc.ClientConn) clientV2 {
	return clientV2{api_v2.NewQueryServiceClient(conn)}
}

// chunks reads a stream of spans.
func chunks(stream interface {
	Recv() (*api_v2.SpansResponseChunk, error)
}, err error) ([][]model.Span, error) {
	var list [][]model.Span
	for err == nil {
		var chunk *api_v2.SpansResponseChunk
		if chunk, err = stream.Recv(); err == nil {
			list = append(list, chunk.Spans)
		}
	}
	if errors.Is(err, io.EOF) {
		return list, nil
	}
	return list, err
}

func (c clientV2) trace(t *testing.T, id span.TraceID, raw bool) []model.Span {
	t.Helper()
	hi, lo := id.Uint64s()
	got, err := chunks(c.GetTrace(t.Context(), &api_v2.GetTraceRequest{TraceID: model.NewTraceID(hi, lo), RawTraces: raw}))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(got...)
}

// uiSpan is a span as Jaeger shows it, whatever it came as. Values are texts.
type uiSpan struct {
	TraceID, SpanID, Name, Service string
	Flags, Start, Duration         int64 // microseconds
	References                     []string
	Tags, Process, Warnings        []string
	Logs                           [][]string
}

// uiSpans reads the JSON of the HTTP API.
func uiSpans(t *testing.T, body []byte) []uiSpan {
	t.Helper()
	type kv struct {
		Key, Type string
		Value     any
	}
	var answer struct {
		Data []struct {
			Warnings []string
			Spans    []struct {
				TraceID, SpanID, OperationName, ProcessID string
				Flags, StartTime, Duration                int64
				References                                []struct{ RefType, TraceID, SpanID string }
				Tags                                      []kv
				Logs                                      []struct {
					Timestamp int64
					Fields    []kv
				}
				Warnings []string
			}
			Processes map[string]struct {
				ServiceName string
				Tags        []kv
			}
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		t.Fatal(err)
	}
	texts := func(list []kv) (out []string) {
		for _, e := range list {
			text := fmt.Sprint(e.Value)
			if f, err := strconv.ParseFloat(text, 64); e.Type == "float64" && err == nil {
				text = fmt.Sprint(f)
			}
			out = append(out, e.Key+" "+e.Type+" "+text)
		}
		return out
	}
	var list []uiSpan
	for _, trace := range answer.Data {
		for i, s := range trace.Spans {
			p := trace.Processes[s.ProcessID]
			u := uiSpan{
				TraceID: strings.Repeat("0", 32-len(s.TraceID)) + s.TraceID, SpanID: s.SpanID, Name: s.OperationName, Service: p.ServiceName,
				Flags: s.Flags, Start: s.StartTime, Duration: s.Duration, Tags: texts(s.Tags), Process: texts(p.Tags),
			}
			if i == 0 {
				u.Warnings = append(u.Warnings, trace.Warnings...)
			}
			u.Warnings = append(u.Warnings, s.Warnings...)
			for _, r := range s.References {
				u.References = append(u.References, r.RefType+" "+strings.Repeat("0", 32-len(r.TraceID))+r.TraceID+" "+r.SpanID)
			}
			for _, l := range s.Logs {
				u.Logs = append(u.Logs, append([]string{fmt.Sprint(l.Timestamp)}, texts(l.Fields)...))
			}
			list = append(list, u)
		}
	}
	return list
}

// uiSpanOf reads a span of the protobuf model.
func uiSpanOf(s *model.Span) uiSpan {
	id := func(t model.TraceID) string { return fmt.Sprintf("%016x%016x", t.High, t.Low) }
	texts := func(list []model.KeyValue) (out []string) {
		for _, e := range list {
			var text string
			switch e.VType {
			case model.StringType:
				text = e.VStr
			case model.BoolType:
				text = fmt.Sprint(e.VBool)
			case model.Int64Type:
				text = fmt.Sprint(e.VInt64)
			case model.Float64Type:
				text = fmt.Sprint(e.VFloat64)
			case model.BinaryType:
				text = base64.StdEncoding.EncodeToString(e.VBinary)
			}
			out = append(out, e.Key+" "+strings.ToLower(e.VType.String())+" "+text)
		}
		return out
	}
	u := uiSpan{
		TraceID: id(s.TraceID), SpanID: fmt.Sprintf("%016x", uint64(s.SpanID)), Name: s.OperationName, Service: s.Process.ServiceName,
		Flags: int64(s.Flags), Start: s.StartTime.UnixMicro(), Duration: s.Duration.Microseconds(),
		Tags: texts(s.Tags), Process: texts(s.Process.Tags), Warnings: s.Warnings,
	}
	for _, r := range s.References {
		u.References = append(u.References, fmt.Sprintf("%v %s %016x", r.RefType, id(r.TraceID), uint64(r.SpanID)))
	}
	for _, l := range s.Logs {
		u.Logs = append(u.Logs, append([]string{fmt.Sprint(l.Timestamp.UnixMicro())}, texts(l.Fields)...))
	}
	return u
}

// TestJaegerModels holds the protobuf form of Jaeger's model against its JSON.
func TestJaegerModels(t *testing.T) {
	rows := append(recorded(t), odd()...)
	for seed := range uint64(20) {
		rows = append(rows, storetest.NewGen(seed).Spans(50)...)
	}
	r := &faulty{Reader: opened(t, rows...), gaps: []string{"block 7 is damaged"}}
	h, client := NewJaeger(testConfig(), r), newClientV2(dialJaeger(t, testConfig(), r))
	ids := map[span.TraceID]bool{}
	for _, row := range rows {
		ids[row.TraceID] = true
	}
	for id := range ids {
		for _, raw := range []bool{false, true} {
			want := uiSpans(t, getOK(t, h, fmt.Sprintf("/api/traces/%s?raw=%v", id, raw)))
			spans := client.trace(t, id, raw)
			if len(spans) != len(want) {
				t.Fatalf("trace %s: %d spans, want %d", id, len(spans), len(want))
			}
			for i := range spans {
				if got := uiSpanOf(&spans[i]); !reflect.DeepEqual(got, want[i]) {
					t.Fatalf("trace %s, raw %v, span %d:\n got %+v\nwant %+v", id, raw, i, got, want[i])
				}
			}
		}
	}
}

// TestJaegerGRPCNanoseconds checks what the JSON form cannot show.
func TestJaegerGRPCNanoseconds(t *testing.T) {
	spans := newClientV2(dialJaeger(t, testConfig(), filled(t, odd()...))).trace(t, odd()[0].TraceID, false)
	first := odd()[0]
	if got := spans[0]; got.StartTime.UnixNano() != int64(first.Start) || got.Duration != 5_000_123 ||
		got.Logs[0].Timestamp.UnixNano() != int64(first.Events[0].Time) {
		t.Errorf("start %v, duration %v, log %v", got.StartTime, got.Duration, got.Logs[0].Timestamp)
	}
	zero := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Events: []span.SpanEvent{{}}}
	got := newClientV2(dialJaeger(t, testConfig(), filled(t, zero))).trace(t, zero.TraceID, false)[0]
	if !got.StartTime.Equal(time.Unix(0, 0)) || !got.Logs[0].Timestamp.Equal(time.Unix(0, 0)) {
		t.Errorf("a time of 0 came as %v, that of a log as %v", got.StartTime, got.Logs[0].Timestamp)
	}
}

// TestJaegerGRPCSearch asks the same of both APIs.
func TestJaegerGRPCSearch(t *testing.T) {
	rows := append(recorded(t), odd()...)
	r := opened(t, rows...)
	h, client := NewJaeger(testConfig(), r), newClientV2(dialJaeger(t, testConfig(), r))
	start := time.Unix(1_600_000_000, 0)
	tests := []struct {
		params string
		query  api_v2.TraceQueryParameters
		some   bool
	}{
		{"", api_v2.TraceQueryParameters{}, true},
		{"start=1600000000000000", api_v2.TraceQueryParameters{StartTimeMin: start}, true},
		{"start=1600000000000000&limit=2", api_v2.TraceQueryParameters{StartTimeMin: start, SearchDepth: 2}, true},
		{"end=1700000000000000", api_v2.TraceQueryParameters{StartTimeMax: time.Unix(1_700_000_000, 999)}, true},
		{"service=frontend-proxy", api_v2.TraceQueryParameters{ServiceName: "frontend-proxy"}, true},
		{"service=frontend-proxy&operation=ingress", api_v2.TraceQueryParameters{ServiceName: "frontend-proxy", OperationName: "ingress"}, true},
		{"service=nobody", api_v2.TraceQueryParameters{ServiceName: "nobody"}, false},
		{"tag=error:true&minDuration=1ms", api_v2.TraceQueryParameters{Tags: map[string]string{"error": "true"}, DurationMin: time.Millisecond}, true},
		{"maxDuration=2ms", api_v2.TraceQueryParameters{DurationMax: 2 * time.Millisecond}, true},
		{"minDuration=9h", api_v2.TraceQueryParameters{DurationMin: 9 * time.Hour}, false},
		{"start=1600000000000000&tag=lib.mode:fast&tag=safe:-9007199254740991&raw=true",
			api_v2.TraceQueryParameters{StartTimeMin: start, Tags: map[string]string{"lib.mode": "fast", "safe": "-9007199254740991"}, RawTraces: true}, true},
	}
	for _, test := range tests {
		want := uiSpans(t, getOK(t, h, "/api/traces?"+test.params))
		got, err := chunks(client.FindTraces(t.Context(), &api_v2.FindTracesRequest{Query: &test.query}))
		if err != nil {
			t.Errorf("%s: %v", test.params, err)
			continue
		}
		var spans []uiSpan
		for _, chunk := range got {
			for i := range chunk {
				if chunk[i].TraceID != chunk[0].TraceID {
					t.Errorf("%s: a chunk has spans of two traces", test.params)
				}
				spans = append(spans, uiSpanOf(&chunk[i]))
			}
		}
		if !reflect.DeepEqual(spans, want) || (len(want) > 0) != test.some {
			t.Errorf("%s: %d spans that differ from the %d of the HTTP API", test.params, len(spans), len(want))
		}
	}
}

func TestJaegerGRPCLists(t *testing.T) {
	client := newClientV2(dialJaeger(t, testConfig(), filled(t, append(recorded(t), odd()...)...)))
	services, err := client.GetServices(t.Context(), &api_v2.GetServicesRequest{})
	if want := []string{"currency", "frontend", "frontend-proxy", "frontend-web", "image-provider", "mail", "payment", "shop"}; err != nil || !slices.Equal(want, services.Services) {
		t.Errorf("services %q, want %q (%v)", services.GetServices(), want, err)
	}
	tests := []struct {
		request api_v2.GetOperationsRequest
		names   []string
		want    []api_v2.Operation
	}{
		{api_v2.GetOperationsRequest{Service: "mail"}, []string{"child"}, []api_v2.Operation{{Name: "child", SpanKind: "producer"}}},
		{api_v2.GetOperationsRequest{Service: "shop"}, []string{"GET /<b>&\"", "child"}, []api_v2.Operation{
			{Name: "GET /<b>&\"", SpanKind: "server"}, {Name: "child"}, {Name: "child", SpanKind: "internal"}, {Name: "child", SpanKind: "consumer"}, {Name: "child"}}},
		{api_v2.GetOperationsRequest{Service: "shop", SpanKind: "Server"}, []string{"GET /<b>&\""}, []api_v2.Operation{{Name: "GET /<b>&\"", SpanKind: "server"}}},
		{api_v2.GetOperationsRequest{Service: "nobody"}, nil, nil},
	}
	for _, test := range tests {
		got, err := client.GetOperations(t.Context(), &test.request)
		if err != nil {
			t.Fatal(err)
		}
		var list []api_v2.Operation
		for _, o := range got.Operations {
			list = append(list, api_v2.Operation{Name: o.Name, SpanKind: o.SpanKind})
		}
		if !slices.Equal(got.OperationNames, test.names) || !reflect.DeepEqual(list, test.want) {
			t.Errorf("%+v: names %q, operations %+v", test.request, got.OperationNames, list)
		}
	}
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

func TestJaegerGRPCDependencies(t *testing.T) {
	r := filled(t, recorded(t)...)
	client := newClientV2(dialJaeger(t, testConfig(), r))
	day := store.TimeRange{Start: uint64(recordedAt.Add(-24 * time.Hour).UnixNano()), End: uint64(recordedAt.UnixNano())}
	want, _, err := jaegerDependencies(t.Context(), r, store.DefaultTenant, day)
	if err != nil || len(want) == 0 {
		t.Fatalf("%v, %v", want, err)
	}
	for _, request := range []*api_v2.GetDependenciesRequest{
		{}, {StartTime: recordedAt.Add(-23 * time.Hour)}, {EndTime: recordedAt},
	} {
		got, err := client.GetDependencies(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		var list []dependency
		for _, d := range got.Dependencies {
			list = append(list, dependency{Parent: d.Parent, Child: d.Child, Calls: d.CallCount})
		}
		if !slices.EqualFunc(list, want, func(a, b dependency) bool {
			return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child), cmp.Compare(a.Calls, b.Calls)) == 0
		}) {
			t.Errorf("%+v: %+v, want %+v", request, list, want)
		}
	}
	got, err := client.GetDependencies(t.Context(), &api_v2.GetDependenciesRequest{EndTime: time.Unix(1_000_000_000, 0)})
	if err != nil || len(got.Dependencies) != 0 {
		t.Errorf("dependencies of a time without spans: %v, %v", got, err)
	}
}

// TestJaegerGRPCBadRequests checks codes and messages.
func TestJaegerGRPCBadRequests(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 1000
	client := newClientV2(dialJaeger(t, cfg, filled(t, recorded(t)...)))
	id := model.NewTraceID(0x77, 0x77)
	find := func(q api_v2.TraceQueryParameters) error {
		_, err := chunks(client.FindTraces(t.Context(), &api_v2.FindTracesRequest{Query: &q}))
		return err
	}
	get := func(r api_v2.GetTraceRequest) error {
		_, err := chunks(client.GetTrace(t.Context(), &r))
		return err
	}
	archive := func(id model.TraceID) error {
		_, err := client.ArchiveTrace(t.Context(), &api_v2.ArchiveTraceRequest{TraceID: id})
		return err
	}
	_, noQuery := chunks(client.FindTraces(t.Context(), &api_v2.FindTracesRequest{}))
	_, badKind := client.GetOperations(t.Context(), &api_v2.GetOperationsRequest{SpanKind: "b"})
	_, badRange := client.GetDependencies(t.Context(), &api_v2.GetDependenciesRequest{StartTime: time.Unix(2, 0), EndTime: time.Unix(1, 0)})
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint(i)] = ""
	}
	known := traceID(t, traceWhole)
	hi, lo := known.Uint64s()
	tests := []struct {
		err  error
		code codes.Code
		says string
	}{
		{get(api_v2.GetTraceRequest{TraceID: id}), codes.NotFound, "trace not found"},
		{get(api_v2.GetTraceRequest{}), codes.InvalidArgument, "trace_id: is required"},
		{get(api_v2.GetTraceRequest{TraceID: id, StartTime: time.Unix(2, 0), EndTime: time.Unix(1, 0)}), codes.InvalidArgument, "start_time: lies after end_time"},
		{get(api_v2.GetTraceRequest{TraceID: id, StartTime: time.Unix(-2, 0)}), codes.InvalidArgument, "start_time: lies before 1970"},
		{get(api_v2.GetTraceRequest{TraceID: id, EndTime: time.Unix(1<<34, 0)}), codes.InvalidArgument, "end_time: lies too far in the future"},
		{archive(model.TraceID{}), codes.InvalidArgument, "trace_id: is required"},
		{archive(id), codes.NotFound, "trace not found"},
		{archive(model.NewTraceID(hi, lo)), codes.Unimplemented, "archive span storage was not configured"},
		{noQuery, codes.InvalidArgument, "query: is required"},
		{find(api_v2.TraceQueryParameters{SearchDepth: -1}), codes.InvalidArgument, "search_depth: must be from 1 to 1000"},
		{find(api_v2.TraceQueryParameters{SearchDepth: 1001}), codes.InvalidArgument, "search_depth: must be from 1 to 1000"},
		{find(api_v2.TraceQueryParameters{DurationMin: -1}), codes.InvalidArgument, "duration_min: must not be below 0"},
		{find(api_v2.TraceQueryParameters{DurationMax: -time.Hour}), codes.InvalidArgument, "duration_max: must not be below 0"},
		{find(api_v2.TraceQueryParameters{DurationMin: 2, DurationMax: 1}), codes.InvalidArgument, "duration_max: is below duration_min"},
		{find(api_v2.TraceQueryParameters{StartTimeMin: time.Unix(2, 0), StartTimeMax: time.Unix(1, 0)}), codes.InvalidArgument, "start_time_min: lies after start_time_max"},
		{find(api_v2.TraceQueryParameters{Tags: many}), codes.InvalidArgument, "too many tags, the limit is 100"},
		{badKind, codes.InvalidArgument, `span_kind: "b" is none of ["unspecified" "internal" "server" "client" "producer" "consumer"]`},
		{badRange, codes.InvalidArgument, "start_time: lies after end_time"},
	}
	for i, test := range tests {
		if got := status.Convert(test.err); got.Code() != test.code || got.Message() != test.says {
			t.Errorf("%d: %v: %q, want %v: %q", i, got.Code(), got.Message(), test.code, test.says)
		}
	}
}

func TestJaegerGRPCErrorsOfTheStore(t *testing.T) {
	for _, test := range []struct {
		err  error
		code codes.Code
	}{
		{store.ErrTooLarge, codes.ResourceExhausted},
		{&store.RetryError{After: time.Second, Overload: true, Reason: errors.New("busy")}, codes.ResourceExhausted},
		{&store.RetryError{Reason: errors.New("backend is down")}, codes.Unavailable},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{errors.New("disk on fire"), codes.Internal},
	} {
		fail := func(context.Context, span.TraceID) error { return test.err }
		client := newClientV2(dialJaeger(t, testConfig(), &faulty{Reader: filled(t, recorded(t)...), onTrace: fail}))
		_, one := chunks(client.GetTrace(t.Context(), &api_v2.GetTraceRequest{TraceID: model.NewTraceID(1, 1)}))
		_, several := chunks(client.FindTraces(t.Context(), &api_v2.FindTracesRequest{Query: &api_v2.TraceQueryParameters{}}))
		if status.Code(one) != test.code || status.Code(several) != test.code || !strings.Contains(one.Error(), test.err.Error()) {
			t.Errorf("%v: %v, %v", test.err, one, several)
		}
	}
	panics := func(context.Context, span.TraceID) error { panic("boom") }
	client := newClientV2(dialJaeger(t, testConfig(), &faulty{Reader: filled(t), onTrace: panics}))
	_, err := chunks(client.GetTrace(t.Context(), &api_v2.GetTraceRequest{TraceID: model.NewTraceID(1, 1)}))
	if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != errInternal.Error() {
		t.Errorf("a panic came as %v", err)
	}
}

func TestJaegerGRPCTenantsAndGaps(t *testing.T) {
	m := &storetest.Model{}
	write(t, m, "a", recorded(t)...)
	client := newClientV2(dialJaeger(t, testConfig(), &faulty{Reader: m, gaps: []string{"block „7“\nis damaged"}}))
	ctx := func(tenants ...string) context.Context {
		md := metadata.MD{}
		md.Append(span.TenantHeader, tenants...)
		return metadata.NewOutgoingContext(t.Context(), md)
	}
	var trailer metadata.MD
	if got, err := client.GetServices(ctx("a"), &api_v2.GetServicesRequest{}, grpc.Trailer(&trailer)); err != nil || len(got.Services) == 0 {
		t.Errorf("services of tenant a: %v, %v", got, err)
	}
	if got := trailer.Get(gapHeader); !slices.Equal(got, []string{"block ?7??is damaged"}) {
		t.Errorf("gaps %q", got)
	}
	for _, none := range []context.Context{t.Context(), ctx("b")} {
		if got, err := client.GetServices(none, &api_v2.GetServicesRequest{}); err != nil || len(got.Services) != 0 {
			t.Errorf("services of another tenant: %v, %v", got, err)
		}
	}
	for _, bad := range []context.Context{ctx("a", "b"), ctx("a|b"), ctx("../a")} {
		if _, err := client.GetServices(bad, &api_v2.GetServicesRequest{}); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), span.TenantHeader) {
			t.Errorf("a bad tenant: %v", err)
		}
	}
}

// bigTrace returns a trace of about 5 MB of spans, of which one is a large one.
func bigTrace() []span.Span {
	var rows []span.Span
	for i := range 10_000 {
		rows = append(rows, span.Span{
			TraceID: span.TraceID{15: 7}, SpanID: span.SpanID{6: byte(i >> 8), 7: byte(i), 0: 1}, Name: "step", Start: uint64(recordedAt.UnixNano()) - 1e9 + uint64(i),
			Attrs:    []span.KeyValue{{Key: "text", Value: span.StringValue(strings.Repeat("x", 400))}},
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("big")}}},
		})
	}
	rows[5000].Attrs[0].Value = span.StringValue(strings.Repeat("y", 3_500_000))
	return rows
}

// TestJaegerGRPCChunks reads with the limit that clients have if nothing is said.
func TestJaegerGRPCChunks(t *testing.T) {
	r := filled(t, append(bigTrace(), recorded(t)...)...)
	client := newClientV2(dialJaeger(t, testConfig(), r))
	got, err := chunks(client.FindTraces(t.Context(), &api_v2.FindTracesRequest{Query: &api_v2.TraceQueryParameters{}}))
	if err != nil {
		t.Fatal(err)
	}
	var order []model.TraceID // as they begin
	spans := 0
	for _, chunk := range got {
		spans += len(chunk)
		if len(order) == 0 || chunk[0].TraceID != order[len(order)-1] {
			order = append(order, chunk[0].TraceID)
		}
		for i := range chunk {
			if chunk[i].TraceID != chunk[0].TraceID {
				t.Fatal("a chunk has spans of two traces")
			}
		}
	}
	if len(got) < 6+4 || len(order) != 5 || spans != 10_000+len(recorded(t)) {
		t.Errorf("%d spans of %d traces in %d chunks", spans, len(order), len(got))
	}
}

var jaegerServices = []string{"jaeger.api_v2.QueryService", "jaeger.api_v3.QueryService", "jaeger.storage.v2.Capabilities",
	"jaeger.storage.v2.DependencyReader", "jaeger.storage.v2.TraceReader"}

func TestJaegerGRPCHealth(t *testing.T) {
	client := healthpb.NewHealthClient(dialJaeger(t, testConfig(), filled(t)))
	for _, service := range append(jaegerServices, "") {
		got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || got.Status != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v, %v", service, got, err)
		}
	}
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
}

// TestJaegerGRPCReflection looks every service up as tools do.
func TestJaegerGRPCReflection(t *testing.T) {
	stream, err := reflectionpb.NewServerReflectionClient(dialJaeger(t, testConfig(), filled(t))).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(r *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	list := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	var names []string
	for _, s := range list.GetListServicesResponse().Service {
		names = append(names, s.Name)
		found := ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: s.Name}})
		if len(found.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
			t.Errorf("%s: %v", s.Name, found)
		}
	}
	if !subset(append(jaegerServices, "grpc.health.v1.Health"), names) {
		t.Errorf("services %q", names)
	}
}
