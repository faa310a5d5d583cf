package sample

import (
	"testing"
	"time"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar"
)

func decodeOTLP(format span.Format, raw []byte, b *span.Batch) error {
	_, err := ingest.DecodeOTLP(format, raw, b, ingest.Limits{})
	return err
}

// BenchmarkDecide tells what it costs, by span, to find out which policies match the traces of a slice and to decide about them,
// but for writing that down and for taking spans out of the store.
func BenchmarkDecide(b *testing.B) {
	const spans = 200_000
	gen, err := recording.NewGenerator(recording.Config{Epoch: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	engine, err := columnar.Open(columnar.Options{Dir: b.TempDir(), Decode: decodeOTLP, SyncInterval: time.Hour, Logger: quiet(), Slice: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close(b.Context())
	for at := uint64(0); at < spans; at += 1000 {
		batch := &span.Batch{Format: span.FormatOTLPProto, Raw: gen.Append(nil, at, 1000), Received: time.Now()}
		if err := decodeOTLP(batch.Format, batch.Raw, batch); err != nil {
			b.Fatal(err)
		}
		if err := engine.Write(b.Context(), testTenant, batch); err != nil {
			b.Fatal(err)
		}
	}
	undecided, err := engine.Undecided(b.Context(), testTenant, time.Now().Add(time.Minute))
	if err != nil || undecided == nil {
		b.Fatal(undecided, err)
	}
	defer undecided.Close()
	for _, c := range []struct{ name, text string }{
		{"usual", "- {name: a, type: error}\n- {name: b, type: latency, latency: {threshold_ms: 2000}}\n- {name: c, type: probabilistic, probabilistic: {sampling_percentage: 5}}"},
		{"dynamic", "- {name: a, type: dynamic, dynamic: {keys: [resource.service.name, name], traces_per_second: 20}}"},
		{"diversity", "- {name: a, type: diversity}"},
		{"bytes", "- {name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: 100000}}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := mustPolicies(b, c.text)
			b.ReportAllocs()
			for b.Loop() {
				s, err := judge(b.Context(), p, wholeTraces{scan: undecided.Scan}, testTenant, store.TimeRange{})
				if err != nil {
					b.Fatal(err)
				}
				s.seconds = 10
				s.decide(make([]*Decision, len(s.traces)), func(span.TraceID) (Decision, bool) { return Decision{}, false })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
		})
	}
}
