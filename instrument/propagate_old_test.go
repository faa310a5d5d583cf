package clew

import (
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/net/http/httpguts"
)

const (
	oldTrace = "80f198ee56343ba864fe8b2a57d3eff7"
	oldSpan  = "05e3ac9a4f6e3b90"
	oldUp    = "e457b5a2e4d86bd1"
	short    = "64fe8b2a57d3eff7"
	zeros    = "0000000000000000"
)

// oldHeaders reads "name: value" lines.
func oldHeaders(text string) http.Header {
	h := http.Header{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h.Add(name, value)
	}
	return h
}

// served begins the span of a server for a request, and returns it with the headers of a request that it makes itself.
func served(t *testing.T, propagators, sampler string, in http.Header) (trace.SpanContext, http.Header, baggage.Baggage) {
	t.Helper()
	t.Setenv("OTEL_PROPAGATORS", propagators)
	t.Setenv("OTEL_TRACES_SAMPLER", sampler)
	p, err := propagatorFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	s, stop, err := samplerFromEnv("")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(s)).Tracer("")
	ctx, server := tracer.Start(p.Extract(t.Context(), propagation.HeaderCarrier(in)), "server", trace.WithSpanKind(trace.SpanKindServer))
	defer server.End()
	ctx, call := tracer.Start(ctx, "call", trace.WithSpanKind(trace.SpanKindClient))
	defer call.End()
	out := http.Header{}
	p.Inject(ctx, propagation.HeaderCarrier(out))
	if call.SpanContext().IsSampled() != server.SpanContext().IsSampled() {
		t.Error("a span is sampled otherwise than its parent")
	}
	return server.SpanContext(), out, baggage.FromContext(ctx)
}

// TestB3 are the encodings and the sampling states of B3, each with samplers that keep all and none.
func TestB3(t *testing.T) {
	const (
		multi = "X-B3-TraceId: " + oldTrace + "\nX-B3-SpanId: " + oldSpan
		one   = "b3: " + oldTrace + "-" + oldSpan
	)
	for name, c := range map[string]struct {
		headers string
		trace   string // "": a new one
		// sampled, by a sampler that keeps all and by one that keeps none, and the state that goes out
		all, none           bool
		allState, noneState string
	}{
		"nothing":                  {"", "", true, false, "1", "0"},
		"single, accepted":         {one + "-1", oldTrace, true, true, "1", "1"},
		"single, denied":           {one + "-0", oldTrace, false, false, "0", "0"},
		"single, debug":            {one + "-d", oldTrace, true, true, "d", "d"},
		"single, deferred":         {one, oldTrace, true, false, "1", "0"},
		"single with a parent":     {one + "-1-" + oldUp, oldTrace, true, true, "1", "1"},
		"single, debug, parent":    {one + "-d-" + oldUp, oldTrace, true, true, "d", "d"},
		"single, short id":         {"b3: " + short + "-" + oldSpan + "-1", zeros + short, true, true, "1", "1"},
		"single, only denied":      {"b3: 0", "", false, false, "0", "0"},
		"single, only accepted":    {"b3: 1", "", true, true, "1", "1"},
		"single, only debug":       {"b3: d", "", true, true, "d", "d"},
		"single, only a trace":     {"b3: " + oldTrace, "", true, false, "1", "0"},
		"single, no state":         {one + "-", "", true, false, "1", "0"},
		"single, unknown state":    {one + "-x", "", true, false, "1", "0"},
		"single, parent, no state": {one + "-" + oldUp, "", true, false, "1", "0"},
		"single, zeros":            {"b3: " + zeros + zeros + "-" + oldSpan + "-1", "", true, false, "1", "0"},
		"single, capitals":         {"b3: " + strings.ToUpper(oldTrace) + "-" + oldSpan + "-1", "", true, false, "1", "0"},
		"multiple, accepted":       {multi + "\nX-B3-Sampled: 1", oldTrace, true, true, "1", "1"},
		"multiple, true":           {multi + "\nX-B3-Sampled: true", oldTrace, true, true, "1", "1"},
		"multiple, denied":         {multi + "\nX-B3-Sampled: 0", oldTrace, false, false, "0", "0"},
		"multiple, false":          {multi + "\nX-B3-Sampled: false", oldTrace, false, false, "0", "0"},
		"multiple, debug":          {multi + "\nX-B3-Flags: 1", oldTrace, true, true, "d", "d"},
		"multiple, debug, denied":  {multi + "\nX-B3-Flags: 1\nX-B3-Sampled: 0", oldTrace, true, true, "d", "d"},
		"multiple, other flags":    {multi + "\nX-B3-Flags: 0", oldTrace, true, false, "1", "0"},
		"multiple, deferred":       {multi, oldTrace, true, false, "1", "0"},
		"multiple with a parent":   {multi + "\nX-B3-Sampled: 1\nX-B3-ParentSpanId: " + oldUp, oldTrace, true, true, "1", "1"},
		"multiple, short id":       {"x-b3-traceid: " + short + "\nx-b3-spanid: " + oldSpan + "\nx-b3-sampled: 1", zeros + short, true, true, "1", "1"},
		"multiple, only denied":    {"X-B3-Sampled: 0", "", false, false, "0", "0"},
		"multiple, only debug":     {"X-B3-Flags: 1", "", true, true, "d", "d"},
		"multiple, no span":        {"X-B3-TraceId: " + oldTrace + "\nX-B3-Sampled: 1", "", true, false, "1", "0"},
		"both: the single one":     {one + "-0\nX-B3-TraceId: " + oldUp + oldUp + "\nX-B3-SpanId: " + oldUp + "\nX-B3-Sampled: 1", oldTrace, false, false, "0", "0"},
		"both, single is invalid":  {"b3: x-y-0\n" + multi + "\nX-B3-Sampled: 1", oldTrace, true, true, "1", "1"},
	} {
		for _, by := range []struct {
			sampler string
			sampled bool
			state   string
		}{{"parentbased_always_on", c.all, c.allState}, {"parentbased_always_off", c.none, c.noneState}} {
			for _, format := range []string{"b3", "b3multi"} {
				sc, out, _ := served(t, format, by.sampler, oldHeaders(c.headers))
				if sc.IsSampled() != by.sampled || c.trace != "" && sc.TraceID().String() != c.trace || c.trace == "" && strings.Contains(c.headers, sc.TraceID().String()) {
					t.Errorf("%s, %s: it goes on in %s, sampled: %v", name, by.sampler, sc.TraceID(), sc.IsSampled())
				}
				state := out.Get("X-B3-Sampled")
				if out.Get("X-B3-Flags") == "1" {
					state += "d"
				}
				if parts := strings.Split(out.Get("b3"), "-"); format == "b3" && len(parts) == 3 {
					state = parts[2]
				}
				if state != by.state || format == "b3" && len(out) > 1 {
					t.Errorf("%s, %s: it goes out as %v, want the state %s", name, by.sampler, out, by.state)
				}
			}
		}
	}
}

