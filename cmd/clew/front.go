package main

import (
	_ "embed"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/store"
)

// newFront returns what the http listener serves: the web pages, or the front
// page if they were not built, Jaeger's API and our own, and what tells others
// how this process is.
func newFront(faces api.Config, r store.Reader, reg *prometheus.Registry, page frontPage, pages *app) *http.ServeMux {
	mux := http.NewServeMux()
	jaeger := api.NewJaeger(faces, r)
	mux.Handle(faces.Prefix+"/api/", jaeger)
	mux.Handle(faces.Prefix+"/analytics/", jaeger)
	mux.Handle(faces.Prefix+"/api/clew/", api.NewNative(faces, r))
	get := func(path string, h http.Handler) { mux.Handle("GET "+faces.Prefix+path, h) }
	if pages == nil {
		get("/{$}", page)
	} else {
		get("/assets/{name}", http.HandlerFunc(pages.serveAsset))
		get("/icon.svg", http.HandlerFunc(pages.serveIcon))
		mux.HandleFunc(faces.Prefix+"/", pages.servePage)
	}
	get("/metrics", processMetrics(reg))
	get("/healthz", healthy(func() error { return nil }))
	get("/readyz", healthy(faces.Ready))
	return mux
}

// healthy answers 200, or 503 with the error that check returns.
func healthy(check func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ok\n")
	})
}

//go:embed front.html
var frontHTML string

var frontTemplate = template.Must(template.New("front").Parse(frontHTML))

// frontPage says what is served, and how to begin, where the web pages were not built.
type frontPage struct {
	prefix    string
	version   string
	listeners map[string]net.Listener
}

// about is what this process tells of itself. Listeners that are off are "".
type about struct {
	Prefix   string `json:"-"`
	Version  string `json:"version"`
	OTLPGRPC string `json:"otlpGrpc,omitempty"`
	OTLPHTTP string `json:"otlpHttp,omitempty"`
	HTTP     string `json:"http,omitempty"`
	GRPC     string `json:"grpc,omitempty"`
	Tempo    string `json:"tempo,omitempty"`
	Zipkin   string `json:"zipkin,omitempty"`
}

func (p frontPage) about(r *http.Request) about {
	return about{
		p.prefix, p.version,
		p.address("otlp-grpc", r), p.address("otlp-http", r), p.address("http", r), p.address("grpc", r),
		p.address("tempo", r), p.address("zipkin", r),
	}
}

func (p frontPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	frontTemplate.Execute(w, p.about(r))
}

// address returns where a listener is reached, "" if it is off. One that
// listens on all interfaces is reached by the name that the request used.
func (p frontPage) address(listener string, r *http.Request) string {
	l := p.listeners[listener]
	if l == nil {
		return ""
	}
	addr := l.Addr().(*net.TCPAddr)
	if !addr.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort((&url.URL{Host: r.Host}).Hostname(), strconv.Itoa(addr.Port))
}
