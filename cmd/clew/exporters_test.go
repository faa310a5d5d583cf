package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
)

// exporters has services that send their spans as old ones do.
const exporters = "testdata/exporters"

// Services that send with the exporters of Jaeger and Zipkin need nothing but
// another host name: Flask and Express, over each protocol they know.
func TestOldExporters(t *testing.T) {
	python := "PYTHONPATH=" + testkit.Installed(t, []string{exporters + "/requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	node := "NODE_PATH=" + filepath.Join(testkit.Installed(t, []string{exporters + "/package.json", exporters + "/package-lock.json"}, "npm", "ci", "--silent"), "node_modules")

	data := t.TempDir()
	s := startServer(t, "--data-dir", data)
	want := map[string]int{} // spans by service
	send := func(env, service string, spans int, command ...string) {
		out := testkit.Run(t, exporters, []string{env}, command...)
		if out := strings.Fields(out); strings.Join(out, " ") != "200 200 503" {
			t.Fatalf("%s: %s", service, out)
		}
		want[service] = spans
	}
	send(python, "flask-agent", 6, "python3", "flask_app.py", "--service", "flask-agent", "--agent", s.addrs["jaeger-compact"])
	send(python, "flask-collector", 6, "python3", "flask_app.py", "--service", "flask-collector", "--collector", s.url("jaeger-thrift-http", "/api/traces?format=jaeger.thrift"))
	send(node, "express-agent", 6, "node", "express_app.js", "express-agent", "agent", s.addrs["jaeger-binary"])
	send(node, "express-collector", 6, "node", "express_app.js", "express-collector", "collector", s.url("jaeger-thrift-http", "/api/traces"))
	send(node, "express-zipkin", 6, "node", "express_app.js", "express-zipkin", "zipkin", s.url("zipkin", "/api/v2/spans"))

	// A stop stores what came by UDP, too.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, "--data-dir", data)
	for service, spans := range want {
		if n := s.count(t, "service="+service); n != spans {
			t.Errorf("%s: %d spans, want %d", service, n, spans)
		}
		if n := s.count(t, "service="+service+" error=true"); n == 0 {
			t.Errorf("%s: no span failed", service)
		}
	}
	for _, service := range []string{"flask-agent", "flask-collector"} { // with the attributes that old services have
		if n := s.count(t, "service="+service+" error=true tags.http.status_code >= 500"); n != 1 {
			t.Errorf("%s: %d spans of a failed request, want 1", service, n)
		}
	}
}

// count returns how many spans match a query.
func (s *testServer) count(t *testing.T, query string) int {
	t.Helper()
	code, body := get(t, s.url("http", "/api/clew/v1/search?mode=spans&limit=1000&q="+url.QueryEscape(query)))
	var answer struct{ Spans []json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil || code != http.StatusOK {
		t.Fatalf("%s: %d %s", query, code, body)
	}
	return len(answer.Spans)
}
