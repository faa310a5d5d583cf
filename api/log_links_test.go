package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

func TestLogLinks(t *testing.T) {
	links, err := ParseLogLinks([]string{
		`Loki=https://grafana.example/explore?left=%7B"expr":"%7Bservice=\"{service}\"%7D|=\"{trace_id}\""%7D&from={start_ms}&to={end_ms}`,
		"Kibana=http://kibana/app/discover#/?_g=(time:(from:'{start}',to:'{end}'))&_a=(query:'trace.id:{trace_id} and span.id:{span_id}')",
		"pod=https://pods.example/{attribute:k8s.pod.name}/logs?n={attribute:n}&s={start_s}&u={end_us}&ns={start_ns}",
		"nowhere=https://x/{attribute:missing}",
	})
	if err != nil {
		t.Fatal(err)
	}
	row := span.Span{
		TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 2}, Start: 1_752_253_200_123_456_789, End: 1_752_253_201_000_000_000,
		Attrs: []span.KeyValue{{Key: "n", Value: span.IntValue(7)}},
		Resource: span.SpanResource{Attrs: []span.KeyValue{
			{Key: "service.name", Value: span.StringValue(`a b&c="/{trace_id}?#`)}, {Key: "k8s.pod.name", Value: span.StringValue("../pod é")}}},
	}
	b := batchOf(row)
	got := links.of(b, 0)
	want := []LogLink{
		{"Loki", `https://grafana.example/explore?left=%7B"expr":"%7Bservice=\"a%20b%26c%3D%22%2F%7Btrace_id%7D%3F%23\"%7D|=\"00000000000000000000000000000001\""%7D&from=1752253140123&to=1752253261000`},
		{"Kibana", "http://kibana/app/discover#/?_g=(time:(from:'2025-07-11T16%3A59%3A00.123Z',to:'2025-07-11T17%3A01%3A01.000Z'))&_a=(query:'trace.id:00000000000000000000000000000001 and span.id:0000000000000002')"},
		{"pod", "https://pods.example/..%2Fpod%20%C3%A9/logs?n=7&s=1752253140&u=1752253261000000&ns=1752253140123456789"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLogLinksThatAreWrong(t *testing.T) {
	for text, says := range map[string]string{
		"Loki":                        "expected NAME=URL",
		"=https://x/":                 "expected NAME=URL",
		"a=javascript:alert(1)":       "http or https",
		"a=https:///x":                "http or https",
		"a=https://{service}/x":       "the host of the address cannot come from a span",
		"a=https://x/{traceid}":       "{traceid} is no placeholder",
		"a=https://x/{start_h}":       "{start_h} is no placeholder",
		"a=https://x/{attribute:}":    "is no placeholder",
		"a=https://x/{trace_id":       "is no placeholder",
		"a={attribute:x}://x/":        "http or https",
		"a=https://x/{ends}{service}": "is no placeholder",
	} {
		if _, err := ParseLogLinks([]string{text}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestSpanHasLogLinks checks that links are told of a span, and of the root where no span is named.
func TestSpanHasLogLinks(t *testing.T) {
	cfg := testConfig()
	var err error
	if cfg.LogLinks, err = ParseLogLinks([]string{"Loki=https://x/{trace_id}/{span_id}"}); err != nil {
		t.Fatal(err)
	}
	h := NewNative(cfg, filled(t, recorded(t)...))
	var d SpanDetails
	if err := json.Unmarshal(getOK(t, h, "/api/clew/v1/traces/"+traceWhole+"/spans/1"), &d); err != nil {
		t.Fatal(err)
	}
	if want := []LogLink{{"Loki", "https://x/" + traceWhole + "/" + d.SpanID}}; !slices.Equal(d.LogLinks, want) {
		t.Errorf("%q, want %q", d.LogLinks, want)
	}
	for _, values := range []url.Values{nil, {"span": {d.SpanID}}} {
		if list := readLogs(t, h, traceWhole, values); len(list.Links) != 1 || (values != nil) != strings.HasSuffix(list.Links[0].URL, d.SpanID) {
			t.Errorf("%v: %q", values, list.Links)
		}
	}
}

// FuzzLogLinks checks that whatever a span holds, a link leads to the host that was configured.
func FuzzLogLinks(f *testing.F) {
	f.Add("Loki=https://grafana.example/{service}?q={attribute:a}#{trace_id}", "a b", "\x00/../@evil\\")
	f.Fuzz(func(t *testing.T, text, service, value string) {
		links, err := ParseLogLinks([]string{text})
		if err != nil {
			return
		}
		row := span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{2}, Attrs: []span.KeyValue{{Key: "a", Value: span.StringValue(value)}},
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue(service)}}}}
		plain := row
		plain.Attrs, plain.Resource.Attrs = []span.KeyValue{{Key: "a", Value: span.StringValue("x")}}, []span.KeyValue{{Key: "service.name", Value: span.StringValue("x")}}
		got, want := links.of(batchOf(row), 0), links.of(batchOf(plain), 0)
		if len(got) != 1 || len(want) != 1 {
			return
		}
		g, err := url.Parse(got[0].URL)
		w, err2 := url.Parse(want[0].URL)
		if (err == nil) != (err2 == nil) || err == nil && (g.Host != w.Host || g.Scheme != w.Scheme) {
			t.Errorf("%s leads to %q", text, got[0].URL)
		}
	})
}
