package api

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clewhq/clew/doctor"
)

func TestNativeStatus(t *testing.T) {
	cfg := testConfig()
	cfg.Build.Version, cfg.Prefix = "v7", "/clew"
	cfg.Status = func() doctor.Status {
		return doctor.Status{
			Listeners: []doctor.Listener{{Name: "otlp-grpc", Network: "tcp", Address: "127.0.0.1:4317"}, {Name: "zipkin", Network: "tcp"}},
			Kafka:     &doctor.Kafka{Brokers: []string{"127.0.0.1:9092"}, Topics: []string{"spans"}, Group: "clew", Encoding: "otlp_proto"},
			Retention: time.Hour,
		}
	}
	var got doctor.Status
	if err := json.Unmarshal(getOK(t, NewNative(cfg, filled(t)), "/clew/api/clew/v1/status"), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "v7" || got.PathPrefix != "/clew" || got.Time != uint64(recordedAt.UnixNano()) || got.Listener("otlp-grpc").Address != "127.0.0.1:4317" || got.Retention != time.Hour {
		t.Errorf("got %+v", got)
	}
	getOK(t, NewNative(testConfig(), filled(t)), "/api/clew/v1/status")
}

func TestNativeDoctor(t *testing.T) {
	cfg := testConfig()
	reg := prometheus.NewRegistry()
	full := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "clew_ingest_requests_total"}, []string{"protocol", "code"})
	full.WithLabelValues("otlp-http", "429").Add(3)
	reg.MustRegister(full)
	cfg.Metrics = reg
	h := NewNative(cfg, filled(t, recorded(t)...))
	var report doctor.Report
	if err := json.Unmarshal(getOK(t, h, "/api/clew/v1/doctor?start=2020-01-01T00:00:00Z"), &report); err != nil {
		t.Fatal(err)
	}
	has := func(id string) bool {
		return slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.ID == id })
	}
	if report.Result != doctor.Problem || !has("refused-overload") || !has("propagation-joined") || len(report.Checklist) == 0 {
		t.Errorf("got %+v", report)
	}
	if w := get(t, h, "/api/clew/v1/doctor?start=2100-01-01T00:00:00Z"); w.Code != 400 {
		t.Errorf("a range in the future: %d", w.Code)
	}
	getOK(t, NewNative(testConfig(), filled(t)), "/api/clew/v1/doctor")
}
