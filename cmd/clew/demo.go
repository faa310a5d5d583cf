package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// demo is what `clew demo` is asked to do.
type demo struct {
	endpoint string
	program  string        // how this program was called
	rate     float64       // spans per second
	duration time.Duration // 0: until the context ends
	out      io.Writer
}

func newDemoCmd() *cobra.Command {
	d := demo{program: os.Args[0]}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Send the traces of a demo shop, for something to look at",
		Long: `Send traces that were recorded from the OpenTelemetry demo shop, again and
again, each time with fresh ids and current times, until it is interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.endpoint, "endpoint", "127.0.0.1:4317", "OTLP/gRPC `address` to send to, without TLS")
	cmd.Flags().Float64Var(&d.rate, "rate", 200, "`spans` to send in a second")
	cmd.Flags().DurationVar(&d.duration, "duration", 0, "how long to send; 0 is until interrupted")
	return cmd
}

// maxDemoRequest is the most spans in one request.
const maxDemoRequest = 1000

func (d *demo) run(ctx context.Context) error {
	if d.rate <= 0 {
		return fmt.Errorf("--rate is %v; expected a number above 0", d.rate)
	}
	start := time.Now()
	gen, err := recording.NewGenerator(recording.Config{Seed: rand.Uint64(), Epoch: start, Rate: d.rate})
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(d.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("--endpoint %s: %w", d.endpoint, err)
	}
	defer conn.Close()
	client := coltrace.NewTraceServiceClient(conn)

	size := uint64(min(max(d.rate/4, 1), maxDemoRequest))
	var sent uint64
	for due := start; d.duration == 0 || due.Before(start.Add(d.duration)); {
		if !sleepUntil(ctx, due) {
			break
		}
		err := d.send(ctx, client, gen.Append(nil, sent, size))
		if ctx.Err() != nil {
			break
		} else if err != nil {
			return err
		}
		if sent == 0 {
			d.announce(largestTrace(gen, size))
		}
		sent += size
		due = start.Add(time.Duration(float64(sent) / d.rate * float64(time.Second)))
	}
	_, err = fmt.Fprintf(d.out, "Sent %d spans of %d traces.\n", sent, gen.NumTraces(sent))
	return err
}

// largestTrace returns the one with the most spans of those that n spans begin with.
func largestTrace(gen *recording.Generator, n uint64) span.TraceID {
	best := gen.Trace(0, nil)
	for k := range gen.NumTraces(n) - 1 { // the last one may go on in the next request
		if t := gen.Trace(k, nil); len(t.Spans) > len(best.Spans) {
			best = t
		}
	}
	return best.ID
}

func (d *demo) announce(example span.TraceID) {
	fmt.Fprintf(d.out, `Sending %[1]v spans a second to %[2]s; Ctrl-C stops it. Try in another terminal:

  %[3]s query
  %[3]s query 'service=frontend duration > 100ms'
  %[3]s query '{ kind = server } | rate() by (resource.service.name)'
  %[3]s trace %[4]s

`, d.rate, d.endpoint, d.program, example)
}

// send exports one encoded request, again and again while the server is overloaded.
func (d *demo) send(ctx context.Context, client coltrace.TraceServiceClient, raw []byte) error {
	var req coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &req); err != nil {
		return err
	}
	for {
		resp, err := client.Export(ctx, &req)
		switch status.Code(err) {
		case codes.OK:
			if msg := resp.GetPartialSuccess().GetErrorMessage(); msg != "" {
				return errors.New("the server did not take all spans: " + msg)
			}
			return nil
		case codes.ResourceExhausted:
			if !sleepUntil(ctx, time.Now().Add(time.Second)) {
				return ctx.Err()
			}
		case codes.Unavailable:
			return fmt.Errorf("cannot send to %s; is `clew serve` running there? %w", d.endpoint, err)
		default:
			return fmt.Errorf("send to %s: %w", d.endpoint, err)
		}
	}
}

// sleepUntil waits for t; it returns false if ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
