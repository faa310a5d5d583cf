package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/clewhq/clew/analyze"
)

// TraceDiff is how trace b differs from trace a.
type TraceDiff struct {
	A DiffTrace `json:"a"`
	B DiffTrace `json:"b"`
	DiffCounts
	Services []DiffService `json:"services"` // sorted by name
	// Nodes are the paths of both traces, depth first; a node stands for all spans with its path.
	Nodes   []DiffNode `json:"nodes"`
	Omitted int        `json:"omitted,omitempty"` // nodes that are left out
	// Gaps names what could not be read; if there are any, spans may be missing.
	Gaps []string `json:"gaps,omitempty"`
}

// DiffTrace is one of the traces.
type DiffTrace struct {
	View     string    `json:"view"` // names the rows
	TraceID  string    `json:"traceId"`
	Root     *ViewRoot `json:"root"` // nil if it is not there
	Start    uint64    `json:"startTimeUnixNano,string"`
	Duration int64     `json:"durationNanos,string"`
	Spans    int       `json:"spans"`
	Errors   int       `json:"errors"`
}

// DiffCounts counts spans: pairs that match, and what only one trace has.
type DiffCounts struct {
	Matched int `json:"matched"`
	Missing int `json:"missing"` // only in a
	Added   int `json:"added"`   // only in b
	Slower  int `json:"slower"`  // pairs that took longer in b
	Faster  int `json:"faster"`
	Broken  int `json:"broken"` // pairs that failed only in b
	Mended  int `json:"mended"` // pairs that failed only in a
}

// DiffService is what the traces have of a service.
type DiffService struct {
	Name string    `json:"name"`
	A    *DiffSide `json:"a,omitempty"`
	B    *DiffSide `json:"b,omitempty"`
}

// DiffNode is a path: who called whom from the root on.
type DiffNode struct {
	Parent  int32  `json:"parent"` // place in the list, or -1
	Depth   int32  `json:"depth"`
	Service string `json:"service"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	// Change is same, slower, faster, missing (only in a) or added (only in b).
	Change string    `json:"change"`
	A      *DiffSide `json:"a,omitempty"`
	B      *DiffSide `json:"b,omitempty"`
	DiffCounts
	// Delta is by how much the matched spans of b took longer, together.
	Delta int64 `json:"deltaNanos,string"`
}

// DiffSide is what one trace has of a node or a service.
type DiffSide struct {
	Spans    int    `json:"spans"`
	Errors   int    `json:"errors"`
	Duration int64  `json:"durationNanos,string"` // of all spans together
	Self     int64  `json:"selfNanos,string"`
	Row      int32  `json:"row"` // of the first span, in the view
	SpanID   string `json:"spanId"`
}

const (
	diffNodes    = 10_000 // where nobody says
	maxDiffNodes = 1_000_000
)

func (n *native) diff(w http.ResponseWriter, r *http.Request) error {
	p, err := nativeParams(r, "a", "b", "aView", "bView", "limit")
	if err != nil {
		return err
	}
	limit, err := p.limit("limit", diffNodes, maxDiffNodes)
	if err != nil {
		return err
	}
	a, err := n.openSide(r, p, "a")
	if err != nil {
		return err
	}
	b, err := n.openSide(r, p, "b")
	if err != nil {
		return err
	}
	answer, err := n.diffViews(r.Context(), a, b, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}

// diffViews compares two views, not too many at the same time, as it takes memory like that of reading them.
func (n *native) diffViews(ctx context.Context, a, b *view, limit int) (*TraceDiff, error) {
	done, err := n.views.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return traceDiff(a, b, limit), nil
}

// openSide opens the trace that a parameter names, in the view that another one may name.
func (n *native) openSide(r *http.Request, p params, side string) (*view, error) {
	q := viewRequest{params: p, token: p.Get(side + "View")}
	var err error
	if q.tenants, err = tenantsOf(r); err != nil {
		return nil, err
	}
	if p.Get(side) == "" {
		return nil, badRequest("parameter '%s' is missing: the id of a trace", side)
	}
	if q.id, err = parseJaegerID(p.Get(side)); err != nil {
		return nil, badRequest("unable to parse param '%s': %v", side, err)
	}
	v, err := n.openSame(r, q)
	if err != nil {
		return nil, fmt.Errorf("trace %s, '%s': %w", q.id, side, err)
	}
	return v, nil
}

func traceDiff(a, b *view, limit int) *TraceDiff {
	d := analyze.NewDiff(a.trace, b.trace)
	answer := &TraceDiff{
		A: diffTrace(a), B: diffTrace(b), DiffCounts: DiffCounts(d.DiffCounts),
		Services: make([]DiffService, len(d.Services)), Omitted: max(len(d.Nodes)-limit, 0),
	}
	answer.Gaps = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.gaps, b.gaps))))
	for i, s := range d.Services {
		answer.Services[i] = DiffService{s.Name, diffSide(a, &s.A), diffSide(b, &s.B)}
	}
	answer.Nodes = make([]DiffNode, min(len(d.Nodes), limit))
	for i := range answer.Nodes {
		from := &d.Nodes[i]
		answer.Nodes[i] = DiffNode{
			Parent: from.Parent, Depth: from.Depth, Service: from.Service, Name: from.Name, Kind: kindWord(from.Kind),
			Change: from.Change.String(), A: diffSide(a, &from.A), B: diffSide(b, &from.B),
			DiffCounts: DiffCounts(from.DiffCounts), Delta: from.Delta,
		}
	}
	return answer
}

func diffTrace(v *view) DiffTrace {
	head := v.head()
	t := DiffTrace{
		View: head.View, TraceID: head.TraceID, Root: head.Root, Start: head.StartUnixNano, Duration: head.DurationNanos, Spans: head.SpanCount,
	}
	for row := range int32(v.trace.Len()) {
		if v.trace.Failed(row) {
			t.Errors++
		}
	}
	return t
}

func diffSide(v *view, from *analyze.DiffSide) *DiffSide {
	if from.Spans == 0 {
		return nil
	}
	return &DiffSide{from.Spans, from.Errors, from.Duration, from.Self, from.First, v.trace.ID(from.First).String()}
}

// kindWord returns TraceQL's word for a kind; for one that OTLP does not define, its number.
func kindWord(kind int32) string {
	if kind >= 0 && int(kind) < len(kindNames) {
		return kindNames[kind]
	}
	return fmt.Sprint(kind)
}
