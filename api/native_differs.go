package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// Differences is how the attributes of a selection of spans differ from those of a baseline.
type Differences struct {
	Query     string      `json:"query"`     // of the baseline, in TraceQL
	Selected  string      `json:"selected"`  // of the selection, in TraceQL
	Selection ComparedSet `json:"selection"` // spans of the selection
	Baseline  ComparedSet `json:"baseline"`  // spans of the baseline that are not in the selection
	// Attributes are those that tell most first; those that the selection is made by come last.
	Attributes []DifferingAttribute `json:"attributes"`
	Omitted    int                  `json:"omitted,omitempty"` // attributes that are left out
	// Ignored have a value of its own on nearly every trace.
	Ignored []IgnoredAttribute `json:"ignored"`
	// Gaps names what could not be read or was left out; if there are any, the answer is partial.
	Gaps  []string `json:"gaps,omitempty"`
	Stats Stats    `json:"stats"`
}

// ComparedSet is how many spans a side has. If fewer were compared, shares are estimates.
type ComparedSet struct {
	Matched  uint64  `json:"matched"`
	Compared uint64  `json:"compared"`
	Weight   float64 `json:"weight"` // what the compared ones stand for, as they may be sampled
}

// DifferingAttribute is an attribute with its values on both sides.
type DifferingAttribute struct {
	Name string `json:"name"` // as TraceQL writes it
	// Score is by how much the shares of the values differ beyond what chance does, 0 to 1.
	Score float64 `json:"score"`
	// Given: the selection is made by it, so that it has to differ.
	Given    bool             `json:"given"`
	Distinct int              `json:"distinct"` // values that were told apart
	More     bool             `json:"more"`     // there are more, or numbers were counted in ranges
	Values   []DifferingValue `json:"values"`
	// Quantiles are those of numbers that come as ranges.
	Quantiles *DifferingQuantiles `json:"quantiles,omitempty"`
}

// DifferingValue is a value, or several, with its part of both sides.
type DifferingValue struct {
	Kind  string      `json:"kind"`            // value, range, absent or others
	Value *TypedValue `json:"value,omitempty"` // of a value
	// From and To are the bounds of a range, the upper one left out; one that is not there has none.
	From      *TypedValue  `json:"from,omitempty"`
	To        *TypedValue  `json:"to,omitempty"`
	Selection CountOfWhole `json:"selection"`
	Baseline  CountOfWhole `json:"baseline"`
	// In and Out are conditions of TraceQL for the spans that have it, and for all others.
	In  string `json:"in,omitempty"`
	Out string `json:"out,omitempty"`
}

// CountOfWhole is how many spans have a value, by what they stand for, and which part of the side that is.
type CountOfWhole struct {
	Count float64 `json:"count"`
	Share float64 `json:"share"`
}

// DifferingQuantiles are the quantiles of both sides; of a side without numbers there are none.
type DifferingQuantiles struct {
	Selection *Quantiles `json:"selection,omitempty"`
	Baseline  *Quantiles `json:"baseline,omitempty"`
}

// Quantiles tell how numbers are distributed. Durations are in nanoseconds.
type Quantiles struct {
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// IgnoredAttribute is an attribute that is not compared.
type IgnoredAttribute struct {
	Name     string `json:"name"`
	Distinct int    `json:"distinct"` // values that it has at least
}

const (
	maxDifferingValues = 100
	// maxDifferingAttributes is the most attributes, differingAttributes how many where nobody says.
	maxDifferingAttributes = 10_000
	differingAttributes    = 50
)

// nativeDiffers is what a comparison asks for.
type nativeDiffers struct {
	opts  analyze.DiffersOptions
	limit int
}

func (n *native) differs(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	d, err := n.parseDiffers(r)
	if err != nil {
		return err
	}
	return n.answer(w, r, func(ctx context.Context, e *events) (any, error) {
		if e != nil {
			d.opts.Progress = func(p store.Progress, want func() *analyze.Differs) {
				e.progress(p, func() any { return d.encode(want()) })
			}
		}
		found, err := analyze.WhatDiffers(ctx, n.query, tenant, d.opts)
		if err != nil {
			return nil, err
		}
		return d.encode(found), nil
	})
}

func (n *native) parseDiffers(r *http.Request) (*nativeDiffers, error) {
	p, err := nativeParams(r, "q", "selection", "start", "end", "selectionStart", "selectionEnd", "minDuration", "maxDuration", "values", "limit")
	if err != nil {
		return nil, err
	}
	d := &nativeDiffers{}
	if d.opts.Baseline, err = p.spanQuery("q"); err != nil {
		return nil, err
	}
	if p.Get("selection") != "" {
		if d.opts.Selection, err = p.spanQuery("selection"); err != nil {
			return nil, err
		}
	}
	if d.opts.BaselineRange, err = p.nativeRange(); err != nil {
		return nil, err
	}
	if d.opts.SelectionRange, err = p.rangeOf("selectionStart", "selectionEnd", d.opts.BaselineRange); err != nil {
		return nil, err
	}
	if err := d.parseDurations(p); err != nil {
		return nil, err
	}
	if d.opts.Values, err = p.limit("values", 10, maxDifferingValues); err != nil {
		return nil, err
	}
	if d.limit, err = p.limit("limit", differingAttributes, maxDifferingAttributes); err != nil {
		return nil, err
	}
	if d.opts.Selection == nil && d.opts.SelectionRange == d.opts.BaselineRange && d.opts.MinDuration == 0 && d.opts.MaxDuration == 0 {
		return nil, badRequest("the selection is all that q matches: narrow it by selection, selectionStart, selectionEnd, minDuration or maxDuration")
	}
	return d, nil
}

// spanQuery reads a search.
func (p params) spanQuery(name string) (*traceql.Query, error) {
	q, err := traceql.ParseAny(p.Get(name))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case q.Metrics != nil:
		return nil, badRequest("unable to parse param '%s': it gives time series, not spans", name)
	}
	return q, nil
}

