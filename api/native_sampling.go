package api

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// sampling tells what SDKs are told about sampling.
func (n *native) sampling(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	if _, err := nativeParams(r); err != nil {
		return err
	}
	overview, err := n.currentSampling(r, tenant)
	if err != nil {
		return err
	}
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

// What a simulation takes.
const (
	maxPoliciesBytes = 1 << 20
	defaultTailSlice = 90 * time.Second
)

var errSimulating = errors.New("another simulation is under way: there is one at a time")

// simulate tells what policies, which are the body, would have kept of what is stored.
func (n *native) simulate(w http.ResponseWriter, r *http.Request) error {
	tenant, _, within, err := n.askedOf(r, "start", "end")
	if err != nil {
		return err
	}
	policies, err := readPolicies(w, r)
	if err != nil {
		return err
	}
	if !n.simulating.TryLock() {
		return &store.RetryError{After: time.Second, Overload: true, Reason: errSimulating}
	}
	defer n.simulating.Unlock()
	answer, err := sample.Simulate(r.Context(), n.store, tenant, policies, within, cmp.Or(n.TailSlice, defaultTailSlice))
	if tooLong := (*sample.RangeError)(nil); errors.As(err, &tooLong) {
		return badRequest("%v", err)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}

// readPolicies reads the body of a request as a file of policies.
func readPolicies(w http.ResponseWriter, r *http.Request) (*sample.Policies, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPoliciesBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, badRequest("the policies have more than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, badRequest("cannot read the body: %v", err)
	}
	policies, err := sample.ParsePolicies(text)
	if err != nil {
		return nil, badRequest("policies: %v", err)
	}
	return policies, nil
}
