package api

import (
	"context"
	"net/http"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
)

// dependenciesLookback is the range of dependencies that does not say how long.
const dependenciesLookback = 24 * time.Hour

// dependencies answers GET /api/dependencies.
func (j *jaeger) dependencies(w http.ResponseWriter, r *http.Request) error {
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	within, err := j.lookback(p, dependenciesLookback)
	if err != nil {
		return err
	}
	found, gaps, err := j.findDependencies(r, within)
	if err != nil {
		return err
	}
	type link struct {
		Parent string `json:"parent"`
		Child  string `json:"child"`
		Calls  uint64 `json:"callCount"`
	}
	list := []link{}
	service := p.Get("service")
	for _, d := range found {
		if service == "" || d.Parent == service || d.Child == service {
			list = append(list, link{d.Parent, d.Child, d.Calls})
		}
	}
	tellGaps(w, gaps)
	return writeEnvelope(w, r, envelope{Data: list})
}

// findDependencies returns which services called which others, sorted.
func (j *jaeger) findDependencies(r *http.Request, within store.TimeRange) ([]dependency, []string, error) {
	tenant, err := tenantOf(r)
	if err != nil {
		return nil, nil, err
	}
	return jaegerDependencies(r.Context(), j.store, tenant, within)
}

// jaegerDependencies finds the same for all of Jaeger's APIs: messages go from producer to consumer, as Jaeger goes from parent
// to child.
func jaegerDependencies(ctx context.Context, r store.Reader, tenant string, within store.TimeRange) ([]dependency, []string, error) {
	return findDependencies(ctx, r, tenant, within, analyze.GraphOptions{}, func(name string) string { return name })
}
