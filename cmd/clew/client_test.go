package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A command that is run within a trace goes on with it.
func TestClientPassesTheTraceOn(t *testing.T) {
	got := make(chan http.Header, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer srv.Close()
	for _, parent := range []string{"", "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"} {
		t.Setenv("TRACEPARENT", parent)
		t.Setenv("TRACESTATE", "ot=th:c")
		body, _, err := (&client{server: srv.URL}).get(t.Context(), "/", nil, "*/*")
		if err != nil {
			t.Fatal(err)
		}
		body.Close()
		if h := <-got; h.Get("traceparent") != parent || h.Get("tracestate") != "ot=th:c" {
			t.Errorf("with the parent %q the headers are %v", parent, h)
		}
	}
}
