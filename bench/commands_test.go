package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// fakeEnv makes the test binary act as `clew`, in a way that the value names.
const fakeEnv = "BENCH_TEST_FAKE_CLEW"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeEnv); how != "" {
		if err := serveFake(how, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "fake:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveFake takes the arguments of `clew serve`. It keeps requests as files.
func serveFake(how string, args []string) error {
	f := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	dir := f.String("data-dir", "", "")
	grpcAddr := f.String("listen.otlp-grpc", "", "")
	f.String("listen.otlp-http", "", "")
	zipkinAddr := f.String("listen.zipkin", "", "")
	jaegerAddr := f.String("listen.grpc", "", "")
	for _, other := range []string{"jaeger-thrift-http", "jaeger-grpc", "jaeger-compact", "jaeger-binary", "sampling-http", "sampling-grpc"} {
		f.String("listen."+other, "", "")
	}
	httpAddr := f.String("listen.http", "", "")
	tempoAddr := f.String("listen.tempo", "", "")
	extra := f.String("extra", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	if how == "ends at once" {
		return errors.New("this is why")
	}
	if *extra != "given" {
		return errors.New("the flags after -- are missing")
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	s := newFake()
	if err := s.restore(*dir); err != nil {
		return err
	}
	n := 0
	s.keep = func(req *tracecollector.ExportTraceServiceRequest) {
		raw, _ := proto.Marshal(req)
		n++
		if how == "forgets" && n > 1 {
			return
		}
		if err := os.WriteFile(filepath.Join(*dir, fmt.Sprint("request-", n)), raw, 0o644); err != nil {
			panic(err)
		}
	}
	l, err := net.Listen("tcp", *grpcAddr)
	if err != nil {
		return err
	}
	g := s.grpcServer()
	go g.Serve(l)
	both := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			g.ServeHTTP(w, r)
			return
		}
		s.handler().ServeHTTP(w, r)
	})}
	both.Protocols.SetHTTP1(true)
	both.Protocols.SetUnencryptedHTTP2(true)
	for _, addr := range []string{*tempoAddr, *httpAddr, *zipkinAddr, *jaegerAddr} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		go both.Serve(l)
	}
	<-stop
	return nil
}

func (f *fake) restore(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "request-*"))
	if err != nil {
		return err
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var req tracecollector.ExportTraceServiceRequest
		if err := proto.Unmarshal(raw, &req); err != nil {
			return err
		}
		f.add(&req)
	}
	return nil
}

// execute runs bench with args and returns the table, what it told meanwhile, and the report that it saved.
func execute(t *testing.T, args ...string) (table, progress string, r report, err error) {
	t.Helper()
	var out, errOut strings.Builder
	path := filepath.Join(t.TempDir(), "r.json")
	cmd := newRootCmd()
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetArgs(append([]string{args[0], "--out=" + path}, args[1:]...))
	err = cmd.ExecuteContext(t.Context())
	if data, readErr := os.ReadFile(path); readErr == nil {
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
	}
	return out.String(), errOut.String(), r, err
}

func TestCommands(t *testing.T) {
	f := newFake()
	addr, url := startFake(t, f)
	dir := t.TempDir()

	table, _, r, err := execute(t, "load", addr, "--spans=2k", "--metrics="+url+"/metrics", "--data-dir="+dir, "--idle-window=1ms", "--label=fake")
	if err != nil {
		t.Fatal(err)
	}
	if spans, _ := f.numSpans(); spans != 2000 || r.Load.Spans != 2000 || r.Cost.PeakMemory != 64<<20 || r.Cost.CPUSeconds != 0 || r.Label != "fake" {
		t.Errorf("%d spans have arrived; report %+v, %+v", spans, r.Load, r.Cost)
	}
	if !strings.Contains(table, fmt.Sprintf("2,000 spans, %d traces, seed 1", r.Data.Traces)) {
		t.Errorf("table:\n%s", table)
	}

	_, _, r, err = execute(t, "verify", "--spans=2k", "--tempo="+url)
	if err != nil || r.Verify == nil || r.Verify.Spans != 2000 {
		t.Errorf("verify: %+v, %v", r.Verify, err)
	}
	_, _, r, err = execute(t, "verify", "--spans=2001", "--jaeger="+url, "--verify=all")
	contains(t, err, "1 of 2001 spans are missing")
	if r.Verify == nil || r.Verify.Missing != 1 {
		t.Errorf("the report of the failure says %+v", r.Verify)
	}

	_, _, r, err = execute(t, "query", "--spans=2k", "--tempo="+url, "--jaeger="+url, "--zipkin="+url, "--jaeger-grpc="+addr, "--otlp="+addr, "--lookups=3", "--searches=1", "--fresh=1")
	if err != nil || len(r.Reads) != 2+len(scenariosOf("jaeger", "tempo", "zipkin", "jaeger-grpc"))+2 {
		t.Errorf("query: %+v, %v", r.Reads, err)
	}

	f.rejected = 1
	_, _, r, err = execute(t, "load", url, "--spans=10", "--seed=2", "--metrics="+url+"/metrics", "--idle-window=1h", "--idle-timeout=1ms")
	contains(t, err, "rejected 1 spans")
	contains(t, err, "still busy")
	if r.Load == nil || r.Load.Rejected != 1 || r.Cost == nil || r.Cost.PeakMemory != 64<<20 {
		t.Errorf("the report of the failure says %+v, %+v", r.Load, r.Cost)
	}
}

