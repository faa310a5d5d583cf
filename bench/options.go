package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/recording"
)

// options are the flags of all commands; each command has those that it needs.
type options struct {
	sends    bool // has the flags of loading
	data     dataset
	load     loadConfig
	duration time.Duration
	server   *server
	idle     idleRule
	query    queryConfig

	sample    sampleSize
	verifiers int
	lookup    string            // API for traces by id
	bases     map[string]string // by API, see scenario
	label     string
	out       string
	timeout   time.Duration

	lookback, metricsLookback time.Duration
}

func (o *options) dataFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.data = dataset{Spans: cmp.Or(o.data.Spans, 1_000_000), Merge: recording.DefaultMerge}
	f.Var((*count)(&o.data.Spans), "spans", "how many `spans` there are to be; k and M are understood, as in 10M")
	f.Uint64Var(&o.data.Seed, "seed", 1, "determines all ids; the same server must not get the same seed twice")
	f.StringVar(&o.label, "label", "", "`text` for the report")
	f.StringVar(&o.out, "out", "", "`file` for the report as JSON")
	f.DurationVar(&o.timeout, "timeout", 2*time.Hour, "give up after this long")
}

func (o *options) loadFlags(cmd *cobra.Command) {
	o.sends = true
	f := cmd.Flags()
	f.StringVar(&o.load.compression, "compression", "none", "of requests: none, gzip, or zstd (HTTP only)")
	f.IntVar(&o.load.connections, "connections", 2, "gRPC connections to send on; HTTP uses one for each request under way")
	f.IntVar(&o.load.inFlight, "in-flight", 4, "requests under way at once")
	f.Uint64Var(&o.load.perRequest, "spans-per-request", 1000, "`spans` in a request")
	f.DurationVar(&o.load.retryFor, "retry-for", time.Minute, "how long to try a request that the server does not take now")
	f.Float64Var(&o.load.rate, "rate", 0, "`spans` a second to send; 0: as fast as the server takes them")
	f.DurationVar(&o.duration, "duration", 0, "with --rate: how long to send, instead of --spans")
	f.Float64Var(&o.data.SpansPerSecond, "data-rate", 100_000,
		"without --rate: `spans` a second that the data's timestamps look like; it ends at the time of loading")
	f.IntVar(&o.data.Merge, "merge", recording.DefaultMerge, "`traces` that share a ResourceSpans for each resource")
	f.BoolVar(&o.data.KeepResolution, "keep-resolution", false,
		"round times to the clock of the recorded sender instead of making all nanoseconds random")
	o.idleFlags(cmd)
}

func (o *options) idleFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.DurationVar(&o.idle.window, "idle-window", 10*time.Second,
		"the server is idle when it was quiet for this long; it should exceed the timers by which it writes in the background")
	f.Float64Var(&o.idle.share, "idle-share", 0.01, "`share` of one core below which the server is quiet")
	f.DurationVar(&o.idle.timeout, "idle-timeout", 10*time.Minute, "how long to wait until the server is idle")
}

func (o *options) serverFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.server = &server{client: &http.Client{}}
	f.StringVar(&o.server.metrics, "metrics", "http://127.0.0.1:16686/metrics", "`URL` of the server's Prometheus metrics")
	f.IntVar(&o.server.pid, "pid", 0, "the server's process `id`, for its memory as the kernel sees it")
	f.StringVar(&o.server.dataDir, "data-dir", "", "the server's data `folder`, for its size")
}

func (o *options) verifyFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&o.sample, "verify", "`traces` to verify, at random: a number, all, none, or auto: all up to a million spans, else 10k")
	f.IntVar(&o.verifiers, "verify-parallel", 4, "traces to verify at once")
}

func (o *options) readFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.bases = map[string]string{}
	f.Var(baseValue{o.bases, "tempo"}, "tempo", "base `URL` of Tempo's API, such as http://127.0.0.1:3200")
	f.Var(baseValue{o.bases, "jaeger"}, "jaeger", "base `URL` of Jaeger's API, such as http://127.0.0.1:16686")
}

func (o *options) lookupFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.lookup, "lookup", "", "`API` for traces by id: tempo, tempo-v1 or jaeger (default: the first that has a URL)")
}

