package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/doctor"
	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/testkit"
)

// diagnosis is what `clew doctor --json` says.
type diagnosis struct {
	doctor.Report
	failed bool // it ended with an error
}

// diagnose runs `clew doctor` about a server with an environment and flags.
func (s *testServer) diagnose(t *testing.T, env []string, args ...string) diagnosis {
	t.Helper()
	o := doctorOptions{client: client{server: "http://" + s.addrs["http"]}, since: "1h", json: true}
	for i := 0; i < len(args); i += 2 {
		switch value := args[i+1]; args[i] {
		case "--endpoint":
			o.endpoint = value
		case "--protocol":
			o.protocol = value
		case "--tenant":
			o.tenant = value
		case "--pid":
			fmt.Sscan(value, &o.pid)
		case "--env-file":
			o.envFile = value
		case "--no-send":
			o.noSend = value == "true"
		default:
			t.Fatal(args[i])
		}
	}
	var out bytes.Buffer
	err := o.run(t.Context(), env, newScreen(&out))
	d := diagnosis{failed: err != nil}
	if err := json.Unmarshal(out.Bytes(), &d.Report); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if d.failed != (d.Result == doctor.Problem) {
		t.Errorf("the result is %s, but the error %v", d.Result, err)
	}
	return d
}

// has fails unless there is such a finding with these texts in it.
func (d *diagnosis) has(t *testing.T, id string, result doctor.Result, texts ...string) {
	t.Helper()
	i := slices.IndexFunc(d.Findings, func(f doctor.Finding) bool { return f.ID == id && f.Result == result })
	if i < 0 {
		t.Errorf("there is no %s %s among %+v", result, id, d.Findings)
		return
	}
	f := d.Findings[i]
	all := strings.Join(append([]string{f.Title, f.Cause, f.Fix}, f.Evidence...), "\n")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%s lacks %q:\n%s", id, text, all)
		}
	}
}

func TestDoctorFindsNothing(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	env := []string{"OTEL_SERVICE_NAME=web", "OTEL_EXPORTER_OTLP_ENDPOINT=" + s.url("otlp-http", "")}
	d := s.diagnose(t, env)
	d.has(t, "env-meaning", doctor.OK, s.url("otlp-http", "/v1/traces")+" as http/protobuf", `the service is called "web"`)
	d.has(t, "endpoint-takes-spans", doctor.OK)
	d.has(t, "listeners-reachable", doctor.OK, "otlp-grpc at "+s.addrs["otlp-grpc"]+": gRPC without TLS", "zipkin at "+s.addrs["zipkin"]+": HTTP without TLS")
	d.has(t, "clock-server", doctor.OK)
	d.has(t, "disk-free", doctor.OK)
	trips := 0
	for _, f := range d.Findings {
		if f.ID == "round-trip" && f.Result == doctor.OK {
			trips++
		}
		if f.Result == doctor.Problem {
			t.Errorf("%+v", f)
		}
	}
	if trips != 9 {
		t.Errorf("%d round trips, want one for each protocol: %+v", trips, d.Findings)
	}
	if n := s.count(t, "service="+doctor.Service); n != trips {
		t.Errorf("%d test spans are stored", n)
	}
	d = s.diagnose(t, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "--endpoint", s.url("otlp-grpc", ""), "--tenant", "acme")
	d.has(t, "endpoint-takes-spans", doctor.OK, "takes spans as grpc")
	d.has(t, "round-trip", doctor.OK)
	d.has(t, "round-trip-skipped", doctor.Skipped, "UDP")
	d = s.diagnose(t, []string{"OTEL_TRACES_EXPORTER=zipkin", "OTEL_EXPORTER_ZIPKIN_ENDPOINT=" + s.url("zipkin", "/api/v2/spans")}, "--no-send", "true")
	d.has(t, "endpoint-takes-spans", doctor.OK, "takes spans as zipkin")
}

