package main

import (
	"bytes"
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
)

// TestJaegerGRPCListener reads by Jaeger's API what came in by OTLP.
func TestJaegerGRPCListener(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	name := &commonpb.KeyValue{Key: "service.name", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "shop"}}}
	_, err := traceClient(t, s.addrs["otlp-grpc"]).Export(t.Context(), &coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{name}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{TraceId: []byte{15: 1}, SpanId: []byte{7: 1}}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(s.addrs["grpc"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := services(t, conn); got != "shop" {
		t.Errorf("services: %q", got)
	}
	alive, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "jaeger.api_v2.QueryService"})
	if err != nil || alive.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", alive, err)
	}
	_, metrics := get(t, s.url("http", "/metrics"))
	if want := `clew_grpc_request_duration_seconds_count{code="OK",method="jaeger.api_v2.QueryService/GetServices"} 1`; !bytes.Contains(metrics, []byte(want)) {
		t.Errorf("%s is missing in:\n%s", want, metrics)
	}
}

// services returns the first element of GetServicesResponse { repeated string 1 }.
func services(t *testing.T, conn *grpc.ClientConn) string {
	t.Helper()
	var answer emptypb.Empty // what is in it stays encoded
	if err := conn.Invoke(t.Context(), "/jaeger.api_v2.QueryService/GetServices", &emptypb.Empty{}, &answer); err != nil {
		t.Fatal(err)
	}
	raw := answer.ProtoReflect().GetUnknown()
	_, _, n := protowire.ConsumeTag(raw)
	if n < 0 {
		t.Fatalf("answer %x", raw)
	}
	name, _ := protowire.ConsumeBytes(raw[n:])
	return string(name)
}
