package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/derive"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// maxRecentDecisions is how many decisions tail sampling holds in memory, for spans that come late, at most; each takes eight bytes.
const maxRecentDecisions = 8 << 20

// tailSlice is how much of what arrives the stores keep together until it is decided; 0 without tail sampling.
func tailSlice(c config.TailSampling) time.Duration {
	if c.Policies == "" {
		return 0
	}
	return sample.SliceOf(c.Window)
}

// recentDecisions is how long decisions are held in memory: for two windows, as spans that come late are decided when theirs is over.
func recentDecisions(window time.Duration) time.Duration { return max(time.Hour, 2*window) }

// openTail opens tail sampling, if there are policies. What it decides about traces holds for their log records too.
func (s *server) openTail(reg prometheus.Registerer) (err error) {
	c := s.cfg.TailSampling
	if c.Policies == "" {
		return nil
	}
	s.decisions, err = sample.OpenDecisions(sample.DecisionsConfig{
		Dir: filepath.Join(s.cfg.DataDir, "sampling"), Remember: c.Remember, Recent: recentDecisions(c.Window), MaxRecent: maxRecentDecisions,
	}, s.log)
	if err != nil {
		return fmt.Errorf("sampling decisions: %w", err)
	}
	policies := sample.NewPolicySource(c.Policies, &http.Client{Transport: s.traced("read sampling policies")}, s.log)
	s.tail = sample.NewTail(sample.TailConfig{
		Window: c.Window, DryRun: c.DryRun == "on", Reload: s.cfg.Sampling.ReloadInterval, Log: s.log, Registerer: reg,
	}, s.engine, policies, s.decisions)
	s.tail.Follow(s.logs)
	s.background = append(s.background, s.tail.Run)
	return nil
}

// sampling is how sampling stands.
func (s *server) sampling() sample.Overview {
	o := s.head.Overview()
	if s.tail != nil {
		o.Tail = s.tail.Overview()
	}
	return o
}

// decided tells what was decided about a trace; nil without tail sampling.
func (s *server) decided() sample.Decided {
	if s.decisions == nil {
		return nil
	}
	return s.decisions.Of
}

// reader is the store of spans, which says of a trace that is not there why.
func (s *server) reader() store.Reader {
	return sample.WithReasons(s.engine, s.cfg.Retention.Age, s.decided(), s.cfg.TailSampling.Remember)
}

// outcome tells span metrics whether a trace is kept, so that it can be an exemplar.
func (s *server) outcome(tenant string, id span.TraceID, randomness uint64) derive.Decision {
	switch kept, known := s.tail.Outcome(tenant, id, randomness); {
	case !known:
		return derive.Undecided
	case kept:
		return derive.Kept
	}
	return derive.Dropped
}
