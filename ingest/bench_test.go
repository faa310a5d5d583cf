package ingest

import (
	"context"
	"net"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"

	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
)

const benchSpans = 1000 // in a request

// benchRequests returns different requests of benchSpans spans each, as a
// batching Collector sends them.
func benchRequests(t testing.TB, n int) [][]byte {
	t.Helper()
	gen, err := recording.NewGenerator(recording.Config{Seed: 1, Epoch: time.Unix(1_750_000_000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	list := make([][]byte, n)
	for i := range list {
		list[i] = gen.Append(nil, uint64(i*benchSpans), benchSpans)
	}
	return list
}

// toJSON is a request as the Collector's library writes it in OTLP/JSON.
func toJSON(t testing.TB, raw []byte) []byte {
	t.Helper()
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(raw); err != nil {
		t.Fatal(err)
	}
	text, err := req.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func reportSpans(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
}

func benchDecode(b *testing.B, format span.Format, requests [][]byte) {
	var batch span.Batch
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		raw := requests[i%len(requests)]
		i++
		if _, err := DecodeOTLP(format, raw, &batch, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(requests[0])))
	reportSpans(b)
}

func BenchmarkDecodeProto(b *testing.B) {
	benchDecode(b, span.FormatOTLPProto, benchRequests(b, 32))
}

func BenchmarkDecodeJSON(b *testing.B) {
	requests := benchRequests(b, 8)
	for i, raw := range requests {
		requests[i] = toJSON(b, raw)
	}
	benchDecode(b, span.FormatOTLPJSON, requests)
}

// BenchmarkPdata is what BenchmarkDecodeProto is measured against.
func BenchmarkPdata(b *testing.B) {
	requests := benchRequests(b, 32)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		req := ptraceotlp.NewExportRequest()
		if err := req.UnmarshalProto(requests[i%len(requests)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	reportSpans(b)
}

type discard struct{}

func (discard) Consume(context.Context, string, *span.Batch) error { return nil }

// BenchmarkGRPC is the whole way of a request, the sender included.
func BenchmarkGRPC(b *testing.B) {
	for _, compression := range []string{encoding.Identity, "gzip", "zstd"} {
		b.Run(compression, func(b *testing.B) {
			requests := benchRequests(b, 32)
			conn := dialBench(b)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				in, out := &frame{data: requests[i%len(requests)]}, new(frame)
				i++
				err := conn.Invoke(b.Context(), "/"+traceService+"/Export", in, out, grpc.UseCompressor(compression))
				if err != nil {
					b.Fatal(err)
				}
				out.free()
			}
			reportSpans(b)
		})
	}
}

func dialBench(b *testing.B) *grpc.ClientConn {
	r, err := New(Config{DefaultTenant: "bench"}, discard{})
	if err != nil {
		b.Fatal(err)
	}
	server := r.GRPC()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve(l)
	b.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(frameCodec{encoding.GetCodecV2("proto")})))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}
