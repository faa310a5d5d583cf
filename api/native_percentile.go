package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/analyze"
)

// PercentileAnswer is where a duration lies among those of the spans of one operation.
type PercentileAnswer struct {
	// Seen is how many spans were looked at, Count how many those stand for, as some were sampled. Estimated: the two differ.
	Seen      uint64  `json:"seen"`
	Count     float64 `json:"count"`
	Estimated bool    `json:"estimated"`
	// Rank is the share of spans that took less time; null if there are none.
	Rank      *float64           `json:"rank"`
	MinNanos  uint64             `json:"minNanos,string"`
	P50Nanos  uint64             `json:"p50Nanos,string"`
	P95Nanos  uint64             `json:"p95Nanos,string"`
	P99Nanos  uint64             `json:"p99Nanos,string"`
	MaxNanos  uint64             `json:"maxNanos,string"`
	Histogram []PercentileBucket `json:"histogram"`
	Gaps      []string           `json:"gaps,omitempty"`
	Stats     Stats              `json:"stats"`
}

// PercentileBucket is how many spans took from FromNanos to below ToNanos.
type PercentileBucket struct {
	FromNanos uint64  `json:"fromNanos,string"`
	ToNanos   uint64  `json:"toNanos,string"`
	Count     float64 `json:"count"`
}

// percentile answers GET /percentile.
func (n *native) percentile(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := nativeParams(r, "service", "name", "kind", "durationNanos", "start", "end")
	if err != nil {
		return err
	}
	op := analyze.Operation{Service: p.Get("service"), Name: p.Get("name"), Kind: analyze.AnyKind}
	if op.Kind, err = p.kind(); err != nil {
		return err
	}
	duration, err := strconv.ParseInt(p.Get("durationNanos"), 10, 64)
	if err != nil {
		return badRequest("unable to parse param 'durationNanos': %q is not a number of nanoseconds", p.Get("durationNanos"))
	}
	within, err := n.recentRange(p)
	if err != nil {
		return err
	}
	found, err := analyze.FindPercentile(r.Context(), n.store, tenant, op, duration, within)
	if err != nil {
		return err
	}
	answer := PercentileAnswer{
		Seen: found.Seen, Count: found.Count, Estimated: found.Count != float64(found.Seen),
		MinNanos: found.Min, P50Nanos: found.P50, P95Nanos: found.P95, P99Nanos: found.P99, MaxNanos: found.Max,
		Histogram: make([]PercentileBucket, len(found.Buckets)), Gaps: found.Gaps, Stats: Stats(found.Stats),
	}
	if found.Seen > 0 {
		answer.Rank = &found.Rank
	}
	for i, b := range found.Buckets {
		answer.Histogram[i] = PercentileBucket{b.From, b.To, b.Count}
	}
	return writeJSON(w, answer)
}

// kind reads a span kind; absent means any.
func (p params) kind() (int32, error) {
	text := p.Get("kind")
	if text == "" {
		return analyze.AnyKind, nil
	}
	i := slices.Index(kindNames, text)
	if i < 0 {
		return 0, badRequest("unable to parse param 'kind': %q is none of %s", text, strings.Join(kindNames, ", "))
	}
	return int32(i), nil
}
