package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestTempoStatusPages(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--tempo.max-traces=7", "--http.path-prefix=/clew")
	for path, want := range map[string][]string{
		"/status":                      {"GET /clew/status/version", "clew, version", "GET /clew/status/config", "max-traces: 7"},
		"/status/version":              {"clew, version", "go version: go1."},
		"/status/services":             {"tempo                Running  127.0.0.1:", "otlp-grpc            Running"},
		"/status/endpoints":            {"GET /clew/api/v2/search/tag/{tag}/values\n", "GET /clew/status/config\n", "GET /clew/ready\n"},
		"/status/config":               {"max-traces: 7", "max-series: off", "timeout: 30s"},
		"/status/config?mode=diff":     {"max-traces: 7", "path-prefix: /clew"},
		"/status/config?mode=default":  {`unknown mode "default": expected diff or defaults`},
		"/status/config?mode=defaults": {"max-traces: off"},
		"/status/runtime_config":       {"overrides: {}"},
		"/status/overrides":            {"overrides: {}"},
		"/status/overrides/acme":       {"max-traces: 7", "timeout: 30s"},
		"/status/usage-stats":          {"usage-stats is not enabled"},
		"/metrics":                     {"go_goroutines"},
		"/api/echo":                    {"echo"},
	} {
		code, body := get(t, s.url("tempo", "/clew"+path))
		if want[0][0] == 'u' && strings.Contains(path, "mode") {
			if code != http.StatusBadRequest {
				t.Errorf("%s: status %d", path, code)
			}
		} else if code != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, code, body)
		}
		for _, text := range want {
			if !strings.Contains(string(body), text) {
				t.Errorf("%s lacks %q:\n%s", path, text, body)
			}
		}
	}
	_, diff := get(t, s.url("tempo", "/clew/status/config?mode=diff"))
	if strings.Contains(string(diff), "timeout") {
		t.Errorf("what is as by default is told as different:\n%s", diff)
	}
	_, limits := get(t, s.url("tempo", "/clew/status/overrides/acme"))
	if strings.Contains(string(limits), "data-dir") {
		t.Errorf("more than limits:\n%s", limits)
	}
}
