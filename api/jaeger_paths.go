package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

const (
	pathTraces   = 200       // that are looked at, the newest
	maxPaths     = 1000      // that differ
	maxPathSteps = 1_000_000 // of spans, so that deep traces take no time
)

// servicePath is how requests go through services: a path of Jaeger's deep dependency graph, from the root on.
type servicePath struct {
	Path       []pathStep      `json:"path"`
	Attributes []pathAttribute `json:"attributes"`
}

type pathStep struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
}

type pathAttribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// deepDependencies answers with the paths that go through a service, as the newest of its traces have them.
func (j *jaeger) deepDependencies(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	if p.Get("service") == "" {
		return badRequest("parameter 'service' is required")
	}
	within, _, err := p.jaegerRange()
	if err != nil {
		return err
	}
	filter := &jaegerFilter{service: p.Get("service"), operation: p.Get("operation")}
	q, err := filter.query()
	if err != nil {
		return err
	}
	found, err := j.query.Search(r.Context(), tenant, q, traceql.SearchOptions{Range: within, Limit: min(pathTraces, j.MaxTraces), SpansPerSet: 1})
	if err != nil {
		return err
	}
	d := pathFinder{filter: filter, list: []servicePath{}, known: map[string]bool{}, gaps: found.Gaps}
	err = fetch(r.Context(), j.store, tenant, refsOf(found), func(f fetched) error {
		switch {
		case errors.Is(f.err, store.ErrNotFound): // it expired since it was found
			return nil
		case f.err != nil:
			return f.err
		}
		d.gaps = append(d.gaps, f.trace.Gaps...)
		d.add(analyze.NewTrace(f.trace.Spans))
		return nil
	})
	if err != nil {
		return err
	}
	if found.Next != "" {
		d.gaps = append(d.gaps, fmt.Sprintf("there are more traces than the newest %d, which were looked at", len(found.Traces)))
	}
	if d.cut {
		d.gaps = append(d.gaps, fmt.Sprintf("there are more paths than the %d told", len(d.list)))
	}
	tellGaps(w, d.gaps)
	return writeJSON(w, map[string][]servicePath{"dependencies": d.list})
}

// pathFinder gathers the paths through a service, or through one of its operations.
type pathFinder struct {
	filter *jaegerFilter
	list   []servicePath
	known  map[string]bool
	steps  int
	cut    bool
	gaps   []string
}

// add adds the paths of a trace: of spans that took a request or a message, and roots, those with none such below them end one.
func (d *pathFinder) add(t *analyze.Trace) {
	takes := func(row int32) bool {
		kind := t.Spans.Kinds[t.At[row]]
		return kind == kindServer || kind == kindConsumer || t.Parent[row] == analyze.NoRow
	}
	above := make([]bool, t.Len()) // rows above one that takes
	for row := int32(t.Len()) - 1; row >= 0; row-- {
		if up := t.Parent[row]; up != analyze.NoRow && (above[row] || takes(row)) {
			above[up] = true
		}
	}
	for row := range int32(t.Len()) {
		if !takes(row) || above[row] {
			continue
		}
		var path []pathStep // from the last step on
		for at := row; at != analyze.NoRow; at = t.Parent[at] {
			d.steps++
			if takes(at) {
				path = append(path, pathStep{t.Services[t.Service(at)], t.Name(at)})
			}
		}
		if d.cut = d.cut || d.steps > maxPathSteps; d.cut {
			return
		}
		d.addPath(t, path)
	}
}

func (d *pathFinder) addPath(t *analyze.Trace, reversed []pathStep) {
	var key strings.Builder
	through := false
	path := make([]pathStep, 0, len(reversed))
	for i := len(reversed) - 1; i >= 0; i-- {
		step := reversed[i]
		through = through || step.Service == d.filter.service && (d.filter.operation == "" || step.Operation == d.filter.operation)
		fmt.Fprintf(&key, "%q %q ", step.Service, step.Operation)
		path = append(path, step)
	}
	if !through || d.known[key.String()] {
		return
	}
	if d.cut = len(d.list) == maxPaths; d.cut {
		return
	}
	d.known[key.String()] = true
	d.list = append(d.list, servicePath{path, []pathAttribute{{"exemplar_trace_id", t.Spans.TraceIDs[0].String()}}})
}

// qualityMetrics answers that there are none: Jaeger itself only has examples of them.
func (j *jaeger) qualityMetrics(w http.ResponseWriter, _ *http.Request) error {
	failJaeger(w, http.StatusNotImplemented, errors.New("quality metrics are not computed"))
	return nil
}
