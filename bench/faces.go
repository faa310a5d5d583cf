package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

// faceCost is what it takes to fetch a trace in one form.
type faceCost struct {
	latency
	FirstByte ms     `json:"first_byte_p50_ms"`
	Bytes     uint64 `json:"bytes"`
	// Message is the largest one of gRPC, in bytes; 0 over HTTP.
	Message int `json:"largest_message_bytes,omitempty"`
	// PeakMemory is the most memory while the trace was fetched, less that of the idle server before, in bytes.
	PeakMemory float64 `json:"peak_memory_above_idle_bytes"`
}

func newFacesCmd() *cobra.Command {
	b := &bench{}
	b.data.Spans = 100_000
	b.load = loadConfig{compression: "none", connections: 1, inFlight: 1, perRequest: 1000, retryFor: time.Minute}
	var c clewRun
	times := 0
	cmd := &cobra.Command{
		Use:   "faces [flags] [-- flags of clew serve]",
		Short: "Start Clew on an empty folder, send one trace that has all the spans, and fetch it through each API",
		RunE: b.runE(func(ctx context.Context, args []string) error {
			if times < 1 {
				return errors.New("--times is out of range")
			}
			c.extra = args
			b.report.Data.Traces = 1
			return b.withFolder(c, func(c clewRun) error { return b.measureFaces(ctx, c, times) })
		}),
	}
	b.dataFlags(cmd)
	b.data.SpansPerSecond = 100_000
	b.idleFlags(cmd)
	cmd.Flags().IntVar(&times, "times", 5, "`times` to fetch the trace through each API")
	c.flags(cmd)
	return cmd
}

func (b *bench) measureFaces(ctx context.Context, c clewRun, times int) error {
	p, _, err := c.start(ctx)
	if err != nil {
		return err
	}
	b.server = p.server(c.at, c.dir)
	id, err := b.sendOneTrace(ctx, c.at.otlp)
	if err == nil {
		b.step("waiting until the server is idle")
		_, err = b.server.waitIdle(ctx, b.idle)
	}
	if err := errors.Join(err, p.stop()); err != nil {
		return errors.Join(err, p.lastLog())
	}
	b.step("fetching it")
	for _, sc := range endpoints {
		if !sc.byID {
			continue
		}
		p, _, err := c.start(ctx) // for each anew, as memory is given back late
		if err != nil {
			return err
		}
		cost, err := measureFace(ctx, p.server(c.at, ""), sc, asked{trace: id}, c.at.bases(), times)
		if err := errors.Join(err, p.stop()); err != nil {
			return errors.Join(fmt.Errorf("%s: %s: %w", sc.api, sc.name, err), p.lastLog())
		}
		b.report.Faces = append(b.report.Faces, cost)
	}
	return nil
}

// sendOneTrace sends the data as one trace: spans that have no parent get the first one for theirs.
func (b *bench) sendOneTrace(ctx context.Context, target string) (id span.TraceID, err error) {
	g, err := b.data.generator(time.Now())
	if err != nil {
		return id, err
	}
	exp, err := newExporter(target, b.load.compression, b.load.connections)
	if err != nil {
		return id, err
	}
	defer exp.close()
	id = g.Trace(0, nil).ID
	b.step("sending a trace of %s spans to %s", thousands(b.data.Spans), target)
	l := &loader{cfg: b.load, exp: exp}
	l.result.Retries = map[string]int{}
	var root []byte
	for first := uint64(0); first < b.data.Spans; first += b.load.perRequest {
		var request []byte
		request, root, err = asOneTrace(g, first, min(b.load.perRequest, b.data.Spans-first), id, root)
		if err != nil {
			return id, err
		}
		if err := l.send(ctx, 0, request); err != nil {
			return id, err
		}
	}
	if l.result.Rejected > 0 {
		return id, fmt.Errorf("the server has rejected %d spans", l.result.Rejected)
	}
	return id, nil
}

