package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clewhq/clew/internal/recording"
)

// dataset says what is or was sent; the generator makes it again from this alone.
type dataset struct {
	Seed  uint64 `json:"seed"`
	Spans uint64 `json:"spans"`
	// SpansPerSecond spreads the traces over time: they end at the time of
	// loading, and the first began Spans/SpansPerSecond earlier.
	SpansPerSecond float64 `json:"spans_per_second"`
	Merge          int     `json:"merge"`
	KeepResolution bool    `json:"keep_resolution"`
}

// generator returns the generator of the data. The last trace of the data ends about end.
func (d dataset) generator(end time.Time) (*recording.Generator, error) {
	cfg := recording.Config{Seed: d.Seed, Epoch: end, Rate: d.SpansPerSecond, Merge: d.Merge, KeepResolution: d.KeepResolution}
	if d.SpansPerSecond > 0 {
		cfg.Epoch = end.Add(-time.Duration(float64(d.Spans) / d.SpansPerSecond * 1e9))
	}
	return recording.NewGenerator(cfg)
}

// loadConfig says how the data is sent.
type loadConfig struct {
	target      string
	compression string
	connections int
	inFlight    int
	perRequest  uint64
	rate        float64       // spans a second; 0: as fast as the server takes them
	retryFor    time.Duration // how long one request is tried
}

// loadResult is what the sender saw.
type loadResult struct {
	Spans            uint64         `json:"spans"`
	Rejected         int64          `json:"rejected_spans"`
	Requests         int            `json:"requests"`
	Bytes            uint64         `json:"bytes"`
	Seconds          float64        `json:"seconds"`
	Retries          map[string]int `json:"retries,omitempty"` // by status
	LoaderCPUSeconds float64        `json:"loader_cpu_seconds"`
	Acks             latency        `json:"acknowledgement"`
}

func (r *loadResult) spansPerSecond() float64 { return float64(r.Spans) / r.Seconds }

// loader is one run of sending; workers share it.
type loader struct {
	cfg   loadConfig
	exp   exporter
	spans uint64
	start time.Time
	next  atomic.Uint64 // the next request

	mu     sync.Mutex // guards result and acks
	result loadResult
	acks   []time.Duration
}

// load sends the first spans of g's sequence, and returns when all are acknowledged or one is refused for good.
func load(ctx context.Context, cfg loadConfig, g *recording.Generator, spans uint64) (*loadResult, error) {
	exp, err := newExporter(cfg.target, cfg.compression, cfg.connections)
	if err != nil {
		return nil, err
	}
	defer exp.close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &loader{cfg: cfg, exp: exp, spans: spans}
	l.result.Retries = map[string]int{}
	cpu := cpuSeconds()
	l.start = time.Now()
	var workers sync.WaitGroup
	for i := range cfg.inFlight {
		workers.Go(func() {
			if err := l.work(ctx, i, g.Clone()); err != nil {
				cancel(err)
			}
		})
	}
	workers.Wait()
	l.result.Seconds = time.Since(l.start).Seconds()
	l.result.LoaderCPUSeconds = cpuSeconds() - cpu
	l.result.Acks = newLatency("acknowledgement", l.acks)
	return &l.result, context.Cause(ctx)
}

// work sends requests until none is left.
func (l *loader) work(ctx context.Context, worker int, g *recording.Generator) error {
	var buf []byte
	var acks []time.Duration
	var spans, bytes uint64
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.acks = append(l.acks, acks...)
		l.result.Requests += len(acks)
		l.result.Spans += spans
		l.result.Bytes += bytes
	}()
	for {
		first := (l.next.Add(1) - 1) * l.cfg.perRequest
		if first >= l.spans {
			return nil
		}
		if l.cfg.rate > 0 {
			due := l.start.Add(time.Duration(float64(first) / l.cfg.rate * 1e9))
			if err := sleep(ctx, time.Until(due)); err != nil {
				return err
			}
		}
		n := min(l.cfg.perRequest, l.spans-first)
		buf = g.Append(buf[:0], first, n)
		sent := time.Now()
		if err := l.send(ctx, worker, buf); err != nil {
			return fmt.Errorf("request with spans %d to %d: %w", first, first+n-1, err)
		}
		acks = append(acks, time.Since(sent))
		spans += n
		bytes += uint64(len(buf))
	}
}

// Waits between tries double from minWait to maxWait; the server's hint counts if it is longer.
const (
	minWait = 20 * time.Millisecond
	maxWait = 2 * time.Second
)

// send sends one request until the server takes it.
func (l *loader) send(ctx context.Context, worker int, request []byte) error {
	began := time.Now()
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		rejected, err := l.exp.export(ctx, worker, request)
		var retry *retryError
		switch {
		case err == nil:
			if rejected > 0 {
				l.mu.Lock()
				l.result.Rejected += rejected
				l.mu.Unlock()
			}
			return nil
		case !errors.As(err, &retry) || ctx.Err() != nil:
			return err
		case time.Since(began) > l.cfg.retryFor:
			return fmt.Errorf("gave up after %v: %w", time.Since(began).Round(time.Millisecond), err)
		}
		l.mu.Lock()
		l.result.Retries[retry.code]++
		l.mu.Unlock()
		spread := 0.5 + rand.Float64() // so that workers do not come back together
		if err := sleep(ctx, max(retry.after, time.Duration(float64(wait)*spread))); err != nil {
			return err
		}
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// cpuSeconds returns the CPU time that this process has used.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