// What is left to the receiver in one format is not if another one decides.
func TestFormatsTogether(t *testing.T) {
	headers := oldHeaders("b3: " + oldTrace + "-" + oldSpan + "\ntraceparent: 00-" + oldTrace + "-" + oldUp + "-00")
	if sc, _, _ := served(t, "b3,tracecontext", "parentbased_always_on", headers); sc.IsSampled() {
		t.Error("the decision of the format that counts is passed over")
	}
	headers = oldHeaders("b3: 0\ntraceparent: 00-" + oldTrace + "-" + oldUp + "-01")
	for _, list := range []string{"b3,tracecontext", "tracecontext,b3"} {
		if sc, _, _ := served(t, list, "parentbased_always_on", headers); !sc.IsSampled() || sc.TraceID().String() != oldTrace {
			t.Errorf("%s: a decision without ids passes over a parent: %v", list, sc)
		}
	}
}

func TestOutsideOfATrace(t *testing.T) {
	t.Setenv("OTEL_PROPAGATORS", "b3,b3multi,jaeger")
	p, err := propagatorFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	out := http.Header{}
	p.Inject(t.Context(), propagation.HeaderCarrier(out))
	if len(out) > 0 {
		t.Errorf("what is no part of a trace sends %v: a decision that nobody took", out)
	}
}

