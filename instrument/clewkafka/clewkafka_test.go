package clewkafka

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestTracesGoOnThroughKafka(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	before, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	t.Cleanup(func() {
		otel.SetTracerProvider(before)
		otel.SetTextMapPropagator(propagator)
	})
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	tracer := NewTracer("billing")
	client, err := kgo.NewClient(tracer.Hooks(), kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	bag, err := baggage.Parse("customer=7")
	if err != nil {
		t.Fatal(err)
	}
	ctx, order := otel.Tracer("test").Start(baggage.ContextWithBaggage(t.Context(), bag), "order")
	record := &kgo.Record{Topic: "orders", Key: []byte("ada@example.com"), Value: []byte("tea")}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	fetched := client.PollFetches(t.Context())
	if err := fetched.Err(); err != nil || fetched.NumRecords() != 1 {
		t.Fatal(fetched.NumRecords(), err)
	}
	work, process := tracer.Process(fetched.Records()[0])
	process.End()
	order.End()

	if got := baggage.FromContext(work).String(); got != "customer=7" {
		t.Errorf("the baggage is %q", got)
	}
	var names []string
	parent := order.SpanContext().SpanID()
	for _, s := range spans.Ended() {
		if s.Name() == "order" {
			continue
		}
		names = append(names, s.Name()+" "+s.SpanKind().String())
		if s.SpanContext().TraceID() != order.SpanContext().TraceID() || s.Parent().SpanID() != parent {
			t.Errorf("%s is below %s, not %s", s.Name(), s.Parent().SpanID(), parent)
		}
		parent = s.SpanContext().SpanID()
		for _, a := range s.Attributes() {
			if strings.Contains(a.Value.String(), "ada") {
				t.Errorf("%s has %v", s.Name(), a)
			}
		}
	}
	if want := []string{"orders publish producer", "orders receive consumer", "orders process consumer"}; !slices.Equal(names, want) {
		t.Errorf("spans %q, want %q", names, want)
	}
}
