package selfobs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// contextCase is one of the cases by which W3C's group tests implementations; the Go helper passes them too.
type contextCase struct {
	Name    string
	Headers [][2]string
	Kept    bool
	State   string
}

func contextCases(t *testing.T) (cases []contextCase) {
	t.Helper()
	text, err := os.ReadFile("../../instrument/testdata/tracecontext.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	return cases
}

// check judges the span of a request that came with a case's headers.
func (c contextCase) check(t *testing.T, spans *tracetest.SpanRecorder) {
	t.Helper()
	defer spans.Reset()
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans", len(ended))
	}
	s := ended[0]
	below := s.Parent().SpanID().String() == "1234567890123456"
	kept := s.SpanContext().TraceID().String() == "12345678901234567890123456789012"
	if kept != c.Kept || below != c.Kept || !s.SpanContext().IsValid() {
		t.Errorf("it goes on in trace %s below %s", s.SpanContext().TraceID(), s.Parent().SpanID())
	}
	if got := s.SpanContext().TraceState().String(); got != c.State {
		t.Errorf("it goes on with the state\n%q, want\n%q", got, c.State)
	}
}

func TestTraceContextOfHTTP(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	handler := NewHTTP(prometheus.NewRegistry(), tp).Wrap("web", routes())
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		done <- struct{}{}
	}))
	defer srv.Close()
	for _, c := range contextCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			request := "GET /api/things/1 HTTP/1.1\r\nHost: clew\r\nConnection: close\r\n" // as they are: a client of net/http would tidy headers up
			for _, h := range c.Headers {
				request += h[0] + ": " + h[1] + "\r\n"
			}
			fmt.Fprint(conn, request+"\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			<-done
			c.check(t, spans)
		})
	}
}

// called is a health service whose calls are watched as those of Clew's services are.
type called struct {
	grpc_health_v1.HealthServer
	watch func(context.Context, string) (context.Context, func(error))
}

func (c called) Check(ctx context.Context, req *grpc_health_v1.HealthCheckRequest) (_ *grpc_health_v1.HealthCheckResponse, err error) {
	ctx, done := c.watch(ctx, "grpc.health.v1.Health/Check")
	defer func() { done(err) }()
	return c.HealthServer.Check(ctx, req)
}

func TestTraceContextOfGRPC(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, called{health.NewServer(), NewGRPC(prometheus.NewRegistry(), tp).Watch})
	go srv.Serve(l)
	defer srv.Stop()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range contextCases(t) {
		// Metadata of gRPC is printable ASCII; a tab never gets there.
		if slices.ContainsFunc(c.Headers, func(h [2]string) bool { return strings.ContainsRune(h[1], '\t') }) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			ctx := t.Context()
			for _, h := range c.Headers {
				ctx = metadata.AppendToOutgoingContext(ctx, h[0], h[1])
			}
			if _, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
				t.Fatal(err)
			}
			c.check(t, spans)
		})
	}
}

type refuse struct{}

func (refuse) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

func TestTransport(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	var parent string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parent = r.Header.Get("traceparent")
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer srv.Close()
	within, _ := tp.Tracer("test").Start(t.Context(), "request")
	for _, test := range []struct {
		ctx    context.Context
		path   string
		next   http.RoundTripper
		spans  string
		failed bool
	}{
		{t.Context(), "/", http.DefaultTransport, "GET client, fetch internal", false},
		{within, "/", http.DefaultTransport, "GET client", false},
		{within, "/secret", http.DefaultTransport, "GET client", true},
		{within, "/", refuse{}, "GET client", true},
	} {
		req, err := http.NewRequestWithContext(test.ctx, "GET", srv.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := Transport(tp, "fetch", test.next).RoundTrip(req)
		if err == nil {
			res.Body.Close()
		}
		var got []string
		for _, s := range spans.Ended() {
			got = append(got, s.Name()+" "+s.SpanKind().String())
		}
		client := spans.Ended()[0]
		sc := client.SpanContext()
		if strings.Join(got, ", ") != test.spans || (client.Status().Code == codes.Error) != test.failed || !client.Parent().IsValid() {
			t.Errorf("%s: spans %q, %v", test.path, got, client.Status())
		}
		if want := "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-01"; test.next != (refuse{}) && parent != want {
			t.Errorf("the parent sent is %s, want %s", parent, want)
		}
		if req.Header.Get("traceparent") != "" {
			t.Error("the caller's request is changed")
		}
		spans.Reset()
	}
}