func (o *options) queryFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.query.lookups, "lookups", 500, "traces to look up, and as many unknown ones")
	f.IntVar(&o.query.searches, "searches", 100, "times to run each search")
	f.IntVar(&o.query.fresh, "fresh", 100, "traces to send to see how soon they are found; 0: none")
	f.DurationVar(&o.lookback, "lookback", 24*time.Hour, "time range of searches, up to now")
	f.DurationVar(&o.metricsLookback, "metrics-lookback", time.Hour, "time range of metrics, up to now; Tempo allows 3 hours")
}

// check completes the options and refuses those that make no sense.
func (o *options) check() error {
	if o.load.rate > 0 && o.duration > 0 {
		o.data.Spans = uint64(math.Ceil(o.load.rate * o.duration.Seconds()))
	} else if o.duration > 0 {
		return errors.New("--duration needs --rate")
	}
	if o.load.rate > 0 {
		o.data.SpansPerSecond = o.load.rate
	}
	for _, c := range []struct {
		flag string
		ok   bool
	}{
		{"spans", o.data.Spans > 0},
		{"rate", o.load.rate >= 0},
		{"data-rate", o.data.SpansPerSecond >= 0},
		{"connections", !o.sends || o.load.connections > 0},
		{"in-flight", !o.sends || o.load.inFlight > 0},
		{"spans-per-request", !o.sends || o.load.perRequest > 0},
		{"lookups", o.query.lookups >= 0},
		{"searches", o.query.searches >= 0},
		{"fresh", o.query.fresh >= 0},
		{"lookback", o.lookback >= 0},
		{"metrics-lookback", o.metricsLookback >= 0},
		{"verify-parallel", o.verifiers >= 0},
	} {
		if !c.ok {
			return fmt.Errorf("--%s is out of range", c.flag)
		}
	}
	return nil
}

// traceReader returns the reader for traces by id with n connections.
func (o *options) traceReader(n int) (*traceReader, error) {
	api := o.lookup
	if api == "" {
		api = "tempo"
		if o.bases["tempo"] == "" {
			api = "jaeger"
		}
	}
	base := o.bases["tempo"]
	if api == "jaeger" {
		base = o.bases["jaeger"]
	}
	if base == "" {
		return nil, errors.New("no API to read from: give --tempo or --jaeger")
	}
	return newTraceReader(api, base, n)
}

// baseValue is a flag that says where an API is served.
type baseValue struct {
	bases map[string]string
	api   string
}

func (v baseValue) String() string        { return v.bases[v.api] }
func (v baseValue) Set(text string) error { v.bases[v.api] = text; return nil }
func (v baseValue) Type() string          { return "URL" }

// count is a number with an optional k, M or G.
type count uint64

func (c *count) String() string { return strconv.FormatUint(uint64(*c), 10) }
func (c *count) Type() string   { return "number" }

func (c *count) Set(text string) error {
	digits, unit := strings.TrimRight(text, "kMG"), uint64(1)
	switch text[len(digits):] {
	case "":
	case "k":
		unit = 1e3
	case "M":
		unit = 1e6
	case "G":
		unit = 1e9
	default:
		return fmt.Errorf("%q is no number with k, M or G", text)
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > 1e15/unit {
		return fmt.Errorf("%q is no number, or too large a one", text)
	}
	*c = count(n * unit)
	return nil
}

// sampleSize is how many traces to verify: a number, or one of the words.
type sampleSize struct {
	word string
	n    count
}

func (s *sampleSize) Type() string { return "number" }

func (s *sampleSize) String() string {
	switch {
	case s.word != "":
		return s.word
	case s.n > 0:
		return s.n.String()
	}
	return "auto"
}

func (s *sampleSize) Set(text string) error {
	if text == "all" || text == "none" || text == "auto" {
		s.word = text
		return nil
	}
	s.word = ""
	if err := s.n.Set(text); err != nil {
		return err
	}
	if s.n == 0 {
		return errors.New("use none to verify nothing")
	}
	return nil
}

// Beyond this size not every trace is verified.
const (
	verifyAllUpTo = 1_000_000 // spans
	verifySample  = 10_000    // traces
)

// of returns how many traces to verify of data of this size; 0 is all.
func (s *sampleSize) of(spans uint64) (n uint64, skip bool) {
	switch s.String() {
	case "none":
		return 0, true
	case "all":
		return 0, false
	case "auto":
		if spans <= verifyAllUpTo {
			return 0, false
		}
		return verifySample, false
	}
	return uint64(s.n), false
}