// TestJaegerFormat are headers as Jaeger's clients wrote them.
func TestJaegerFormat(t *testing.T) {
	for name, c := range map[string]struct {
		headers, trace string
		sampled        bool // by a sampler that keeps none
		flags, baggage string
	}{
		"sampled":            {"uber-trace-id: " + oldTrace + ":" + oldSpan + ":0:1", oldTrace, true, "1", ""},
		"not sampled":        {"uber-trace-id: " + oldTrace + ":" + oldSpan + ":" + oldUp + ":0", oldTrace, false, "0", ""},
		"debug":              {"uber-trace-id: " + oldTrace + ":" + oldSpan + ":0:3", oldTrace, true, "3", ""},
		"debug alone":        {"uber-trace-id: " + oldTrace + ":" + oldSpan + ":0:2", oldTrace, true, "3", ""},
		"other flags":        {"uber-trace-id: " + oldTrace + ":" + oldSpan + ":0:9", oldTrace, true, "1", ""},
		"64 bits":            {"uber-trace-id: " + short + ":" + oldSpan + ":0:1", zeros + short, true, "1", ""},
		"without zeros":      {"uber-trace-id: 1a2b:3c:0:1", zeros + "0000000000001a2b", true, "1", ""},
		"with percent signs": {"uber-trace-id: " + oldTrace + "%3A" + oldSpan + "%3A0%3A1", oldTrace, true, "1", ""},
		"small percent sign": {"Uber-Trace-Id: " + oldTrace + "%3a" + oldSpan + "%3a0%3a1", oldTrace, true, "1", ""},
		"zero":               {"uber-trace-id: 0:" + oldSpan + ":0:1", "", false, "0", ""},
		"too long":           {"uber-trace-id: 1" + oldTrace + ":" + oldSpan + ":0:1", "", false, "0", ""},
		"three parts":        {"uber-trace-id: " + oldTrace + ":" + oldSpan + ":1", "", false, "0", ""},
		"no hex digits":      {"uber-trace-id: x:y:0:1", "", false, "0", ""},
		"baggage":            {"uber-trace-id: 1a2b:3c:0:1\nuberctx-customer: Ren%C3%A9e+7\nUberctx-Plan: gold", zeros + "0000000000001a2b", true, "1", "customer=Renée 7,plan=gold"},
		"baggage alone":      {"uberctx-customer: 7", "", false, "0", "customer=7"},
		"baggage by hand":    {"jaeger-baggage: customer=7, plan = gold", "", false, "0", "customer=7,plan=gold"},
		"a debug id":         {"jaeger-debug-id: slow-cart", "", true, "1", ""},
	} {
		sc, out, bag := served(t, "jaeger", "parentbased_always_off", oldHeaders(c.headers))
		if sc.IsSampled() != c.sampled || c.trace != "" && sc.TraceID().String() != c.trace {
			t.Errorf("%s: it goes on in %s, sampled: %v", name, sc.TraceID(), sc.IsSampled())
		}
		want := sc.TraceID().String() + ":*:0:" + c.flags
		got := strings.Split(out.Get("uber-trace-id"), ":")
		if len(got) != 4 || len(got[1]) != 16 || got[0]+":*:"+got[2]+":"+got[3] != want {
			t.Errorf("%s: it goes out as %q, want %s", name, got, want)
		}
		for pair := range strings.SplitSeq(c.baggage, ",") {
			key, value, _ := strings.Cut(pair, "=")
			if m := bag.Member(key); m.Value() != value {
				t.Errorf("%s: the baggage is %s", name, bag)
			}
		}
		if c.baggage != "" {
			again := propagation.HeaderCarrier(out)
			if _, _, back := served(t, "jaeger", "parentbased_always_off", http.Header(again)); back.Len() != bag.Len() || back.Member("customer").Value() != bag.Member("customer").Value() {
				t.Errorf("%s: %s goes on as %s", name, bag, back)
			}
		}
	}
}

// Baggage may have names that no header can have: a request with one would fail before it is sent.
func TestBaggageThatIsNoHeader(t *testing.T) {
	_, out, _ := served(t, "jaeger", "parentbased_always_on", http.Header{"Jaeger-Baggage": {"a b=1, größe=2, c:d=3, plan=gold"}})
	if out.Get("uberctx-plan") != "gold" {
		t.Errorf("the good one is lost: %v", out)
	}
	for name := range out {
		if !httpguts.ValidHeaderFieldName(name) {
			t.Errorf("a header is named %q", name)
		}
	}
}

func FuzzOldFormats(f *testing.F) {
	f.Add(oldTrace+"-"+oldSpan+"-d", oldTrace, "1", "1a:2b:0:3", "a%20b")
	f.Add("0", "", "", "%", "%")
	f.Fuzz(func(t *testing.T, single, id, sampled, uber, bag string) {
		in := http.Header{"B3": {single}, "X-B3-Traceid": {id}, "X-B3-Spanid": {oldSpan}, "X-B3-Sampled": {sampled}, "Uber-Trace-Id": {uber}, "Uberctx-A": {bag}}
		both := propagation.NewCompositeTextMapPropagator(newB3(b3.B3MultipleHeader), jaegerFormat{})
		ctx := both.Extract(t.Context(), propagation.HeaderCarrier(in))
		out := http.Header{}
		both.Inject(ctx, propagation.HeaderCarrier(out))
		again := both.Extract(t.Context(), propagation.HeaderCarrier(out))
		if a, b := trace.SpanContextFromContext(ctx), trace.SpanContextFromContext(again); !a.Equal(b) {
			t.Errorf("%v goes on as %v", a, b)
		}
	})
}
