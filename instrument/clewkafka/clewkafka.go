// Package clewkafka traces what franz-go, a client of Kafka, sends and
// receives, and lets traces go on through the headers of records:
//
//	tracer := clewkafka.NewTracer("billing")
//	client, err := kgo.NewClient(tracer.Hooks(), …)
//	…
//	ctx, span := tracer.Process(record)
//	defer span.End()
package clewkafka

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kotel"
	"go.opentelemetry.io/otel/trace"
)

// Tracer traces the records of one client.
type Tracer struct{ contrib *kotel.Tracer }

// NewTracer returns a tracer for a consumer group, "" if there is none. The
// options are those of kotel, which this package wraps.
//
// The key of a record is not recorded: it may be a person's.
func NewTracer(group string, opts ...kotel.TracerOpt) *Tracer {
	defaults := []kotel.TracerOpt{kotel.KeyFormatter(func(*kgo.Record) (string, error) { return "", errKey })}
	if group != "" {
		defaults = append(defaults, kotel.ConsumerGroup(group))
	}
	return &Tracer{kotel.NewTracer(append(defaults, opts...)...)}
}

// Hooks makes a client trace: a span "TOPIC publish" for each record that is
// sent, and "TOPIC receive" for each that is fetched, in the trace of its sender.
func (t *Tracer) Hooks() kgo.Opt {
	return kgo.WithHooks(kotel.NewKotel(kotel.WithTracer(t.contrib)).Hooks()...)
}

// Process starts the span "TOPIC process" for the work on a record that was
// fetched. The caller ends it.
func (t *Tracer) Process(r *kgo.Record) (context.Context, trace.Span) {
	return t.contrib.WithProcessSpan(r)
}

// errKey makes kotel leave a key out.
var errKey = errors.New("keys are not recorded")
