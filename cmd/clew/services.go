package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/cors"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/selfobs"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
	"github.com/clewhq/clew/ui"
)

// service is one thing that listens. The servers of net/http and of ingest are such.
type service interface {
	Serve(net.Listener) error
	// Shutdown takes no more requests and waits for those under way, or for ctx.
	Shutdown(ctx context.Context) error
}

// packetService is one thing that takes packets.
type packetService interface {
	ServePacket(net.PacketConn) error
	// Shutdown takes no more packets and waits for those that came, or for ctx.
	Shutdown(ctx context.Context) error
}

// newServices makes what serves each listener. ctx ends when the stop begins.
func (s *server) newServices(ctx context.Context, reg *prometheus.Registry) error {
	reader := s.reader()
	receiver, err := ingest.New(ingest.Config{
		DefaultTenant:    store.DefaultTenant,
		Logs:             s.logPipe,
		MaxRequestBytes:  int(s.cfg.Ingest.MaxRequestSize),
		MaxInflightBytes: s.cfg.Memory.InFlight,
		AllowedOrigins:   s.cfg.HTTP.CORSOrigins,
		Metrics:          reg,
		Logger:           s.log,
	}, s.pipe)
	if err != nil {
		return err
	}
	faces := s.faces(ctx, reg)
	faces.LogLines = receiver.LogLines()
	if faces.LogLinks, err = api.ParseLogLinks(s.cfg.LogLinks); err != nil {
		return fmt.Errorf("log-links: %w", err)
	}
	observe := selfobs.NewHTTP(reg, s.tracing)
	query := func(name string, h http.Handler) service {
		if origins := s.cfg.HTTP.CORSOrigins; len(origins) > 0 {
			h = cors.New(cors.Options{AllowedOrigins: origins, AllowedHeaders: []string{"*"}}).Handler(h)
		}
		return s.newHTTP(observe.Wrap(name, h))
	}
	page := frontPage{faces.Prefix, faces.Build.Version, s.sockets.streams}
	pages, err := newApp(ui.Files(), page, s.cfg.HTTP.FrameAncestors)
	if err != nil {
		return err
	}
	front := newFront(faces, reader, reg, page, pages)
	front.Handle("GET "+faces.Prefix+"/metrics/spans", spanMetrics(s.spanMetrics))
	s.services = map[string]service{
		"otlp-grpc": receiver.GRPC(),
		"otlp-http": s.newHTTP(receiver.HTTP()),
		"http":      query("http", front),
		"grpc":      ingest.GRPCServer{Server: api.NewJaegerGRPC(faces, reader)},
		"tempo":     query("tempo", newTempoFront(faces, reader, reg, s.cfg, s.sockets.streams)),
		"zipkin":    query("zipkin", posting(receiver.Zipkin(), api.NewZipkin(faces, reader))),

		"jaeger-thrift-http": s.newHTTP(receiver.JaegerHTTP()),
		"jaeger-grpc":        receiver.JaegerGRPC(),
		"sampling-http":      query("sampling-http", sample.Handler(s.head)),
		"sampling-grpc":      newSamplingGRPC(s.head),
	}
	s.agents = map[string]packetService{
		"jaeger-compact": receiver.JaegerCompact(),
		"jaeger-binary":  receiver.JaegerBinary(),
	}
	return s.newKafka(receiver)
}

// faces returns what all APIs have in common. ctx ends when the stop begins.
func (s *server) faces(ctx context.Context, reg *prometheus.Registry) api.Config {
	b := thisBuild()
	faces := api.Config{
		Sampling:    s.sampling,
		Decided:     s.decided(),
		TailSlice:   sample.SliceOf(s.cfg.TailSampling.Window),
		Status:      s.status,
		Metrics:     reg,
		History:     s.history,
		Prefix:      s.cfg.HTTP.PathPrefix,
		Timeout:     s.cfg.Query.Timeout,
		MaxTraces:   s.cfg.Query.MaxTraces,
		QueryBytes:  s.cfg.Memory.Query,
		QueryMemory: traceql.NewMemory(s.cfg.Memory.Query),
		ViewBytes:   s.cfg.Memory.Views,
		Tempo:       tempoLimits(s.cfg.Tempo),
		Build:       api.BuildInfo{Version: b.version, Revision: b.revision, GoVersion: runtime.Version()},
		Ready: func() error {
			if ctx.Err() != nil {
				return errors.New("stopping")
			}
			return nil
		},
		Watch: selfobs.NewGRPC(reg, s.tracing).Watch,
		Logs:  s.logs,
		Log:   s.log,
	}
	if s.tail != nil {
		faces.Keep = s.tail.Keep
	}
	return faces
}

// newKafka makes what reads from Kafka, if anything does.
func (s *server) newKafka(receiver *ingest.Receiver) error {
	if len(s.cfg.Kafka.Brokers) == 0 {
		return nil
	}
	cfg, err := kafkaConfig(s.cfg.Kafka, s.cfg.SyncInterval)
	if err != nil {
		return err
	}
	s.kafka, err = receiver.Kafka(cfg)
	return err
}

// posting leads what is posted to one handler, and all else to another.
func posting(post, other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			post.ServeHTTP(w, r)
		} else {
			other.ServeHTTP(w, r)
		}
	})
}

func tempoLimits(c config.Tempo) api.TempoLimits {
	return api.TempoLimits{
		Traces:       c.MaxTraces,
		SpansPerSet:  c.MaxSpansPerSet,
		Range:        c.MaxRange,
		MetricsRange: c.MaxMetricsRange,
		Intervals:    c.MaxIntervals,
		Series:       c.MaxSeries,
	}
}

// How long HTTP clients may take, so that idle ones hold nothing.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = time.Minute // body included
	idleTimeout    = 2 * time.Minute
)

func (s *server) newHTTP(h http.Handler) service {
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true) // which gRPC, as of Tempo's API, comes by
	return httpService{&http.Server{
		Handler:           h,
		Protocols:         both,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}
}

// httpService cuts connections off when there is no more time to wait for them.
type httpService struct{ *http.Server }

func (s httpService) Shutdown(ctx context.Context) error {
	err := s.Server.Shutdown(ctx)
	if err != nil {
		s.Server.Close()
	}
	return err
}
