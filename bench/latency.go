package main

import (
	"math"
	"slices"
	"time"
)

// latency is the distribution of how long something took.
type latency struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	P50   ms     `json:"p50_ms"`
	P95   ms     `json:"p95_ms"`
	P99   ms     `json:"p99_ms"`
	Max   ms     `json:"max_ms"`
	// Found is the mean number of traces, series or names in the answers to a scenario; nil elsewhere.
	Found *float64 `json:"found,omitempty"`
	// CPU is what the server spent on one, on all its cores together, in milliseconds; nil if it is not known.
	CPU *float64 `json:"server_cpu_ms,omitempty"`
	// Error says why there are no figures.
	Error string `json:"error,omitempty"`
}

// ms is a duration in milliseconds.
type ms float64

func newLatency(name string, took []time.Duration) latency {
	slices.Sort(took)
	return latency{
		Name: name, Count: len(took),
		P50: percentile(took, 0.5), P95: percentile(took, 0.95), P99: percentile(took, 0.99), Max: percentile(took, 1),
	}
}

// percentile returns the smallest of the sorted values that a share p of all do not exceed.
func percentile(sorted []time.Duration, p float64) ms {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p * float64(len(sorted))))
	return ms(float64(sorted[max(rank, 1)-1]) / 1e6)
}
