package derive

import (
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clewhq/clew/span"
)

// Decision says whether a trace is kept.
type Decision uint8

// What there is to say of a trace.
const (
	Undecided Decision = iota
	Kept
	Dropped
)

// exemplar is a span that stands for others in its bucket.
type exemplar struct {
	trace      span.TraceID
	randomness uint64 // of the trace, for sampling; 0 where all are kept
	value      float64
	at         uint64 // when the span ended, unix nanoseconds; 0: there is none
	came       int64  // unix nanoseconds
}

// exemplarSlot has the exemplar of one bucket. Where it turns out later which
// traces are kept, one candidate at a time waits for that.
type exemplarSlot struct {
	shown   exemplar
	waiting exemplar
	asked   bool // what becomes of waiting: it has to stay until that is known
}

// offer takes a span: the newest one is shown, unless traces are decided about
// later. Then that one waits whose trace is the likeliest to be kept by a
// probability, of those until the next question.
func (s *exemplarSlot) offer(e *exemplar, seconds float64, decided bool) {
	into := &s.shown
	if decided {
		if s.waiting.at != 0 && (s.asked || e.randomness <= s.waiting.randomness) {
			return
		}
		into = &s.waiting
	}
	*into = *e
	into.value = seconds
}

// decider says what becomes of a trace. Those that came before a time are given up if that is not known.
type decider struct {
	decide func(id span.TraceID, randomness uint64) Decision
	before int64 // unix nanoseconds
}

// settle asks what becomes of the trace that waits.
func (s *exemplarSlot) settle(d decider) {
	if s.waiting.at == 0 {
		return
	}
	switch d.decide(s.waiting.trace, s.waiting.randomness) {
	case Undecided:
		s.asked = true
		if s.waiting.came >= d.before {
			return
		}
	case Kept:
		s.shown = s.waiting
	}
	s.waiting, s.asked = exemplar{}, false
}

// settle asks what becomes of the candidates of all buckets.
func (h *histogram) settle(d decider) {
	for _, slot := range h.exemplars {
		if slot != nil {
			slot.settle(d)
		}
	}
}

func (e *exemplar) write() *dto.Exemplar {
	return &dto.Exemplar{
		Label: []*dto.LabelPair{label(traceLabel, e.trace.String())}, Value: proto.Float64(e.value),
		Timestamp: timestamppb.New(time.Unix(0, int64(e.at))),
	}
}

// traceLabel is the label of exemplars, as Tempo has it.
const traceLabel = "traceID"

// exemplars returns those of a histogram that was written, of whatever form.
func exemplars(h *dto.Histogram) []*dto.Exemplar {
	list := h.Exemplars
	if h.Schema == nil {
		for _, b := range h.Bucket {
			if b.Exemplar != nil {
				list = append(list, b.Exemplar)
			}
		}
	}
	return list
}