// A test span goes to the topic that the server reads, whatever messages that has, and comes back from the store.
func TestDoctorKafka(t *testing.T) {
	broker, client := testkit.Kafka(t, "../../ingest/testdata/kafka/pom.xml")
	admin := kadm.NewClient(client)
	for _, encoding := range ingest.KafkaEncodings() {
		t.Run(encoding, func(t *testing.T) {
			if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, encoding); err != nil {
				t.Fatal(err)
			}
			s := startServer(t, "--data-dir", t.TempDir(), "--kafka.brokers="+broker, "--kafka.topics="+encoding, "--kafka.encoding="+encoding)
			for { // until the server has its part of the topic
				groups, err := admin.DescribeGroups(t.Context(), "clew") // fails until there is a coordinator
				if g := groups["clew"]; err == nil && g.State == "Stable" && slices.Contains(g.AssignedPartitions().Topics(), encoding) {
					break
				}
				if t.Context().Err() != nil {
					t.Fatal(err)
				}
			}
			d := s.diagnose(t, nil)
			if !slices.ContainsFunc(d.Findings, func(f doctor.Finding) bool {
				return f.ID == "round-trip" && f.Result == doctor.OK && f.Title == "Kafka, topic "+encoding+" makes the round to "+broker && strings.Contains(f.Evidence[0], "sent in ")
			}) {
				t.Errorf("there is no round trip by Kafka in %+v", d.Findings)
			}
		})
	}
}

func TestDoctorKafkaOutOfReach(t *testing.T) {
	t.Run("no broker", func(t *testing.T) {
		s := startServer(t, "--data-dir", t.TempDir(), "--kafka.brokers=127.0.0.1:1")
		d := s.diagnose(t, nil)
		d.has(t, "round-trip-refused", doctor.Problem, "by Kafka, topic otlp_spans to 127.0.0.1:1", "connection refused")
	})
	t.Run("a password", func(t *testing.T) {
		secret := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(secret, []byte("hush"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := startServer(t, "--data-dir", t.TempDir(), "--kafka.brokers=127.0.0.1:1", "--kafka.sasl=plain", "--kafka.username=clew", "--kafka.password-file="+secret)
		d := s.diagnose(t, nil)
		d.has(t, "round-trip-skipped", doctor.Skipped, "its brokers ask for a password")
	})
}

func TestDoctorWrongEndpoint(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--listen.jaeger-grpc=off")
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	encrypted.StartTLS()
	defer encrypted.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // a port that answers nothing, by closing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	go func() {
		for {
			conn, err := mute.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	const closed = "http://127.0.0.1:1" // a port that was free could be given to another program meanwhile
	_, grpcPort, _ := net.SplitHostPort(s.addrs["otlp-grpc"])
	for name, c := range map[string]struct {
		endpoint, protocol string
		id                 string
		texts              []string
	}{
		"HTTP to the gRPC port":    {s.url("otlp-grpc", ""), "http/protobuf", "endpoint-grpc-port", []string{"OTLP by HTTP is sent to the port of otlp-grpc", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc for port " + grpcPort}},
		"gRPC to the HTTP port":    {s.url("otlp-http", ""), "grpc", "endpoint-http-port", []string{"OTLP by gRPC is sent to the port of otlp-http", "use port " + grpcPort + " for grpc"}},
		"OTLP to the pages' port":  {s.url("http", ""), "http/protobuf", "endpoint-other-port", []string{"the port of http"}},
		"OTLP to Zipkin's port":    {s.url("zipkin", ""), "http/json", "endpoint-other-port", []string{"the port of zipkin"}},
		"path twice":               {s.url("otlp-http", "/v1/traces"), "http/protobuf", "endpoint-path", []string{"/v1/traces/v1/traces", "without a path"}},
		"nobody listens":           {closed, "http/protobuf", "endpoint-refused", []string{"connection refused"}},
		"nobody listens, gRPC":     {closed, "grpc", "endpoint-refused", []string{"connection refused"}},
		"no such host":             {"http://clew.invalid:4318", "http/protobuf", "endpoint-dns", []string{"clew.invalid"}},
		"TLS to a plain port":      {"https://" + s.addrs["otlp-http"], "http/protobuf", "endpoint-plain", []string{"write http://"}},
		"TLS to a plain gRPC port": {"https://" + s.addrs["otlp-grpc"], "grpc", "endpoint-plain", []string{"write http://"}},
		"plain to a TLS port":      {"http://" + encrypted.Listener.Addr().String(), "http/protobuf", "endpoint-tls", []string{"write https://"}},
		"plain gRPC to a TLS port": {"http://" + encrypted.Listener.Addr().String(), "grpc", "endpoint-tls", []string{"write https://"}},
		"something else":           {"http://" + mute.Addr().String(), "http/protobuf", "endpoint-fails", []string{"neither HTTP nor gRPC nor TLS"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.diagnose(t, nil, "--endpoint", c.endpoint, "--protocol", c.protocol)
			d.has(t, c.id, doctor.Problem, c.texts...)
			d.has(t, "round-trip-off", doctor.Skipped, "Jaeger's gRPC")
			d = s.diagnose(t, nil, "--no-send", "true")
			if slices.ContainsFunc(d.Findings, func(f doctor.Finding) bool { return f.ID == "refused-malformed" }) {
				t.Errorf("the doctor finds its own look at the endpoint: %+v", d.Findings)
			}
		})
	}
	t.Run("the SDK's default", func(t *testing.T) { // which some have and some have not
		d := s.diagnose(t, nil, "--endpoint", s.url("otlp-grpc", ""))
		d.has(t, "endpoint-grpc-port", doctor.Warning)
	})
	t.Run("a proxy", func(t *testing.T) {
		d := s.diagnose(t, []string{"HTTP_PROXY=" + closed}, "--endpoint", "http://clew.invalid:4318")
		d.has(t, "endpoint-proxy", doctor.Warning, "NO_PROXY=clew.invalid")
	})
}

func TestDoctorServerDown(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	other := &testServer{addrs: map[string]string{"http": s.addrs["otlp-http"]}}
	d := other.diagnose(t, nil)
	d.has(t, "server-other", doctor.Problem, "is not Clew's http port")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	d = s.diagnose(t, []string{"OTEL_TRACES_SAMPLER=always_off"})
	d.has(t, "server-refused", doctor.Problem, "connection refused", "stored traces are safe")
	d.has(t, "env-sampler-zero", doctor.Problem)
	d.has(t, "not-looked-at", doctor.Skipped)
}

// sdk returns a tracer of a service that exports to the server, and what sends all of its spans.
func (s *testServer) sdk(t *testing.T, service string, opts ...sdktrace.TracerProviderOption) (trace.Tracer, func()) {
	t.Helper()
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(s.addrs["otlp-grpc"]), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service), attribute.String("host.name", "host-of-"+service)))}, opts...)...)
	return provider.Tracer("test"), func() {
		if err := provider.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

// callHTTP makes a GET request as an instrumented client does.
func callHTTP(t *testing.T, tracer trace.Tracer, url string) {
	t.Helper()
	ctx, root := tracer.Start(t.Context(), "GET /", trace.WithSpanKind(trace.SpanKindServer))
	defer root.End()
	ctx, out := tracer.Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("url.full", url)))
	defer out.End()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
}

