package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/pipeline"
	"github.com/clewhq/clew/store/columnar"
)

// The log records of traces are in a store of their own, in a folder of the data folder. It is the same engine with
// the same retention, tenants and durability, so that what holds for traces holds for their logs.

// logsFolder is where it is.
func logsFolder(dataDir string) string { return filepath.Join(dataDir, "logs") }

// logsShare is what part of the memory and disk of traces log records get: this is the divisor.
const logsShare = 4

// openStores opens the stores of spans and of log records.
func (s *server) openStores(reg prometheus.Registerer) (err error) {
	spans, logs := s.storeOptions(), s.storeOptions()
	logs.Dir = logsFolder(s.cfg.DataDir)
	logs.HeadBytes, logs.CacheBytes = logs.HeadBytes/logsShare, logs.CacheBytes/logsShare
	logs.MaxBytes /= 2 * logsShare
	spans.MaxBytes -= logs.MaxBytes
	spans.Ahead = analyze.KeepGraph
	label := func(signal string) prometheus.Registerer {
		return prometheus.WrapRegistererWith(prometheus.Labels{"signal": signal}, reg)
	}
	spans.Registerer, logs.Registerer = label("traces"), label("logs")
	if s.engine, err = columnar.Open(spans); err != nil {
		return fmt.Errorf("cannot open data-dir %s: %w", spans.Dir, err)
	}
	if s.logs, err = columnar.Open(logs); err != nil {
		s.engine.Close(context.Background())
		return fmt.Errorf("cannot open data-dir %s: %w", logs.Dir, err)
	}
	s.logPipe = pipeline.New(s.logs)
	return nil
}

func (s *server) storeOptions() columnar.Options {
	return columnar.Options{
		Dir:          s.cfg.DataDir,
		Decode:       decode,
		SyncInterval: s.cfg.SyncInterval,
		Retention:    s.cfg.Retention.Age,
		MaxBytes:     s.cfg.Retention.Size,
		HeadBytes:    s.cfg.Memory.Head,
		CacheBytes:   s.cfg.Memory.Cache,
		QueryBytes:   s.cfg.Memory.Query,
		Slice:        tailSlice(s.cfg.TailSampling),
		Logger:       s.log,
	}
}
