package ingest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/span"
)

// The OpenTelemetry SDK for Go delivers over both protocols.
func TestSDK(t *testing.T) {
	s := &store{}
	r := newTestReceiver(t, s, nil)
	addr, url := serveTestGRPC(t, r), serveTestHTTP(t, r)
	headers := map[string]string{span.TenantHeader: "shop"}
	exporters := map[string]func(context.Context) (*otlptrace.Exporter, error){
		"grpc": func(ctx context.Context) (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(addr), otlptracegrpc.WithInsecure(), otlptracegrpc.WithHeaders(headers))
		},
		"grpc gzip": func(ctx context.Context) (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(addr), otlptracegrpc.WithInsecure(), otlptracegrpc.WithHeaders(headers), otlptracegrpc.WithCompressor("gzip"))
		},
		"http": func(ctx context.Context) (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url+tracesPath), otlptracehttp.WithHeaders(headers))
		},
		"http gzip": func(ctx context.Context) (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url+tracesPath), otlptracehttp.WithHeaders(headers), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		},
	}
	for name, newExporter := range exporters {
		t.Run(name, func(t *testing.T) {
			exporter, err := newExporter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			service := "sdk over " + name
			provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
				sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
			ctx, parent := provider.Tracer("tracer", trace.WithInstrumentationVersion("v1")).Start(t.Context(), "parent")
			_, child := provider.Tracer("tracer").Start(ctx, "child", trace.WithSpanKind(trace.SpanKindClient),
				trace.WithAttributes(attribute.Int("n", 42), attribute.StringSlice("list", []string{"a", "b"})),
				trace.WithLinks(trace.Link{SpanContext: parent.SpanContext()}))
			child.AddEvent("event", trace.WithAttributes(attribute.Bool("b", true)))
			child.SetStatus(codes.Error, "why")
			child.End()
			parent.End()
			if err := provider.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkSDKSpans(t, s, service, parent.SpanContext(), child.SpanContext())
		})
	}
}

func checkSDKSpans(t *testing.T, s *store, service string, parent, child trace.SpanContext) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := slices.DeleteFunc(slices.Clone(s.spans["shop"]), func(row span.Span) bool {
		return !slices.Contains(row.Resource.Attrs, span.KeyValue{Key: "service.name", Value: span.StringValue(service)})
	})
	slices.SortFunc(mine, func(a, b span.Span) int { return strings.Compare(a.Name, b.Name) })
	if len(mine) != 2 || mine[0].Name != "child" || mine[1].Name != "parent" {
		t.Fatalf("got %+v", mine)
	}
	got := mine[0]
	if got.TraceID != span.TraceID(child.TraceID()) || got.SpanID != span.SpanID(child.SpanID()) || got.Parent != span.SpanID(parent.SpanID()) {
		t.Errorf("ids %v %v %v", got.TraceID, got.SpanID, got.Parent)
	}
	wantAttrs := []span.KeyValue{
		{Key: "n", Value: span.IntValue(42)},
		{Key: "list", Value: span.ArrayValue(span.StringValue("a"), span.StringValue("b"))},
	}
	if !slices.Equal(got.Attrs, wantAttrs) {
		t.Errorf("attributes %+v", got.Attrs)
	}
	if got.Kind != 3 || got.Status != 2 || got.Message != "why" || got.Scope.Name != "tracer" || mine[1].Scope.Version != "v1" {
		t.Errorf("got %+v", got)
	}
	if len(got.Events) != 1 || got.Events[0].Name != "event" || !slices.Equal(got.Events[0].Attrs, []span.KeyValue{{Key: "b", Value: span.BoolValue(true)}}) {
		t.Errorf("events %+v", got.Events)
	}
	if len(got.Links) != 1 || got.Links[0].SpanID != span.SpanID(parent.SpanID()) {
		t.Errorf("links %+v", got.Links)
	}
}
