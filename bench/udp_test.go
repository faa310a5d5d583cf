package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"

	"github.com/clewhq/clew/internal/recording"
)

// taken are the batches that an agent was sent.
type taken struct{ batches []*thriftjaeger.Batch }

func (t *taken) EmitBatch(_ context.Context, b *thriftjaeger.Batch) error {
	t.batches = append(t.batches, b)
	return nil
}

func (t *taken) EmitZipkinBatch(context.Context, []*zipkincore.Span) error { return nil }

// read returns the batch in a packet.
func readPacket(data []byte) (*thriftjaeger.Batch, error) {
	var t taken
	in := &thrift.TMemoryBuffer{Buffer: bytes.NewBuffer(data)}
	_, err := agent.NewAgentProcessor(&t).Process(context.Background(), thrift.NewTCompactProtocolConf(in, nil), thrift.NewTCompactProtocolConf(thrift.NewTMemoryBuffer(), nil))
	if err != nil || len(t.batches) != 1 {
		return nil, fmt.Errorf("%d batches: %w", len(t.batches), err)
	}
	return t.batches[0], nil
}

// Packets have spans of one process each, as many as there is room for, and all there are once.
func TestPackets(t *testing.T) {
	g, err := recording.NewGenerator(recording.Config{Epoch: time.Now(), Rate: 1e5})
	if err != nil {
		t.Fatal(err)
	}
	const spans = 3000
	for _, c := range []struct{ maxBytes, perPacket, most int }{{65_000, 0, 300}, {9000, 0, 3000}, {65_000, 7, 600}, {65_000, 1, spans}} {
		packets, err := newPackets(g, 0, spans, c.maxBytes, c.perPacket)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[[3]int64]bool{}
		for _, p := range packets {
			batch, err := readPacket(p.data)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.data) > c.maxBytes || len(batch.Spans) != p.spans || c.perPacket > 0 && p.spans > c.perPacket || batch.Process.ServiceName == "" {
				t.Fatalf("%d bytes with %d of %d spans of %q", len(p.data), len(batch.Spans), p.spans, batch.Process.ServiceName)
			}
			for _, s := range batch.Spans {
				ids[[3]int64{s.TraceIdHigh, s.TraceIdLow, s.SpanId}] = true
			}
		}
		if len(ids) != spans || len(packets) > c.most {
			t.Errorf("%+v: %d spans in %d packets, want %d in at most %d", c, len(ids), len(packets), spans, c.most)
		}
	}
	if _, err := newPackets(g, 0, 10, 200, 0); err == nil || !strings.Contains(err.Error(), "too much for a packet of 200") {
		t.Errorf("packets of 200 bytes: %v", err)
	}
}

func TestUDP(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var packets, spans atomic.Int64
	go func() { // loses one packet in four
		buf := make([]byte, 65_536)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if batch, err := readPacket(buf[:n]); err == nil && packets.Add(1)%4 != 0 {
				spans.Add(int64(len(batch.Spans)))
			}
		}
	}()
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "process_cpu_seconds_total %d\n", packets.Load())
		fmt.Fprintf(w, "clew_ingest_spans_total{protocol=\"otlp-grpc\"} 99\nclew_ingest_spans_total{protocol=\"jaeger-compact\"} %d\n", spans.Load())
		fmt.Fprintf(w, "clew_ingest_dropped_packets_total{protocol=\"jaeger-compact\",reason=\"queue_full\"} %d\n", packets.Load()/4)
	}))
	defer metrics.Close()
	root, out := newRootCmd(), new(strings.Builder)
	root.SetOut(out)
	root.SetArgs([]string{"udp", conn.LocalAddr().String(), "--metrics", metrics.URL, "--rates", "1k,2k", "--duration", "200ms", "--spans-per-packet", "1", "--senders", "2"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,000    200   200      ", "  150       25.000  queue_full 50  ", "2,000    400   400      ", "  300       25.000  queue_full 100 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestUDPFlags(t *testing.T) {
	for flag, want := range map[string]string{
		"--rates=x":             `--rates: "x" is no number`,
		"--rates=0":             "--rates is out of range",
		"--senders=0":           "--senders is out of range",
		"--packet-bytes=70000":  "--packet-bytes is out of range",
		"--spans-per-packet=-1": "--spans-per-packet is out of range",
		"--duration=0s":         "--duration is out of range",
	} {
		root := newRootCmd()
		root.SetArgs([]string{"udp", flag})
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", flag, err, want)
		}
	}
}
