package traceql

import (
	"fmt"
	"math"
	"strings"

	"github.com/clewhq/clew/store"
)

// Explain returns how a query is answered, for people to read: what the store is asked for, and what is
// done with the chunks that it gives.
func (e *Engine) Explain(q *Query) string {
	b := &outline{}
	b.line("query: %s", q)
	var err error
	if q.Metrics != nil {
		err = b.series(q)
	} else {
		err = b.search(q)
	}
	if err != nil {
		b.line("cannot be planned: %v", err)
	}
	return b.String()
}

// ExplainStats returns what a query has cost, for people to read below its plan.
func ExplainStats(s store.ScanStats) string {
	share := func(n uint64) float64 { return 100 * float64(n) / math.Max(1, float64(s.ChunksRead+s.ChunksSkipped)) }
	return fmt.Sprintf("measured:\n  %d spans judged\n  %d chunks read (%.1f%%), %d skipped\n  %.1f MiB read\n",
		s.Rows, s.ChunksRead, share(s.ChunksRead), s.ChunksSkipped, float64(s.BytesRead)/(1<<20))
}

// outline is indented text.
type outline struct {
	strings.Builder
	depth int
	plan  *planner
}

func (b *outline) line(format string, args ...any) {
	b.WriteString(strings.Repeat("  ", b.depth))
	fmt.Fprintf(b, format, args...)
	b.WriteByte('\n')
}

// below writes what f writes, one level deeper.
func (b *outline) below(f func()) {
	b.depth++
	f()
	b.depth--
}

func (b *outline) search(q *Query) error {
	s, err := newSearch(q, SearchOptions{}, 0)
	if err != nil {
		return err
	}
	b.asked(s.plan)
	b.line("then, on the rows of each chunk:")
	b.below(func() { s.pipeline.explain(b) })
	b.line("ends when no older trace can be among the first")
	return nil
}

func (b *outline) series(q *Query) error {
	r := &seriesRun{query: q}
	if err := r.compile(0); err != nil {
		return err
	}
	b.asked(&r.planner)
	for _, l := range r.leaves {
		b.line("then, on the rows of each chunk, for %s():", l.query.Func)
		b.below(func() { l.pipeline.explain(b) })
	}
	return nil
}

// asked writes what a planner asks the store for.
func (b *outline) asked(p *planner) {
	b.plan = p
	b.line("the store is asked for:")
	b.below(func() {
		if p.traces {
			b.line("whole traces")
		} else {
			b.line("spans, one by one")
		}
		for _, need := range p.needs {
			b.line("only traces in which a span has: %s", need)
		}
		for i, where := range p.where {
			b.line("set #%d: the spans with: %s", i, where)
		}
		names := make([]string, len(p.columns))
		for i, f := range p.columns {
			names[i] = f.String()
		}
		if len(names) > 0 {
			b.line("columns, when needed: %s", strings.Join(names, ", "))
		}
	})
}

// explainer says what it does.
type explainer interface{ explain(b *outline) }

// list writes a heading and what stands below it.
func (b *outline) list(heading string, parts ...any) {
	b.line("%s", heading)
	b.below(func() {
		for _, part := range parts {
			part.(explainer).explain(b)
		}
	})
}

func (p *pipeline) explain(b *outline) {
	for i, s := range p.stages {
		if i > 0 {
			b.line("then")
		}
		s.explain(b)
	}
}

func (f *filter) explain(b *outline)       { f.node.explain(b) }
func (o *spansetOp) explain(b *outline)    { b.list(o.op.String()+" of:", o.l, o.r) }
func (g *by) explain(b *outline)           { b.line("%s", g.name) }
func (coalesce) explain(b *outline)        { b.line("coalesce()") }
func (f *scalarFilter) explain(b *outline) { b.line("compare %s", f.text) }

func (everything) explain(b *outline)    { b.line("all") }
func (i where) explain(b *outline)       { b.line("set #%d", int(i)) }
func (n conjunction) explain(b *outline) { explainAll(b, "all of, in this order:", n) }
func (n disjunction) explain(b *outline) { explainAll(b, "any of, in this order:", n) }
func (n negation) explain(b *outline)    { b.list("not:", n.of) }
func (n agree) explain(b *outline) {
	if n.not {
		b.list("one of, not both:", n.l, n.r)
	} else {
		b.list("both or none of:", n.l, n.r)
	}
}

func (n onParent) explain(b *outline) {
	if n.absent {
		b.list("on the parent, or there is none:", n.of)
	} else {
		b.list("on the parent:", n.of)
	}
}

func (n roots) explain(b *outline) {
	if n.not {
		b.line("has a parent")
	} else {
		b.line("has no parent")
	}
}

func (n missing) explain(b *outline)     { b.line("row by row: %s", n.text) }
func (n *comparison) explain(b *outline) { b.line("row by row: %s", n.text) }
func (n *each) explain(b *outline)       { b.line("row by row: %s", n.text) }

func explainAll(b *outline, heading string, list []narrower) {
	b.line("%s", heading)
	b.below(func() {
		for _, n := range list {
			n.explain(b)
		}
	})
}
