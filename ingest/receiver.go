package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/span"
)

// Sink takes in what was received.
type Sink interface {
	// Consume returns nil once the spans of b are safe. It may read b, Raw
	// included, until it returns, and must neither change nor keep any of it.
	//
	// An error that has the methods RetryAfter() time.Duration and
	// Overloaded() bool, itself or wrapped, asks the sender to come again: it
	// is told so with RESOURCE_EXHAUSTED or 429 if Overloaded, else with
	// UNAVAILABLE or 503. After any other error a sender drops the spans.
	Consume(ctx context.Context, tenant string, b *span.Batch) error
}

// retryable is what Consume's error may have.
type retryable interface {
	RetryAfter() time.Duration
	Overloaded() bool
}

// Config configures a Receiver. Zero values stand for the defaults.
type Config struct {
	// DefaultTenant is the tenant of requests that name none. It must be set.
	DefaultTenant string
	// Logs takes log records, as spans (see span.Log); nil if none are received.
	Logs Sink
	// MaxRequestBytes bounds one request, as sent and after decompression; default 16 MiB.
	MaxRequestBytes int
	// MaxRequestItems is Limits.Items of one request; default 2,000,000.
	MaxRequestItems int
	// MaxInflightBytes bounds the requests, after decompression, that are
	// being decoded or consumed at one time, and over HTTP those that are
	// being read as well; default 128 MiB. Decoded they take about as much again.
	MaxInflightBytes int64
	// InflightWait is how long a request waits for room in MaxInflightBytes
	// before it is sent away to come again; default 1 s.
	InflightWait time.Duration
	// AllowedOrigins are the web origins that may send over HTTP from a
	// browser, such as https://shop.example.com; each may have one *. They may
	// send credentials unless a * stands for more than a subdomain. Default: none.
	AllowedOrigins []string
	// Metrics is where counters are registered; nil for nowhere.
	Metrics prometheus.Registerer
	// Logger is told of errors that are the server's own; nil for slog.Default().
	Logger *slog.Logger
}

// defaults fills in what is not set and checks the rest.
func (c *Config) defaults() error {
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = 16 << 20
	}
	if c.MaxRequestItems == 0 {
		c.MaxRequestItems = 2_000_000
	}
	if c.MaxInflightBytes == 0 {
		c.MaxInflightBytes = 128 << 20
	}
	if c.InflightWait == 0 {
		c.InflightWait = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxRequestBytes < 0 || c.MaxRequestBytes > maxRaw {
		return fmt.Errorf("largest request: %d bytes is not between 1 and %d", c.MaxRequestBytes, maxRaw)
	}
	if c.MaxRequestItems < 0 || c.MaxInflightBytes < 0 || c.InflightWait < 0 {
		return fmt.Errorf("limits of requests must not be negative")
	}
	if err := span.CheckTenant(c.DefaultTenant); err != nil {
		return fmt.Errorf("default tenant: %w", err)
	}
	return nil
}

// Receiver receives spans over the protocols that it serves and hands them to
// one sink. Its limits hold for all protocols together.
type Receiver struct {
	cfg      Config
	sink     Sink
	inflight *inflight
	metrics  *metrics
	bodies   sync.Pool // of *[]byte
	batches  sync.Pool // of *span.Batch, empty
}

// New returns a Receiver that hands on to sink.
func New(cfg Config, sink Sink) (*Receiver, error) {
	if err := cfg.defaults(); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	return &Receiver{
		cfg:      cfg,
		sink:     sink,
		metrics:  m,
		inflight: newInflight(cfg.MaxInflightBytes, cfg.InflightWait, m.inflight),
		bodies:   sync.Pool{New: func() any { return new([]byte) }},
		batches:  sync.Pool{New: func() any { return new(span.Batch) }},
	}, nil
}

// maxPooledRaw is the largest request whose batch goes back to the pool.
const maxPooledRaw = 4 << 20

// export decodes a request and hands it to the sink. raw may be reused when it returns.
func (r *Receiver) export(ctx context.Context, protocol, tenant string, format span.Format, raw []byte) (Rejected, error) {
	of := signalOf(format)
	b := r.batches.Get().(*span.Batch)
	defer func() {
		if len(raw) <= maxPooledRaw {
			b.Reset()
			r.batches.Put(b)
		}
	}()
	r.metrics.requestBytes.WithLabelValues(protocol).Add(float64(len(raw)))
	rejected, err := DecodeOTLP(format, raw, b, Limits{Items: r.cfg.MaxRequestItems})
	if err != nil {
		return Rejected{}, invalid{fmt.Errorf("malformed request: %w", err)}
	}
	if b.Len() > 0 {
		b.Received = time.Now()
		sink := r.sink
		if of == &logs {
			sink = r.cfg.Logs
		}
		if err := sink.Consume(ctx, tenant, b); err != nil {
			return Rejected{}, err
		}
	}
	r.metrics.count(of, protocol, b.Len(), &rejected)
	return rejected, nil
}
