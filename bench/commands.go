package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// bench is one run of a command: what was asked for, and what was measured so far.
type bench struct {
	options
	progress io.Writer
	report   report
}

// runE returns what cobra calls: it runs f and, even if f fails, writes the report of what was measured.
func (b *bench) runE(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := b.check(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), b.timeout, fmt.Errorf("gave up after --timeout %v", b.timeout))
		defer cancel()
		b.progress = cmd.ErrOrStderr()
		g, err := b.data.generator(time.Now())
		if err != nil {
			return err
		}
		b.report = report{Label: b.label, Time: time.Now().UTC(), Machine: thisMachine(),
			Data: dataReport{b.data, g.NumTraces(b.data.Spans)}}
		err = f(ctx, args)
		if !b.report.measured() {
			return err
		}
		err = errors.Join(err, b.report.write(cmd.OutOrStdout()))
		if b.out != "" {
			err = errors.Join(err, b.report.save(b.out))
		}
		return err
	}
}

// step tells what goes on.
func (b *bench) step(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

func newLoadCmd() *cobra.Command {
	b := &bench{}
	cmd := &cobra.Command{
		Use:   "load TARGET",
		Short: "Send spans to a server: to host:port by gRPC, to a URL by HTTP",
		Args:  cobra.ExactArgs(1),
		RunE: b.runE(func(ctx context.Context, args []string) error {
			b.load.target = args[0]
			return b.measureLoad(ctx)
		}),
	}
	b.dataFlags(cmd)
	b.loadFlags(cmd)
	b.serverFlags(cmd)
	return cmd
}

func newVerifyCmd() *cobra.Command {
	b := &bench{}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Fetch traces by id and compare their spans with those that load has sent",
		Args:  cobra.NoArgs,
		RunE:  b.runE(func(ctx context.Context, _ []string) error { return b.measureVerify(ctx) }),
	}
	b.dataFlags(cmd)
	b.readFlags(cmd)
	b.lookupFlags(cmd)
	b.verifyFlags(cmd)
	return cmd
}

func newQueryCmd() *cobra.Command {
	b := &bench{}
	b.load.compression = "none"
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Measure look-ups and searches of the data that load has sent",
		Args:  cobra.NoArgs,
		RunE:  b.runE(func(ctx context.Context, _ []string) error { return b.measureReads(ctx) }),
	}
	b.dataFlags(cmd)
	b.readFlags(cmd)
	b.lookupFlags(cmd)
	b.queryFlags(cmd)
	b.server = &server{client: &http.Client{}}
	cmd.Flags().StringVar(&b.server.metrics, "metrics", "", "`URL` of the server's Prometheus metrics, for its CPU (default: it is not measured)")
	for _, base := range []struct{ api, flag, usage string }{
		{"clew", "native", "base `URL` of Clew's own API, such as http://127.0.0.1:16686"},
		{"zipkin", "zipkin", "base `URL` of Zipkin's API, such as http://127.0.0.1:9411"},
		{"jaeger-grpc", "jaeger-grpc", "`host:port` of Jaeger's gRPC APIs, such as 127.0.0.1:16685"},
		{"tempo-grpc", "tempo-grpc", "`host:port` of Tempo's streams, such as 127.0.0.1:3200"},
	} {
		cmd.Flags().Var(baseValue{b.bases, base.api}, base.flag, base.usage)
	}
	cmd.Flags().StringVar(&b.load.target, "otlp", "",
		"where to send fresh traces to see how soon they are found: `host:port` or URL; without it none are sent")
	return cmd
}

func newRunCmd() *cobra.Command {
	b := &bench{}
	var c clewRun
	cmd := &cobra.Command{
		Use:   "run [flags] [-- flags of clew serve]",
		Short: "Start Clew on an empty folder, load, verify and query it, stop it and start it again",
		RunE: b.runE(func(ctx context.Context, args []string) error {
			c.extra = args
			return b.withFolder(c, func(c clewRun) error { return b.runClew(ctx, c) })
		}),
	}
	b.dataFlags(cmd)
	b.loadFlags(cmd)
	b.lookupFlags(cmd)
	b.verifyFlags(cmd)
	b.queryFlags(cmd)
	c.flags(cmd)
	return cmd
}

// measureLoad sends the data and measures what it costs the server until it is idle again.
func (b *bench) measureLoad(ctx context.Context) error {
	before, err := b.server.observe(ctx)
	if err != nil {
		return err
	}
	end := time.Now()
	if b.load.rate > 0 { // then the data's time is the time of sending
		end = end.Add(time.Duration(float64(b.data.Spans) / b.load.rate * 1e9))
	}
	g, err := b.data.generator(end)
	if err != nil {
		return err
	}
	b.step("sending %s spans to %s", thousands(b.data.Spans), b.load.target)
	stopWatching := b.server.watchMemory(ctx)
	b.report.Load, err = load(ctx, b.load, g, b.data.Spans)
	loaded := time.Now()
	if err != nil {
		stopWatching()
		return err
	}
	b.step("waiting until the server is idle")
	idle, err := b.server.waitIdle(ctx, b.idle)
	peak := stopWatching()
	if err == nil || errors.Is(err, errBusy) {
		b.report.Cost = newCost(before, idle, b.data.Spans)
		b.report.Cost.PeakMemory = peak
		b.report.Cost.IdleSeconds = idle.at.Sub(loaded).Seconds()
	}
	if n := b.report.Load.Rejected; n > 0 {
		err = errors.Join(err, fmt.Errorf("the server has rejected %d spans", n))
	}
	return err
}

func (b *bench) measureVerify(ctx context.Context) error {
	sample, skip := b.sample.of(b.data.Spans)
	if skip {
		return nil
	}
	r, err := b.traceReader(b.verifiers)
	if err != nil {
		return err
	}
	defer r.client.CloseIdleConnections()
	g, err := b.data.generator(time.Now())
	if err != nil {
		return err
	}
	b.step("verifying")
	result, err := verify(ctx, g, b.data, r, sample, b.verifiers)
	if err != nil {
		return err
	}
	b.report.Verify = result
	return result.err()
}

func (b *bench) measureReads(ctx context.Context) error {
	r, err := b.traceReader(1)
	if err != nil {
		return err
	}
	defer r.client.CloseIdleConnections()
	s := &searcher{client: newClient(1), bases: b.bases}
	defer s.close()
	if b.server != nil && b.server.metrics != "" {
		s.server = b.server
	}
	now := time.Now() // the fresh traces to come belong to the range
	s.window = timeRange{now.Add(-b.lookback), now.Add(time.Hour)}
	s.metrics = timeRange{now.Add(-b.metricsLookback), now}
	q, err := newQuerier(b.query, b.data, r, s)
	if err != nil {
		return err
	}
	b.step("looking up and searching")
	if b.report.Reads, err = q.reads(ctx); err != nil {
		return err
	}
	if b.load.target == "" || b.query.fresh == 0 {
		return nil
	}
	exp, err := newExporter(b.load.target, b.load.compression, 1)
	if err != nil {
		return err
	}
	defer exp.close()
	b.step("looking for fresh traces")
	fresh, err := q.freshness(ctx, exp)
	b.report.Reads = append(b.report.Reads, fresh...)
	return err
}