// asOneTrace returns spans of g as those of one trace, and the id of its root.
func asOneTrace(g *recording.Generator, first, n uint64, id span.TraceID, root []byte) (request, _ []byte, err error) {
	var r tracecollector.ExportTraceServiceRequest
	if err := proto.Unmarshal(g.Append(nil, first, n), &r); err != nil {
		return nil, nil, err
	}
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				s.TraceId = id[:]
				switch {
				case len(s.ParentSpanId) > 0:
				case root == nil:
					root = s.SpanId
				default:
					s.ParentSpanId = root
				}
			}
		}
	}
	request, err = proto.Marshal(&r)
	return request, root, err
}

// measureFace fetches a trace several times from a server that has just started.
func measureFace(ctx context.Context, s *server, sc scenario, about asked, bases map[string]string, times int) (faceCost, error) {
	idle, err := procStatus(s.pid, "VmRSS")
	if err != nil {
		return faceCost{}, err
	}
	if err := forgetPeak(s.pid); err != nil {
		return faceCost{}, err
	}
	before, err := s.usage(ctx)
	if err != nil {
		return faceCost{}, err
	}
	f := &searcher{client: newClient(1), bases: bases}
	defer f.close()
	var took, firsts []time.Duration
	var cost faceCost
	for range times {
		got, err := f.fetch(ctx, sc, about)
		if err != nil {
			return faceCost{}, err
		}
		took, firsts = append(took, got.took), append(firsts, got.first)
		cost.Bytes, cost.Message = got.bytes, got.largest
	}
	after, err := s.usage(ctx)
	if err != nil {
		return faceCost{}, err
	}
	peak, err := procStatus(s.pid, "VmHWM")
	cost.latency = newLatency(sc.api+": "+sc.name, took)
	cost.CPU = new((after.cpu - before.cpu) * 1e3 / float64(times))
	cost.FirstByte = newLatency("", firsts).P50
	cost.PeakMemory = max(0, peak-idle)
	return cost, err
}

// forgetPeak lets the kernel's record of the peak memory of a process begin anew.
func forgetPeak(pid int) error {
	return os.WriteFile(filepath.Join("/proc", fmt.Sprint(pid), "clear_refs"), []byte("5"), 0)
}

// fetched is how an answer came.
type fetched struct {
	bytes       uint64
	largest     int // message
	first, took time.Duration
}

// fetch asks for an answer and keeps nothing of it.
func (s *searcher) fetch(ctx context.Context, sc scenario, about asked) (f fetched, err error) {
	began := time.Now()
	got := func(n int) {
		if f.bytes == 0 && n > 0 {
			f.first = time.Since(began)
		}
		f.bytes += uint64(n)
	}
	if sc.message != nil {
		conn, err := s.dial(sc.api)
		if err != nil {
			return f, err
		}
		err = call(ctx, conn, sc.path, sc.message(about), func(message []byte) {
			f.largest = max(f.largest, len(message))
			got(len(message))
		})
		f.took = time.Since(began)
		return f, err
	}
	address := s.url(sc, about)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return f, err
	}
	req.Header.Set("Accept", cmp.Or(sc.accept, "application/json"))
	resp, err := s.client.Do(req)
	if err != nil {
		return f, err
	}
	defer resp.Body.Close()
	var end bytes.Buffer // of what is wrong
	buf := make([]byte, 256<<10)
	for {
		n, err := resp.Body.Read(buf)
		got(n)
		if resp.StatusCode != http.StatusOK && end.Len() < len(buf) {
			end.Write(buf[:n])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, fmt.Errorf("GET %s: %w", address, err)
		}
	}
	f.took = time.Since(began)
	if resp.StatusCode != http.StatusOK {
		return f, &httpError{url: address, status: resp.Status, code: resp.StatusCode, body: end.Bytes()}
	}
	return f, nil
}
