package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/derive"
	"github.com/clewhq/clew/doctor"
	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/selfobs"
	"github.com/clewhq/clew/pipeline"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store/columnar"
)

func newServeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve: take traces in, store them, answer queries",
		Long: `Serve: take traces in, store them, answer queries. Every flag can also be given
as an environment variable or in a file; "clew config print" shows what holds.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(config.Sources{Flags: cmd.Flags(), Environ: os.Environ()})
			if err != nil {
				return err
			}
			if os.Getenv("GOMEMLIMIT") == "" {
				debug.SetMemoryLimit(cfg.Memory.Limit)
			}
			if os.Getenv("GOGC") == "" {
				paceGC()
			}
			log := selfobs.NewLogger(cmd.ErrOrStderr(), cfg.Log.Level, cfg.Log.Format)
			return run(cmd.Context(), cfg, log, func(map[string]string) {})
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

// server is the whole program around the engine.
type server struct {
	cfg         *config.Config
	log         *slog.Logger
	started     time.Time
	sockets     sockets
	services    map[string]service       // by the name of the listener, whether it is on or not
	agents      map[string]packetService // the same
	kafka       *ingest.Kafka            // nil if nothing is read from it
	head        *sample.Head
	tail        *sample.Tail            // nil if all traces stay
	decisions   *sample.Decisions       // of tail
	spanMetrics *derive.Metrics         // nil if there are none
	background  []func(context.Context) // what goes on until the stop
	last        []func(context.Context) // what is done when all spans have come and are kept
	pipe        *pipeline.Pipeline
	engine      *columnar.Engine
	logPipe     *pipeline.Pipeline
	logs        *columnar.Engine // of the log records of traces
	history     *doctor.History
	tracing     trace.TracerProvider
	endTracing  func(context.Context) error
}

// run serves until ctx ends or a listener fails, and then stops. It calls ready
// with the address of each listener as soon as all are served.
func run(ctx context.Context, cfg *config.Config, log *slog.Logger, ready func(addrs map[string]string)) error {
	s, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	return s.run(ctx, ready)
}

func (s *server) run(ctx context.Context, ready func(addrs map[string]string)) error {
	addrs := s.sockets.addresses()
	for _, name := range slices.Sorted(maps.Keys(addrs)) {
		s.log.Info("listening", "listener", name, "address", addrs[name])
	}
	group, failed := errgroup.WithContext(ctx)
	serve := func(name string, do func() error) {
		group.Go(func() error {
			err := do()
			if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
				return nil
			}
			return fmt.Errorf("listener %s: %w", name, err)
		})
	}
	for name, l := range s.sockets.streams {
		serve(name, func() error { return s.services[name].Serve(l) })
	}
	for name, c := range s.sockets.packets {
		serve(name, func() error { return s.agents[name].ServePacket(c) })
	}
	if s.kafka != nil {
		group.Go(s.kafka.Serve)
	}
	for _, run := range s.background {
		group.Go(func() error { run(failed); return nil })
	}
	ready(addrs)
	<-failed.Done()
	return errors.Join(s.stop(ctx), group.Wait())
}

// open binds the listeners and opens the data. Ports come first: one that is
// taken is told before anything on disk is touched.
func open(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *server, err error) {
	s := &server{cfg: cfg, log: log, started: time.Now(), history: new(doctor.History)}
	if s.sockets, err = listen(ctx, cfg.Listen); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.sockets.close()
		}
	}()
	b := thisBuild()
	log.Info("starting", "version", b.version, "data-dir", cfg.DataDir, "memory-limit", config.FormatSize(cfg.Memory.Limit))
	reg := selfobs.NewRegistry(b.version, b.revision)
	s.tracing, s.endTracing, err = selfobs.NewTracing(ctx, cfg.SelfTracing.Endpoint, b.version, log)
	if err != nil {
		return nil, err
	}
	if err = s.openStores(reg); err != nil {
		return nil, err
	}
	s.background = append(s.background, func(ctx context.Context) { s.history.Watch(ctx, reg) })
	if err = s.openTail(reg); err == nil {
		err = s.newPipeline(ctx, reg)
	}
	if err == nil {
		err = s.newServices(ctx, reg)
	}
	if err != nil {
		return nil, errors.Join(err, s.engine.Close(ctx), s.logs.Close(ctx))
	}
	return s, nil
}

// flushTimeout bounds how long a stop waits for who receives our own traces, and for who receives the metrics of spans.
const flushTimeout = 5 * time.Second

// stop ends everything in the order of a span's path. Whatever was acknowledged
// is kept, also when the timeout cuts off requests that are under way.
func (s *server) stop(ctx context.Context) error {
	s.log.Info("stopping")
	ctx = context.WithoutCancel(ctx) // it has ended: that is why we stop

	flush, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := s.endTracing(flush); err != nil { // first, as they may go to this process itself
		s.log.Warn("some of our own traces were not sent", "err", err)
	}
	drain, cancel := context.WithTimeout(ctx, s.cfg.ShutdownTimeout)
	defer cancel()
	var group errgroup.Group
	for _, srv := range s.services {
		group.Go(func() error { return srv.Shutdown(drain) })
	}
	for _, a := range s.agents {
		group.Go(func() error { return a.Shutdown(drain) })
	}
	if s.kafka != nil {
		group.Go(func() error { return s.kafka.Shutdown(drain) })
	}
	if err := group.Wait(); err != nil {
		s.log.Warn("requests were cut off", "shutdown-timeout", s.cfg.ShutdownTimeout, "err", err)
	}
	s.pipe.Stop()
	s.logPipe.Stop()
	err := errors.Join(s.engine.Close(ctx), s.logs.Close(ctx))
	flush, cancel = context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for _, do := range s.last {
		do(flush)
	}
	s.log.Info("stopped")
	return err
}
