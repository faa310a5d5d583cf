package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/config"
	"github.com/clewhq/clew/doctor"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar"
)

// newTempoFront returns what the tempo listener serves: Tempo's API, and the pages on which a Tempo tells how it is.
func newTempoFront(faces api.Config, r store.Reader, reg *prometheus.Registry, cfg *config.Config, listeners map[string]net.Listener) http.Handler {
	s := statusPages{faces.Build, faces.Prefix, cfg, listeners}
	mux := http.NewServeMux()
	mux.Handle("/", api.NewTempo(faces, r))
	get := func(path string, h http.Handler) { mux.Handle("GET "+faces.Prefix+path, h) }
	page := func(path string, write func(io.Writer, *http.Request) error) {
		get(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var text bytes.Buffer
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			if err := write(&text, r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Write(text.Bytes())
		}))
	}
	get("/metrics", processMetrics(reg))
	page("/status", s.all)
	page("/status/version", s.version)
	page("/status/services", s.services)
	page("/status/endpoints", s.endpoints)
	page("/status/config", s.settings)
	page("/status/runtime_config", s.overrides)
	page("/status/overrides", s.overrides)
	page("/status/overrides/{tenant}", s.limits)
	page("/status/usage-stats", func(w io.Writer, _ *http.Request) error {
		_, err := io.WriteString(w, "usage-stats is not enabled: nothing is reported to anybody\n")
		return err
	})
	return mux
}

// statusPages are the pages below /status, in text.
type statusPages struct {
	build     api.BuildInfo
	prefix    string
	cfg       *config.Config
	listeners map[string]net.Listener
}

func (s statusPages) all(w io.Writer, r *http.Request) error {
	for _, page := range []struct {
		path  string
		write func(io.Writer, *http.Request) error
	}{{"version", s.version}, {"services", s.services}, {"endpoints", s.endpoints}, {"runtime_config", s.overrides}, {"config", s.settings}} {
		fmt.Fprintf(w, "GET %s/status/%s\n", s.prefix, page.path)
		if err := page.write(w, r); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func (s statusPages) version(w io.Writer, _ *http.Request) error {
	_, err := fmt.Fprintf(w, "clew, version %s (revision: %s)\n  go version: %s\n  platform:   %s/%s\n",
		s.build.Version, s.build.Revision, s.build.GoVersion, runtime.GOOS, runtime.GOARCH)
	return err
}

// services tells the listeners, each of which is a service.
func (s statusPages) services(w io.Writer, _ *http.Request) error {
	for _, name := range slices.Sorted(maps.Keys(s.listeners)) {
		if _, err := fmt.Fprintf(w, "%-20s Running  %s\n", name, s.listeners[name].Addr()); err != nil {
			return err
		}
	}
	return nil
}

func (s statusPages) endpoints(w io.Writer, _ *http.Request) error {
	paths := []string{"/metrics", "/status", "/status/version", "/status/services", "/status/endpoints", "/status/config",
		"/status/runtime_config", "/status/overrides", "/status/overrides/{tenant}", "/status/usage-stats"}
	list := api.TempoEndpoints(s.prefix)
	for _, path := range paths {
		list = append(list, "GET "+s.prefix+path)
	}
	_, err := fmt.Fprintln(w, strings.Join(list, "\n"))
	return err
}

// settings writes all settings, those that are not the defaults, or the defaults.
func (s statusPages) settings(w io.Writer, r *http.Request) error {
	switch mode := r.URL.Query().Get("mode"); mode {
	case "":
		return s.cfg.WriteYAML(w)
	case "diff":
		return s.cfg.WriteYAMLOf(w, func(_, from string) bool { return from != "default" })
	case "defaults":
		return config.Default().WriteYAML(w)
	default:
		return fmt.Errorf("unknown mode %q: expected diff or defaults", mode)
	}
}

// overrides tells that there are no limits of a tenant's own.
func (s statusPages) overrides(w io.Writer, _ *http.Request) error {
	_, err := io.WriteString(w, "# The limits of all tenants are the settings query.* and tempo.*; none has its own.\noverrides: {}\n")
	return err
}

// limits tells the limits of a tenant, which are those of all.
func (s statusPages) limits(w io.Writer, _ *http.Request) error {
	return s.cfg.WriteYAMLOf(w, func(name, _ string) bool {
		return strings.HasPrefix(name, "query.") || strings.HasPrefix(name, "tempo.")
	})
}

// status is what this process tells of itself to who examines it.
func (s *server) status() doctor.Status {
	free := int64(-1)
	if n, err := (columnar.OSFS{}).Free(s.cfg.DataDir); err == nil {
		free = int64(min(n, math.MaxInt64))
	}
	status := doctor.Status{
		Started:   uint64(s.started.UnixNano()),
		Listeners: []doctor.Listener{},
		Budgets:   doctor.Budgets{Head: s.cfg.Memory.Head, InFlight: s.cfg.Memory.InFlight, DiskFree: free},
		Retention: s.cfg.Retention.Age,
	}
	if s.kafka != nil {
		status.Kafka = &doctor.Kafka{
			Brokers: s.cfg.Kafka.Brokers, Topics: s.cfg.Kafka.Topics, Group: s.cfg.Kafka.Group, Encoding: s.cfg.Kafka.Encoding,
			TLS: s.cfg.Kafka.TLS == "on", Password: s.cfg.Kafka.SASL != "off",
		}
	}
	addrs := s.sockets.addresses()
	for name := range s.services {
		status.Listeners = append(status.Listeners, doctor.Listener{Name: name, Network: "tcp", Address: addrs[name]})
	}
	for name := range s.agents {
		status.Listeners = append(status.Listeners, doctor.Listener{Name: name, Network: "udp", Address: addrs[name]})
	}
	slices.SortFunc(status.Listeners, func(a, b doctor.Listener) int { return strings.Compare(a.Name, b.Name) })
	return status
}
