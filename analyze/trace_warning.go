package analyze

import (
	"fmt"
	"time"

	"github.com/clewhq/clew/span"
)

// Warning says what is odd about a trace, or about one of its spans.
type Warning struct {
	Kind   string // orphan, circular, duplicate, endsBeforeStart, skew, sampled or cut
	Row    int32  // the first span that it is about, or NoRow
	Parent span.SpanID
	Text   string
}

// maxWarnings is the most warnings of one kind.
const maxWarnings = 100

// warner gathers warnings, of each kind at most maxWarnings.
type warner struct {
	list   []Warning
	counts map[string]int
}

func (w *warner) add(kind string, row int32, parent span.SpanID, format string, args ...any) {
	if w.counts[kind]++; w.counts[kind] <= maxWarnings {
		w.list = append(w.list, Warning{kind, row, parent, fmt.Sprintf(format, args...)})
	}
}

// Warnings says what is odd about the trace. Of each kind there are at most 100, the last of which then says so.
func (t *Trace) Warnings() []Warning {
	w := &warner{counts: map[string]int{}}
	t.warnOfOrphans(w)
	for _, row := range t.circles {
		w.add("circular", row, t.Spans.Parents[t.At[row]], "the span is below itself: its parents form a circle, so that it is shown as a root")
	}
	t.warnOfDuplicates(w)
	sampled := 0
	for row, f := range t.Flags {
		if d := t.Spans.Duration(int(t.At[row])); d < 0 {
			w.add("endsBeforeStart", int32(row), span.SpanID{}, "the span ends %v before it starts", time.Duration(-d))
		}
		if f&Sampled != 0 {
			sampled++
		}
	}
	for _, s := range t.Skew() {
		if s.Adjust != 0 {
			w.add("skew", s.Row, span.SpanID{}, "the clock of %s differs from that of its caller by about %v",
				shortened(t.Services[t.Service(s.Row)]), time.Duration(max(s.Adjust, -s.Adjust)))
		}
	}
	if sampled > 0 {
		w.add("sampled", NoRow, span.SpanID{}, "%d of %d spans were kept by a probability below 1: they stand for others that were not kept", sampled, t.Len())
	}
	if text := Cut(t.Spans); text != "" {
		w.add("cut", NoRow, span.SpanID{}, "%s", text)
	}
	for i, last := range w.list {
		if n := w.counts[last.Kind]; n > maxWarnings && (i+1 == len(w.list) || w.list[i+1].Kind != last.Kind) {
			w.list[i].Text += fmt.Sprintf(" (and %d more such warnings)", n-maxWarnings)
		}
	}
	return w.list
}

// Cut says what spans lost to limits of who sent them, as far as they tell; "" if nothing.
func Cut(b *span.Batch) string {
	var spans, attrs, events, links int
	for i, d := range b.Dropped {
		lost := int(d.Attrs)
		for _, e := range b.EventsOf(i) {
			lost += int(e.DroppedAttrs)
		}
		for _, l := range b.LinksOf(i) {
			lost += int(l.DroppedAttrs)
		}
		if lost+int(d.Events)+int(d.Links) > 0 {
			spans++
		}
		attrs, events, links = attrs+lost, events+int(d.Events), links+int(d.Links)
	}
	if spans == 0 {
		return ""
	}
	return fmt.Sprintf("limits of the senders cut %s, %s and %s from %s",
		counted(attrs, "attribute"), counted(events, "event"), counted(links, "link"), counted(spans, "span"))
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// warnOfDuplicates has one warning for each id that several spans have, other than the two sides of a call.
func (t *Trace) warnOfDuplicates(w *warner) {
	seen := map[span.SpanID]bool{}
	for row, f := range t.Flags {
		if f&SharedID == 0 {
			continue
		}
		if id := t.ID(int32(row)); !seen[id] && !t.twoSides[id] {
			seen[id] = true
			w.add("duplicate", int32(row), span.SpanID{}, "several spans have the id %s", id)
		}
	}
}

// warnOfOrphans has one warning for each parent that is not there.
func (t *Trace) warnOfOrphans(w *warner) {
	type group struct {
		first int32
		count int
	}
	groups := map[span.SpanID]group{}
	var order []span.SpanID
	for row, f := range t.Flags {
		if f&Orphan == 0 {
			continue
		}
		id := t.Spans.Parents[t.At[row]]
		g, ok := groups[id]
		if !ok {
			g.first = int32(row)
			order = append(order, id)
		}
		g.count++
		groups[id] = g
	}
	for _, id := range order {
		g := groups[id]
		named := "the parent of this span"
		if g.count > 1 {
			named = fmt.Sprintf("the parent of %d spans", g.count)
		}
		w.add("orphan", g.first, id, "%s, %s, is missing: it has not arrived, was not sampled or was lost", named, id)
	}
}
