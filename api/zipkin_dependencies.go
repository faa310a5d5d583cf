package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
)

// dependency is how often a service called another one, in the form of Zipkin's API.
type dependency struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Calls  uint64 `json:"callCount"`
	Errors uint64 `json:"errorCount,omitempty"`
}

func (z *zipkin) dependencies(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	if p.Get("endTs") == "" {
		return badRequest("parameter 'endTs' is required")
	}
	within, err := z.parseRange(p)
	if err != nil {
		return err
	}
	list, gaps, err := zipkinDependencies(r.Context(), z.store, tenant, within)
	if err != nil {
		return err
	}
	tellGaps(w, gaps)
	return writeJSON(w, list)
}

// zipkinDependencies finds what Zipkin's users expect: names in lower case, and messages only to and from brokers that
// spans name.
func zipkinDependencies(ctx context.Context, r store.Reader, tenant string, within store.TimeRange) ([]dependency, []string, error) {
	return findDependencies(ctx, r, tenant, within, analyze.GraphOptions{Brokers: true}, strings.ToLower)
}

// findDependencies counts the calls that spans which start within a time tell
// of, and returns what could not be looked at. called turns a name into the one to answer with. The list is sorted.
func findDependencies(ctx context.Context, r store.Reader, tenant string, within store.TimeRange, opts analyze.GraphOptions, called func(name string) string) ([]dependency, []string, error) {
	graph, err := analyze.Dependencies(ctx, r, tenant, within, opts)
	if err != nil {
		return nil, nil, err
	}
	list := make([]dependency, 0, len(graph.Edges))
	for _, e := range graph.Edges {
		list = append(list, dependency{called(e.Caller), called(e.Callee), e.Calls, e.Errors})
	}
	slices.SortFunc(list, func(a, b dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	distinct := list[:0]
	for _, d := range list {
		if n := len(distinct); n > 0 && distinct[n-1].Parent == d.Parent && distinct[n-1].Child == d.Child {
			distinct[n-1].Calls += d.Calls
			distinct[n-1].Errors += d.Errors
			continue
		}
		distinct = append(distinct, d)
	}
	return distinct, graph.Gaps, nil
}
