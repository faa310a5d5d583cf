package clew

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Each format goes out and comes in again.
func TestPropagators(t *testing.T) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 15: 2}, SpanID: trace.SpanID{3, 7: 4}, TraceFlags: trace.FlagsSampled, Remote: true})
	for list, want := range map[string]string{
		"":                            "Traceparent",
		"tracecontext":                "Traceparent",
		"b3":                          "B3",
		"b3multi":                     "X-B3-Sampled X-B3-Spanid X-B3-Traceid",
		"jaeger":                      "Uber-Trace-Id",
		" B3 , tracecontext,,b3":      "B3 Traceparent",
		"none":                        "",
		"jaeger,b3multi,traceContext": "Traceparent Uber-Trace-Id X-B3-Sampled X-B3-Spanid X-B3-Traceid",
	} {
		t.Setenv("OTEL_PROPAGATORS", list)
		p, err := propagatorFromEnv()
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		p.Inject(trace.ContextWithSpanContext(t.Context(), sc), propagation.HeaderCarrier(h))
		var keys []string
		for key := range h {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%q sends %s, want %s", list, got, want)
		}
		got := trace.SpanContextFromContext(p.Extract(t.Context(), propagation.HeaderCarrier(h)))
		if want != "" && !got.Equal(sc) || want == "" && got.IsValid() {
			t.Errorf("%q reads %v", list, got)
		}
	}
}

func FuzzTraceContext(f *testing.F) {
	f.Add("00-12345678901234567890123456789012-1234567890123456-ff", "a=1, ,ot=th:c;rv:1", "b=2")
	f.Add("cc-12345678901234567890123456789012-1234567890123456-01-x", "", " ")
	f.Fuzz(func(t *testing.T, parent, state, more string) {
		in := http.Header{"Traceparent": {parent}, "Tracestate": {state, more}}
		sc := trace.SpanContextFromContext(traceContext{}.Extract(context.Background(), propagation.HeaderCarrier(in)))
		if !sc.IsValid() {
			return
		}
		if ids := sc.TraceID().String() + "-" + sc.SpanID().String(); strings.Trim(parent, " \t")[3:52] != ids {
			t.Fatalf("%q is read as %s", parent, ids)
		}
		out := http.Header{}
		traceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), propagation.HeaderCarrier(out))
		again := trace.SpanContextFromContext(traceContext{}.Extract(context.Background(), propagation.HeaderCarrier(out)))
		if !again.Equal(sc) {
			t.Fatalf("%v goes on as %v", sc, again)
		}
		checkThreshold(t, sc.TraceState())
	})
}

// checkThreshold sets and removes a threshold: all else stays.
func checkThreshold(t *testing.T, state trace.TraceState) {
	t.Helper()
	set := withThreshold(state, "c")
	if got := otValue(set, "th"); got != "c" && len(state.Get("ot")) < 200 {
		t.Fatalf("%s has the threshold %q", set, got)
	}
	if got := otValue(withThreshold(set, ""), "th"); got != "" {
		t.Fatalf("%s keeps its threshold %s", set, got)
	}
	if rv := otValue(state, "rv"); otValue(set, "rv") != rv && state.Len() < 32 {
		t.Fatalf("%s loses its randomness: %s", state, set)
	}
	if a, b := state.Delete("ot").String(), set.Delete("ot").String(); a != b && state.Len() < 32 {
		t.Fatalf("%q becomes %q", a, b)
	}
	if r := randomness(trace.TraceID{}, state); r >= allTraces {
		t.Fatalf("%s has the randomness %x", state, r)
	}
}
