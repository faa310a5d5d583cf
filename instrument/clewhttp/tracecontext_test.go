package clewhttp

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"

	clew "github.com/clewhq/clew/instrument"
)

// contextCase is one of the cases by which W3C's group tests implementations, or
// one more: the headers that come in, and what has to go out to the next service.
type contextCase struct {
	Name    string
	Headers [][2]string
	Kept    bool   // it goes on in the same trace, else in a new one
	Flags   string // of the outgoing parent, if the case is about them
	State   string // the outgoing state, without what a new trace says about its sampling
	Baggage string
}

const (
	sentTrace  = "12345678901234567890123456789012"
	sentParent = "1234567890123456"
)

func contextCases(t *testing.T) (cases []contextCase) {
	t.Helper()
	text, err := os.ReadFile("../testdata/tracecontext.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	return cases
}

// send sends a request with headers as they are, which a client of net/http would tidy up.
func send(t *testing.T, addr string, headers [][2]string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n"
	for _, h := range headers {
		request += h[0] + ": " + h[1] + "\r\n"
	}
	if _, err := fmt.Fprint(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

func TestTraceContext(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	shutdown, err := clew.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer shutdown(context.Background())

	next := make(chan http.Header, 3)
	callee := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { next <- r.Header.Clone() }))
	defer callee.Close()
	client := &http.Client{Transport: Transport(nil)}
	caller := httptest.NewServer(Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range cap(next) {
			req, err := http.NewRequestWithContext(r.Context(), "GET", callee.URL, nil)
			if err == nil {
				var resp *http.Response
				if resp, err = client.Do(req); err == nil {
					resp.Body.Close()
				}
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
	})))
	defer caller.Close()

	for _, c := range contextCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			send(t, strings.TrimPrefix(caller.URL, "http://"), c.Headers)
			var traces, parents []string
			for range cap(next) {
				h := <-next
				c.check(t, h)
				if p := strings.Split(h.Get("traceparent"), "-"); len(p) == 4 {
					traces, parents = append(traces, p[1]), append(parents, p[2])
				}
			}
			slices.Sort(parents)
			if len(slices.Compact(traces)) != 1 || len(slices.Compact(parents)) != cap(next) {
				t.Errorf("%d requests go on as %q below %q", cap(next), traces, parents)
			}
		})
	}
}

// check judges the headers of an outgoing request.
func (c contextCase) check(t *testing.T, h http.Header) {
	t.Helper()
	if got := h.Values("traceparent"); len(got) != 1 {
		t.Fatalf("the parents are %q", got)
	}
	sent := propagation.TraceContext{}.Extract(t.Context(), propagation.HeaderCarrier(h))
	if sent == t.Context() {
		t.Fatalf("the parent is invalid: %q", h.Get("traceparent"))
	}
	p := strings.Split(h.Get("traceparent"), "-")
	if (p[1] == sentTrace) != c.Kept || p[2] == sentParent || c.Flags != "" && p[3] != c.Flags {
		t.Errorf("it goes on below %s", h.Get("traceparent"))
	}
	state := h.Get("tracestate")
	if !c.Kept && state == "ot=th:0" {
		state = ""
	}
	if len(h.Values("tracestate")) > 1 || state != c.State {
		t.Errorf("it goes on with the state\n%q, want\n%q", h.Values("tracestate"), c.State)
	}
	bag, err := baggage.Parse(h.Get("baggage"))
	want, _ := baggage.Parse(c.Baggage)
	if err != nil || !equal(bag, want) {
		t.Errorf("it goes on with the baggage %q, want %q", h.Get("baggage"), c.Baggage)
	}
}

// equal compares members and their properties, which have no order, and in which space means nothing.
func equal(a, b baggage.Baggage) bool {
	text := func(b baggage.Baggage) (all []string) {
		for _, m := range b.Members() {
			all = append(all, m.Key()+"="+m.Value())
			for _, p := range m.Properties() {
				value, has := p.Value()
				all = append(all, fmt.Sprint(m.Key(), ";", p.Key(), "=", value, has))
			}
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(text(a), text(b))
}