// takeHTTP is an instrumented server that takes traces over. Its clock is ahead.
func takeHTTP(tracer trace.Tracer, ahead time.Duration) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		_, in := tracer.Start(ctx, "GET "+r.URL.Path, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(time.Now().Add(ahead)),
			trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("url.path", r.URL.Path)))
		in.End(trace.WithTimestamp(time.Now().Add(ahead)))
	})
}

// shopProcess starts a Flask service with an environment; end stops it and waits until its spans are sent.
func (s *testServer) shopProcess(t *testing.T, env ...string) (pid int, url string, end func()) {
	t.Helper()
	packages := testkit.Installed(t, []string{exporters + "/requirements.txt"}, "python3", "-m", "pip", "install", "--quiet", "--target", ".", "-r", "requirements.txt")
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/doctor/shop.py", s.url("jaeger-thrift-http", "/api/traces"))
	cmd.Env = append(os.Environ(), append(env, "PYTHONPATH="+packages, "OTEL_SERVICE_NAME=shop")...)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, "http://127.0.0.1:" + strings.TrimSpace(port) + "/buy", func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// A Flask service that reads no traceparent breaks the traces of a Go service, which another one continues.
func TestDoctorDroppedTraceparent(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	pid, shopURL, end := s.shopProcess(t, "OTEL_PROPAGATORS=baggage")
	stock, stockSent := s.sdk(t, "stock")
	stockServer := httptest.NewServer(takeHTTP(stock, 0))
	defer stockServer.Close()
	web, webSent := s.sdk(t, "web")
	for range 5 {
		callHTTP(t, web, shopURL)
		callHTTP(t, web, stockServer.URL+"/count")
	}
	d := s.diagnose(t, nil, "--pid", fmt.Sprint(pid))
	d.has(t, "env-propagators-legacy", doctor.Warning, "OTEL_PROPAGATORS lacks tracecontext")
	d.has(t, "env-meaning", doctor.OK, `the service is called "shop"`)
	end()
	webSent()
	stockSent()
	d = s.diagnose(t, nil)
	d.has(t, "propagation-broken", doctor.Problem, "between web and shop, over HTTP", "5 calls", "it is shop that does not take the context up")
	if len(d.Checklist) == 0 || !slices.ContainsFunc(d.Checklist, func(f doctor.Finding) bool {
		return f.ID == "list-propagation-http" && f.Result == doctor.Problem && len(f.Traces) > 0
	}) {
		t.Errorf("the checklist is %+v", d.Checklist)
	}
}

// A Flask service that samples nothing sends nothing, and the environment of its process says why.
func TestDoctorSamplerAtZero(t *testing.T) {
	strategies := filepath.Join(t.TempDir(), "strategies.json")
	if err := os.WriteFile(strategies, []byte(`{"service_strategies": [{"service": "shop", "type": "probabilistic", "param": 0}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "--data-dir", t.TempDir(), "--sampling.strategies="+strategies)
	pid, url, end := s.shopProcess(t, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0")
	if code, _ := get(t, url); code != http.StatusOK {
		t.Fatal(code)
	}
	d := s.diagnose(t, nil, "--pid", fmt.Sprint(pid))
	end()
	if n := s.count(t, "service=shop"); n != 0 {
		t.Errorf("%d spans", n)
	}
	d.has(t, "env-sampler-zero", doctor.Problem, "OTEL_TRACES_SAMPLER=parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG=0 samples nothing")
	d.has(t, "sampling-zero", doctor.Problem, "shop sample nothing")
}

func TestDoctorClockOff(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	shop, shopSent := s.sdk(t, "shop")
	stock, stockSent := s.sdk(t, "stock")
	late, right := httptest.NewServer(takeHTTP(shop, -5*time.Second)), httptest.NewServer(takeHTTP(stock, 0))
	defer late.Close()
	defer right.Close()
	web, webSent := s.sdk(t, "web")
	for range 3 {
		callHTTP(t, web, late.URL+"/buy")
		callHTTP(t, web, right.URL+"/count")
	}
	webSent()
	shopSent()
	stockSent()
	d := s.diagnose(t, nil)
	d.has(t, "clock-skew", doctor.Problem, "The clock of shop on host-of-shop is off by -5s", "web")
}

// A request that is not read to its end takes all the memory for requests; an SDK that sends is told to come again.
func TestDoctorFullQueue(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir(), "--memory.in-flight=1KiB")
	stall(t, s.addrs["otlp-http"], 1<<10)
	for full := false; !full; {
		_, metrics := get(t, s.url("http", "/metrics"))
		full = bytes.Contains(metrics, []byte("\nclew_ingest_inflight_bytes 1024\n"))
	}
	if code, body := post(t, s.url("otlp-http", "/v1/traces"), "application/json", "", []byte(`{"resourceSpans":[]}`)); code != http.StatusTooManyRequests {
		t.Fatalf("%d %s", code, body)
	}
	d := s.diagnose(t, nil, "--no-send", "true")
	d.has(t, "refused-overload", doctor.Problem, "otlp-http 429: 1 request refused", "in flight now: 1024 of 1024 bytes", "--memory.in-flight")
}

// stall sends the first bytes of a request's body, and no more.
func stall(t *testing.T, addr string, size int) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n%s", size+1, strings.Repeat("x", size))
}

func TestDoctorWords(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	file := filepath.Join(t.TempDir(), "app.env")
	if err := os.WriteFile(file, []byte("export OTEL_TRACES_EXPORTER=none\nOTEL_EXPORTER_OTLP_HEADERS=api-key=s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := newRootCmd()
		cmd.SetOut(&out)
		cmd.SetArgs(append([]string{"doctor", "--server", s.addrs["http"]}, args...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	out, err := run("--env-file", file)
	if err == nil || !strings.Contains(out, "  problem  OTEL_TRACES_EXPORTER is none: no span is sent\n           cause: Spans are made and thrown away.\n           fix: unset it, or set it to otlp\n") ||
		!strings.Contains(out, "1 problem, ") || strings.Contains(out, "s3cret") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = run("--checklist", "--no-send")
	if err == nil != strings.Contains(out, "problem") || !strings.Contains(out, "Propagation in gRPC") || !strings.Contains(out, "The dependency graph is visible") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"--since", "soon"}, {"--pid", "-1"}, {"--env-file", file + "x"}, {"--pid", "1", "--env-file", file}} {
		if out, err := run(args...); err == nil || out != "" {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// What the documentation tells to run is there: commands, flags and how many arguments they take.
func TestTroubleshootingCommands(t *testing.T) {
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
			if !strings.HasPrefix(line, "clew ") {
				continue
			}
			commands++
			var words []string
			for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
				words = append(words, m[1]+m[2])
			}
			cmd, rest, err := newRootCmd().Find(words[1:])
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil && cmd.Args != nil {
				err = cmd.Args(cmd, cmd.Flags().Args())
			}
			if err != nil || !cmd.Runnable() {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if commands < 20 {
		t.Errorf("only %d commands were found", commands)
	}
}
