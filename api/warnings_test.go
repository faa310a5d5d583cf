package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// oddCall is a trace of a client, a server whose clock is behind, a span whose parent is not there, and one that limits cut.
func oddCall() []span.Span {
	node := func(id, parent byte, service string, kind int32, start, end uint64) span.Span {
		return span.Span{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: id}, Parent: span.SpanID{7: parent}, Name: "call", Kind: kind, Start: start, End: end,
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}},
		}
	}
	rows := []span.Span{
		node(1, 0, "shop", kindClient, 10e6, 20e6), node(2, 1, "mail", kindServer, 5e6, 6e6),
		node(3, 9, "shop", 0, 12e6, 13e6), node(4, 1, "shop", 0, 14e6, 15e6),
	}
	rows[3].Dropped = span.Dropped{Attrs: 2, Events: 1}
	return rows
}

const (
	behindWarning = "clock skew: the clock is about 9.5ms behind that of the caller; times are shown as they came"
	orphanWarning = "the parent span 0000000000000009 is missing: it has not arrived, was not sampled or was lost"
	cutWarning    = "limits of the senders cut 2 attributes, 1 event and 0 links from 1 span"
)

// TestWarningsEverywhere asks every API for a trace with oddities.
func TestWarningsEverywhere(t *testing.T) {
	r := filled(t, oddCall()...)
	var legacy struct {
		Data []struct {
			Warnings []string
			Spans    []struct{ Warnings []string }
		}
	}
	jaeger := NewJaeger(testConfig(), r)
	parse(t, getOK(t, jaeger, "/api/traces/1"), &legacy)
	var got []string
	for _, s := range legacy.Data[0].Spans {
		got = append(got, s.Warnings...)
	}
	if !slices.Equal(got, []string{behindWarning, orphanWarning}) || !slices.Equal(legacy.Data[0].Warnings, []string{cutWarning}) {
		t.Errorf("Jaeger: spans %q, trace %q", got, legacy.Data[0].Warnings)
	}

	conn := dialJaeger(t, testConfig(), r)
	want := []string{behindWarning, orphanWarning}
	for name, spans := range map[string][]span.Span{
		"by HTTP":       decodeJSON(t, innerV3(t, getOK(t, jaeger, "/api/v3/traces/1"))),
		"found by HTTP": decodeJSON(t, innerV3(t, getOK(t, jaeger, "/api/v3/traces?query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=1971-01-01T00:00:00Z"))),
		"by gRPC":       askTraces(t, conn, serviceV3+"/GetTrace", `trace_id: "1"`),
		"found by gRPC": askTraces(t, conn, serviceV3+"/FindTraces", `query { start_time_min { } start_time_max { seconds: 100 } }`),
	} {
		var got []string
		for _, s := range spans {
			for _, kv := range s.Attrs {
				if elements, err := kv.Value.Elements(); kv.Key == warningsKey && err == nil {
					for _, e := range elements {
						got = append(got, e.Str)
					}
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("v3 %s: %q", name, got)
		}
	}

	for _, face := range []struct {
		name, url string
		answer    func(url string) []string
	}{
		{"Tempo's first API", "/api/traces/1", func(url string) []string { return get(t, NewTempo(testConfig(), r), url).Header()[warningHeader] }},
		{"Zipkin", "/api/v2/trace/1", func(url string) []string { return get(t, NewZipkin(testConfig(), r), url).Header()[warningHeader] }},
		{"native", nativeRoot + "/traces/1", func(url string) []string { return get(t, NewNative(testConfig(), r), url).Header()[warningHeader] }},
		{"Tempo's second API", "/api/v2/traces/1?q={span:id=\"0000000000000001\"}", func(url string) []string {
			var v2 struct{ Status, Message string }
			parse(t, getOK(t, NewTempo(testConfig(), r), url), &v2)
			if v2.Status != "COMPLETE" {
				t.Errorf("status %q", v2.Status)
			}
			return strings.Split(v2.Message, "; ")
		}},
	} {
		got := face.answer(face.url)
		text := fmt.Sprintf("%q", got)
		if len(got) != 3 || !strings.Contains(text, "0000000000000009, is missing") || !strings.Contains(text, "span 0000000000000002: the clock of mail differs") ||
			!strings.Contains(text, cutWarning) {
			t.Errorf("%s: %s", face.name, text)
		}
	}
}

// innerV3 returns what an envelope of the third API has.
func innerV3(t *testing.T, body []byte) []byte {
	t.Helper()
	text := strings.TrimSpace(string(body))
	inner, ok := strings.CutPrefix(text, `{"result":`)
	if !ok {
		t.Fatalf("answer %.100s", text)
	}
	return []byte(strings.TrimSuffix(inner, "}"))
}

// TestWarningsAreBounded asks for a trace with more oddities than there is room for.
func TestWarningsAreBounded(t *testing.T) {
	var rows []span.Span
	for i := range 300 {
		rows = append(rows, span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{6: byte(i >> 8), 7: byte(i), 0: 1}, Parent: span.SpanID{6: byte(i >> 8), 7: byte(i), 0: 2}})
	}
	got := get(t, NewZipkin(testConfig(), filled(t, rows...)), "/api/v2/trace/1").Header()[warningHeader]
	if n := len(got); n != maxWarningLines || got[n-1] != "there are 81 more warnings" {
		t.Errorf("%d warnings, the last %q", n, got[max(n-1, 0)])
	}
}
