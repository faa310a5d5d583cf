package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exporters has services that send their spans as old ones do.
const exporters = "testdata/exporters"

// installed returns a folder in the user's cache in which the command has
// installed what the files lock. The test is skipped where the command is not
// there, except on CI.
func installed(t *testing.T, locks []string, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	hash, files := sha256.New(), map[string][]byte{}
	for _, name := range locks {
		if files[name], err = os.ReadFile(filepath.Join(exporters, name)); err != nil {
			t.Fatal(err)
		}
		hash.Write(files[name])
	}
	dir := filepath.Join(cache, "clew-tests", fmt.Sprintf("%s-%x", command[0], hash.Sum(nil)[:8]))
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runIn(t, dir, nil, command...)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// runIn runs a command in a folder and returns what it prints.
func runIn(t *testing.T, dir string, env []string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, stderr.String())
	}
	return string(out)
}

// Services that send with the exporters of Jaeger and Zipkin need nothing but
// another host name: Flask and Express, over each protocol they know.
func TestOldExporters(t *testing.T) {
	python := "PYTHONPATH=" + installed(t, []string{"requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	node := "NODE_PATH=" + filepath.Join(installed(t, []string{"package.json", "package-lock.json"}, "npm", "ci", "--silent"), "node_modules")

	data := t.TempDir()
	s := startServer(t, "--data-dir", data)
	want := map[string]int{} // spans by service
	send := func(env, service string, spans int, command ...string) {
		out := runIn(t, exporters, []string{env, "OTEL_BSP_EXPORT_TIMEOUT=10000"}, command...)
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
