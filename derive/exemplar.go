package derive

import (
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

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
	came       int64 // unix nanoseconds; 0: there is none
}

// exemplarSlot has the exemplar of one bucket. Where it turns out later which
// traces are kept, one candidate at a time waits for that.
type exemplarSlot struct {
	shown   exemplar
	since   int64 // when it was shown, unix nanoseconds
	waiting exemplar
	asked   bool // what becomes of waiting: it has to stay until that is known
}

// offer takes a span: the newest one is shown, unless traces are decided about
// later. Then that one waits whose trace is the likeliest to be kept by a
// probability, of those until the next question.
func (s *exemplarSlot) offer(e *exemplar, seconds float64, decided bool) {
	into := &s.shown
	if decided {
		if s.waiting.came != 0 && (s.asked || e.randomness <= s.waiting.randomness) {
			return
		}
		into = &s.waiting
	} else {
		s.since = e.came
	}
	*into = *e
	into.value = seconds
}

// decider says what becomes of a trace. Those that came before a time are given up if that is not known.
type decider struct {
	decide      func(id span.TraceID, randomness uint64) Decision
	now, before int64 // unix nanoseconds
}

// settle asks what becomes of the trace that waits.
func (s *exemplarSlot) settle(d decider) {
	if s.waiting.came == 0 {
		return
	}
	switch d.decide(s.waiting.trace, s.waiting.randomness) {
	case Undecided:
		s.asked = true
		if s.waiting.came >= d.before {
			return
		}
	case Kept:
		s.shown, s.since = s.waiting, d.now
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

// written returns the exemplar of a bucket if it was shown after a time, else nil. It has the time when it came:
// by when it ended, one would often be older than the one before, which is refused.
func (s *exemplarSlot) written(after int64) *dto.Exemplar {
	if s == nil || s.shown.came == 0 || s.since <= after {
		return nil
	}
	return s.shown.write()
}

func (e *exemplar) write() *dto.Exemplar {
	return &dto.Exemplar{
		Label: []*dto.LabelPair{label(traceLabel, e.trace.String())}, Value: proto.Float64(e.value),
		Timestamp: timestamp(e.came),
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
