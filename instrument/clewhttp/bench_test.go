package clewhttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	clew "github.com/clewhq/clew/instrument"
)

type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// nothing is a ResponseWriter that costs nothing.
type nothing struct{ header http.Header }

func (n nothing) Header() http.Header         { return n.header }
func (n nothing) Write(p []byte) (int, error) { return len(p), nil }
func (n nothing) WriteHeader(int)             {}

// What a request costs more because it is traced, by the share that is sampled.
func BenchmarkHandler(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	for _, bench := range []struct {
		name, sampler, arg string
		wrap               func(http.Handler, ...Option) http.Handler
	}{
		{"bare", "always_off", "", func(h http.Handler, _ ...Option) http.Handler { return h }},
		{"unsampled", "parentbased_traceidratio", "0", Handler},
		{"1%", "parentbased_traceidratio", "0.01", Handler},
		{"sampled", "parentbased_traceidratio", "1", Handler},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.Setenv("OTEL_TRACES_SAMPLER", bench.sampler)
			b.Setenv("OTEL_TRACES_SAMPLER_ARG", bench.arg)
			shutdown, err := clew.Setup(b.Context(), clew.WithExporter(discard{}))
			if err != nil {
				b.Fatal(err)
			}
			defer shutdown(context.Background())
			handler := bench.wrap(mux)
			r := httptest.NewRequest("GET", "/orders/7", nil)
			r.Header.Set("User-Agent", "bench")
			w := nothing{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}