// rangeOf reads a range whose bounds are those of another one where nothing is said.
func (p params) rangeOf(from, to string, otherwise store.TimeRange) (store.TimeRange, error) {
	start, hasStart, err := p.instant(from)
	if err != nil {
		return otherwise, err
	}
	end, hasEnd, err := p.instant(to)
	if err != nil {
		return otherwise, err
	}
	if hasStart {
		otherwise.Start = start
	}
	if hasEnd {
		otherwise.End = end
	}
	if (hasEnd || otherwise.End != 0) && otherwise.End <= otherwise.Start {
		return otherwise, badRequest("invalid parameter: %s must be before %s", from, to)
	}
	return otherwise, nil
}

func (d *nativeDiffers) parseDurations(p params) error {
	for name, to := range map[string]*int64{"minDuration": &d.opts.MinDuration, "maxDuration": &d.opts.MaxDuration} {
		if p.Get(name) == "" {
			continue
		}
		took, err := traceql.ParseDuration(p.Get(name))
		if err != nil {
			return badParam(name, err)
		}
		if took < 0 || took == 0 && name == "maxDuration" {
			return badRequest("invalid parameter: %s must be above 0", name)
		}
		*to = int64(took)
	}
	if d.opts.MaxDuration != 0 && d.opts.MaxDuration <= d.opts.MinDuration {
		return badRequest("invalid parameter: minDuration %v must be below maxDuration %v", time.Duration(d.opts.MinDuration), time.Duration(d.opts.MaxDuration))
	}
	return nil
}

func (d *nativeDiffers) encode(found *analyze.Differs) *Differences {
	answer := &Differences{
		Query: d.opts.Baseline.String(), Selection: ComparedSet(found.Selection), Baseline: ComparedSet(found.Baseline),
		Attributes: make([]DifferingAttribute, min(len(found.Attributes), d.limit)), Omitted: max(len(found.Attributes)-d.limit, 0),
		Ignored: make([]IgnoredAttribute, len(found.Ignored)), Gaps: found.Gaps, Stats: Stats(found.Stats),
	}
	answer.Selected = answer.Query
	if d.opts.Selection != nil {
		answer.Selected = d.opts.Selection.String()
	}
	for i := range answer.Attributes {
		from := &found.Attributes[i]
		answer.Attributes[i] = DifferingAttribute{
			Name: from.Attribute.String(), Score: from.Score, Given: from.Given, Distinct: from.Distinct, More: from.More,
			Values: answer.values(from.Values), Quantiles: differingQuantiles(from.Quantiles),
		}
	}
	for i, from := range found.Ignored {
		answer.Ignored[i] = IgnoredAttribute{from.Attribute.String(), from.Distinct}
	}
	return answer
}

func (d *Differences) values(from []analyze.DifferingValue) []DifferingValue {
	list := make([]DifferingValue, len(from))
	for i, v := range from {
		to := &list[i]
		*to = DifferingValue{
			Kind: v.Kind.String(), From: optionalValue(v.From), To: optionalValue(v.To), In: v.In, Out: v.Out,
			Selection: d.Selection.part(v.Count[analyze.SelectionSide]), Baseline: d.Baseline.part(v.Count[analyze.BaselineSide]),
		}
		if v.Kind == analyze.OneValue {
			value := typedValue(v.Value)
			to.Value = &value
		}
	}
	return list
}

// optionalValue returns nil for nil.
func optionalValue(s traceql.Static) *TypedValue {
	if s.Type == traceql.TypeNil {
		return nil
	}
	v := typedValue(s)
	return &v
}

func (s ComparedSet) part(count float64) CountOfWhole {
	if s.Weight == 0 {
		return CountOfWhole{}
	}
	return CountOfWhole{count, min(count/s.Weight, 1)}
}

func differingQuantiles(from *[2]analyze.Quantiles) *DifferingQuantiles {
	if from == nil {
		return nil
	}
	side := func(q analyze.Quantiles) *Quantiles {
		if math.IsNaN(q.P50) || math.IsInf(q.Min, 0) || math.IsInf(q.Max, 0) {
			return nil // infinite ones are no numbers of JSON
		}
		to := Quantiles(q)
		return &to
	}
	return &DifferingQuantiles{side(from[analyze.SelectionSide]), side(from[analyze.BaselineSide])}
}