func TestCommandErrors(t *testing.T) {
	f := newFake()
	addr, url := startFake(t, f)
	full := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"load", addr, "--metrics=" + url + "/nothing"}, "404 Not Found"},
		{[]string{"load"}, "accepts 1 arg"},
		{[]string{"verify"}, "no API to read from"},
		{[]string{"query", "--tempo=" + url}, "spans are missing"},
		{[]string{"query", "--tempo=" + url, "--lookups=-1"}, "--lookups is out of range"},
		{[]string{"load", addr, "--spans=x"}, `"x" is no number`},
		{[]string{"run", "--clew=/no/such/binary"}, "/no/such/binary"},
		{[]string{"run", "--data-dir=" + full}, "is not empty"},
	} {
		table, _, _, err := execute(t, test.args...)
		contains(t, err, test.want)
		if table != "" {
			t.Errorf("%v writes a report of nothing:\n%s", test.args, table)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(how, dir string) (string, string, report, error) {
		t.Setenv(fakeEnv, how)
		t.Setenv("TMPDIR", t.TempDir())
		return execute(t, "run", "--clew="+self, "--data-dir="+dir, "--spans=3000", "--idle-window=1ms", "--idle-share=1000",
			"--lookups=5", "--searches=2", "--fresh=2", "--", "--extra=given")
	}
	dir := filepath.Join(t.TempDir(), "data")
	_, _, r, err := run("well", dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Load.Spans != 3000 || r.Verify.Spans != 3000 || r.Verify.Missing != 0 || len(r.Reads) != 2+len(scenarios)+2 {
		t.Errorf("report %+v, %+v, %+v", r.Load, r.Verify, r.Reads)
	}
	if r.Cost.PeakMemory < 1<<20 || r.Cost.Disk.Apparent < 400*3000 || r.Restart.Disk.Apparent < r.Cost.Disk.Apparent || r.Restart.StartSeconds <= 0 {
		t.Errorf("cost %+v, restart %+v", r.Cost, r.Restart)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	_, _, _, err = run("forgets", filepath.Join(t.TempDir(), "data"))
	contains(t, err, "after the restart")
	_, progress, _, err := run("ends at once", filepath.Join(t.TempDir(), "data"))
	contains(t, err, "before it was ready")
	contains(t, err, "this is why")
	if !strings.Contains(progress, "the server's log is in") {
		t.Errorf("does not tell where the log is: %s", progress)
	}
}

func TestFaces(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeEnv, "well")
	t.Setenv("TMPDIR", t.TempDir())
	dir := filepath.Join(t.TempDir(), "data")
	table, _, r, err := execute(t, "faces", "--clew="+self, "--data-dir="+dir, "--spans=2500", "--times=2", "--idle-window=1ms", "--idle-share=1000", "--", "--extra=given")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	if err := f.restore(dir); err != nil {
		t.Fatal(err)
	}
	if spans, traces := f.numSpans(); spans != 2500 || traces != 1 {
		t.Errorf("%d spans were sent in %d traces", spans, traces)
	}
	for id, spans := range f.traces {
		roots := 0
		for _, s := range spans {
			if len(s.ParentSpanId) == 0 {
				roots++
			}
		}
		if roots != 1 {
			t.Errorf("trace %v has %d roots", id, roots)
		}
	}
	ways := slices.DeleteFunc(slices.Clone(endpoints), func(sc scenario) bool { return !sc.byID })
	if len(r.Faces) != len(ways) || len(ways) < 12 {
		t.Fatalf("%d faces were measured of %d", len(r.Faces), len(ways))
	}
	for i, face := range r.Faces {
		if face.Count != 2 || face.Bytes == 0 || face.FirstByte > face.P50 || (ways[i].message != nil) != (face.Message == 4) {
			t.Errorf("%+v", face)
		}
		if !strings.Contains(table, face.Name) {
			t.Errorf("%s is missing in\n%s", face.Name, table)
		}
	}
	_, _, _, err = execute(t, "faces", "--clew="+self, "--times=0")
	contains(t, err, "--times is out of range")
}
