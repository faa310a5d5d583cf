package selfobs

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const tracerName = "github.com/clewhq/clew/internal/selfobs"

var durationBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// HTTP measures and traces the requests of HTTP servers.
type HTTP struct {
	duration *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	tracer   trace.Tracer
}

// NewHTTP registers the metrics of HTTP requests.
func NewHTTP(reg prometheus.Registerer, tp trace.TracerProvider) *HTTP {
	with := promauto.With(reg)
	return &HTTP{
		duration: with.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "clew_http_request_duration_seconds",
			Help:    "Time to answer a request, by listener, route and status code.",
			Buckets: durationBuckets,
		}, []string{"listener", "route", "code"}),
		inFlight: with.NewGaugeVec(prometheus.GaugeOpts{
			Name: "clew_http_requests_in_flight",
			Help: "Requests that are being answered.",
		}, []string{"listener"}),
		tracer: tp.Tracer(tracerName),
	}
}

// Wrap measures and traces what next answers on a listener. A route is the
// pattern by which an http.ServeMux inside of next matched, so that there are
// as many as the program has routes.
func (h *HTTP) Wrap(listener string, next http.Handler) http.Handler {
	inFlight := h.inFlight.WithLabelValues(listener)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inFlight.Inc()
		defer inFlight.Dec()
		start := time.Now()
		ctx := extract(r.Context(), r.Header.Values)
		ctx, span := h.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()

		rec := &recorder{ResponseWriter: w, code: http.StatusOK}
		r = r.WithContext(ctx)
		next.ServeHTTP(rec, r)

		route := r.Pattern // set by the mux
		if route == "" {
			route = "other"
		}
		h.duration.WithLabelValues(listener, route, strconv.Itoa(rec.code)).Observe(time.Since(start).Seconds())
		span.SetName(route)
		span.SetAttributes(
			attribute.String("http.request.method", r.Method),
			attribute.String("http.route", route),
			attribute.String("url.path", r.URL.Path),
			attribute.String("url.query", r.URL.RawQuery),
			attribute.Int("http.response.status_code", rec.code))
		if rec.code >= 500 {
			span.SetStatus(codes.Error, http.StatusText(rec.code))
		}
	})
}

// recorder remembers the status code.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	r.code = code
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
