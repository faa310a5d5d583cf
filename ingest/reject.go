package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
)

// Rejected tells of the spans or log records of a request that were left out.
type Rejected struct {
	Count   int64
	Message string // why, for the sender; empty if Count is 0
	// by counts them by the id at fault.
	by [numIDKinds]int64
}

// idKind says which id of a span a fault is about.
type idKind uint8

const (
	noID idKind = iota
	traceID
	spanID
	parentID
	linkTraceID
	linkSpanID
	numIDKinds
)

var idNames = [numIDKinds]string{"", "trace id", "span id", "parent span id", "link's trace id", "link's span id"}

// reasons are the idKinds as values of a metric's label.
var reasons = [numIDKinds]string{"", "trace_id", "span_id", "parent_span_id", "link_trace_id", "link_span_id"}

// digits is how many hex digits an id of the kind has.
func (k idKind) digits() int {
	if k == traceID || k == linkTraceID {
		return 32
	}
	return 16
}

// idFault is what is wrong with an id. The zero idFault says: nothing.
type idFault struct {
	kind idKind
	size int // as sent: bytes, in JSON hex digits; allZero for an id of the right size
}

const allZero = -1

func (f idFault) describe(format span.Format) string {
	switch f.size {
	case allZero:
		return "with an all-zero " + idNames[f.kind]
	case 0:
		return "without a " + idNames[f.kind]
	}
	unit, want := "byte", f.kind.digits()/2
	if format == span.FormatOTLPJSON || format == span.FormatLogsJSON {
		unit, want = "hex digit", f.kind.digits()
	}
	if f.size != 1 {
		unit += "s"
	}
	return fmt.Sprintf("with a %s of %d %s (expected %d)", idNames[f.kind], f.size, unit, want)
}

// spanIDs are the ids of a span as protobuf carries them.
type spanIDs struct{ trace, span, parent []byte }

// check copies the ids into r and returns what is wrong with the first wrong one.
func (ids *spanIDs) check(r *row) idFault {
	if len(ids.trace) != len(r.trace) {
		return idFault{traceID, len(ids.trace)}
	}
	if len(ids.span) != len(r.id) {
		return idFault{spanID, len(ids.span)}
	}
	if n := len(ids.parent); n != 0 && n != len(r.parent) {
		return idFault{parentID, n}
	}
	copy(r.trace[:], ids.trace)
	copy(r.id[:], ids.span)
	copy(r.parent[:], ids.parent)
	return r.zeroID()
}

// zeroID checks for ids that are all zero, which a parent may be: it says that there is none.
func (r *row) zeroID() idFault {
	if r.trace.IsZero() {
		return idFault{traceID, allZero}
	}
	if r.id.IsZero() {
		return idFault{spanID, allZero}
	}
	return idFault{}
}

// setLinkIDs copies the ids of a link, which may be absent or all zero.
func setLinkIDs(l *span.Link, trace, id []byte) idFault {
	if n := len(trace); n != 0 && n != len(l.TraceID) {
		return idFault{linkTraceID, n}
	}
	if n := len(id); n != 0 && n != len(l.SpanID) {
		return idFault{linkSpanID, n}
	}
	copy(l.TraceID[:], trace)
	copy(l.SpanID[:], id)
	return idFault{}
}

// tally counts rejected spans by what is wrong with them.
type tally struct {
	total  int64
	by     [numIDKinds]int64
	faults []idFault // distinct ones, at most maxFaults
	counts []int64   // of faults
}

// maxFaults bounds the message to the sender.
const maxFaults = 8

func (t *tally) add(f idFault) {
	t.total++
	t.by[f.kind]++
	i := slices.Index(t.faults, f)
	if i < 0 {
		if len(t.faults) == maxFaults {
			return
		}
		i = len(t.faults)
		t.faults, t.counts = append(t.faults, f), append(t.counts, 0)
	}
	t.counts[i]++
}

func (t *tally) reset() {
	*t = tally{faults: t.faults[:0], counts: t.counts[:0]}
}

// rejected says it in words: "3 spans rejected: 2 with an all-zero trace id, 1
// with a span id of 7 bytes (expected 8)".
func (t *tally) rejected(format span.Format) Rejected {
	if t.total == 0 {
		return Rejected{}
	}
	var msg strings.Builder
	plural, rest := "s", t.total
	if t.total == 1 {
		plural = ""
	}
	noun := "span"
	if signalOf(format) == &logs {
		noun = "log record"
	}
	fmt.Fprintf(&msg, "%d %s%s rejected", t.total, noun, plural)
	sep := ": "
	for i, f := range t.faults {
		fmt.Fprintf(&msg, "%s%d %s", sep, t.counts[i], f.describe(format))
		rest -= t.counts[i]
		sep = ", "
	}
	if rest > 0 {
		fmt.Fprintf(&msg, "%s%d with other invalid ids", sep, rest)
	}
	if signalOf(format) == &logs {
		msg.WriteString(logAdvice)
	}
	return Rejected{Count: t.total, Message: msg.String(), by: t.by}
}
