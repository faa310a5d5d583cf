// Package api shows what a store holds in the forms that clients know: Jaeger's
// HTTP API, Tempo's, Zipkin's, and Clew's own. All of them are encoders over the same
// reads, and all stream: an answer takes memory for the traces being written,
// not for their text.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/doctor"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// Config is what all faces have in common. Its zero value is usable.
type Config struct {
	// Prefix goes before every path, as in "/clew"; no slash at the end.
	Prefix string
	// Timeout ends a request that takes longer; 0 means never.
	Timeout time.Duration
	// MaxTraces is the most traces, or spans, that one search may ask for; 0 means no bound. Tempo's API has its own.
	MaxTraces int
	// QueryBytes is about what the answer to one TraceQL query may take in memory; 0 is traceql's default.
	QueryBytes int64
	// QueryMemory bounds what all TraceQL queries that run at once take together; nil means that nothing does.
	QueryMemory *traceql.Memory
	// ViewBytes is about what traces that are looked at may take in memory together; 0 means 64 MiB.
	ViewBytes int64
	// Sampling is what SDKs are told about sampling at present; nil means that all is sampled.
	Sampling func() sample.Overview
	// Decided tells what tail sampling decided about a trace; nil means that there is none.
	Decided sample.Decided
	// Keep decides that undecided traces stay that a search finds; nil means that none goes.
	Keep func(ctx context.Context, tenant string, q *traceql.Query) (sample.Kept, error)
	// TailSlice is how long the slices are that policies are tried on; 0 means 90 s.
	TailSlice time.Duration
	// Status is what the server tells of itself, but for version, prefix and time; nil means that it tells nothing.
	Status func() doctor.Status
	// Metrics are the server's own; nil means that there are none.
	Metrics prometheus.Gatherer
	// History has what they were a while ago; nil means that nobody knows.
	History *doctor.History
	// Logs has the log records of traces, as spans (see span.Log); nil means that there are none.
	Logs store.Reader
	// LogLinks lead from spans to their logs in other systems.
	LogLinks LogLinks
	// LogLines takes log records in, as lines of JSON; nil means that nothing does.
	LogLines http.Handler
	// Tempo bounds what may be asked of Tempo's API.
	Tempo TempoLimits
	// Build is what buildinfo tells.
	Build BuildInfo
	// Ready reports why the server cannot answer yet; nil means that it always can.
	Ready func() error
	// Watch, if not nil, is told of each call of gRPC, by service/method: its context is that of the call, and what it
	// returns is called at the end.
	Watch func(ctx context.Context, method string) (context.Context, func(err error))
	// Log gets panics and failures of the server's own; nil means slog.Default().
	Log *slog.Logger
	// Now is the clock that default time ranges end at; nil means time.Now.
	Now func() time.Time
}

// face is one API: routes over a store, with errors in the API's own form.
type face struct {
	Config
	store store.Reader
	query *traceql.Engine // over store
	mux   *http.ServeMux
	fail  func(w http.ResponseWriter, code int, err error)
}

func newFace(cfg Config, r store.Reader, fail func(http.ResponseWriter, int, error)) *face {
	if cfg.MaxTraces == 0 {
		cfg.MaxTraces = math.MaxInt32 // which all APIs can say
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	query := &traceql.Engine{Store: r, MemoryBytes: cfg.QueryBytes, Shared: cfg.QueryMemory}
	return &face{Config: cfg, store: r, query: query, mux: http.NewServeMux(), fail: fail}
}

// handler returns the routes with compression for clients that ask for it.
func (f *face) handler() http.Handler {
	compress, err := gzhttp.NewWrapper()
	if err != nil {
		panic("BUG: default compression is refused: " + err.Error())
	}
	return compress(f.mux)
}

// get routes GET and HEAD requests for path to h.
func (f *face) get(path string, h handlerFunc) { f.handle("GET", path, h) }

// post routes POST requests for path to h.
func (f *face) post(path string, h handlerFunc) { f.handle("POST", path, h) }

// handlerFunc answers a request. An error that it returns before anything was
// sent becomes the answer; later ones cut the connection, so that no client
// takes half an answer for a whole one.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

func (f *face) handle(method, path string, h handlerFunc) {
	f.mux.HandleFunc(method+" "+f.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
		if f.Timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), f.Timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		res := newResponse(w)
		defer res.release()
		defer f.recoverPanic(res, r)
		err := h(res, r)
		if err == nil {
			err = res.flush()
		}
		if err != nil {
			f.answerError(res, r, err)
		}
	})
}

func (f *face) answerError(w *response, r *http.Request, err error) {
	code, err := f.explainError(r.Context(), r.URL.Path, err)
	var retry *store.RetryError
	if errors.As(err, &retry) && retry.After > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int64(retry.After.Seconds()+0.999)))
	}
	f.replace(w, code, err)
}

// explainError returns the status that an error stands for, and the error as
// the client is told it. What is the server's own fault is logged.
func (f *face) explainError(ctx context.Context, path string, err error) (code int, told error) {
	code = statusOf(err)
	switch {
	case code == http.StatusInternalServerError && ctx.Err() == nil:
		f.Log.Error("request failed", "path", path, "err", err)
	case code == http.StatusGatewayTimeout:
		err = fmt.Errorf("the answer took longer than the limit of %v; narrow the query or its time range: %w", f.Timeout, err)
	}
	return code, err
}

// replace sends an error instead of what was held back. If some of that is on
// its way, it cuts the connection.
func (f *face) replace(w *response, code int, err error) {
	if w.started {
		panic(http.ErrAbortHandler)
	}
	w.discard()
	f.fail(w, code, err)
	_ = w.flush() // or the client is gone
}

func (f *face) recoverPanic(w *response, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	f.Log.Error("panic in a request", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	f.replace(w, http.StatusInternalServerError, errInternal)
}

var errInternal = errors.New("internal error; the server's log says more")
