package api

import (
	"net/http"

	"github.com/clewhq/clew/traceql"
)

// sampling tells what SDKs are told about sampling.
func (n *native) sampling(w http.ResponseWriter, r *http.Request) error {
	if _, err := tenantOf(r); err != nil {
		return err
	}
	if _, err := nativeParams(r); err != nil {
		return err
	}
	overview := n.currentSampling()
	return writeJSON(w, &overview)
}

// keep decides that traces stay that are undecided.
func (n *native) keep(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := nativeParams(r, "q")
	if err != nil {
		return err
	}
	if p.Get("q") == "" {
		return badRequest("q is not set: which traces are to stay?")
	}
	q, err := traceql.ParseAny(p.Get("q"))
	if err != nil {
		return err
	}
	if q.Search == nil {
		return badRequest("q is a metrics query, which finds no traces")
	}
	if n.Keep == nil {
		return badRequest("all traces stay: there is no tail sampling (tail-sampling.policies)")
	}
	answer, err := n.Keep(r.Context(), tenant, q)
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}
