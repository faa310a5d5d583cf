package api

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/store"
)

func TestTempoTime(t *testing.T) {
	tests := []struct {
		text string
		ns   uint64
		says string
	}{
		{"", 0, ""},
		{"0", 0, ""},
		{"3", 3e9, ""},
		{"1700000000", 1_700_000_000e9, ""},
		{"1700000000.", 1_700_000_000e9, ""},
		{"1700000000.25", 1_700_000_000_250_000_000, ""},
		{"1700000000.1234567891", 1_700_000_000_123_456_789, ""},
		{"1700000000123456789", 1_700_000_000_123_456_789, ""},
		{"9999999999", 9_999_999_999e9, ""},
		{"18446744073.709551615", 1<<64 - 1, ""},
		{"2023-11-14T22:13:20Z", 1_700_000_000e9, ""},
		{"2023-11-14T22:13:20.000000001+00:00", 1_700_000_000e9 + 1, ""},
		{"18446744073.709551616", 0, "lies too far in the future"},
		{"99999999999.0", 0, "lies too far in the future"},
		{"99999999999999999999", 0, "neither seconds"},
		{"-1", 0, "neither seconds"},
		{"1.5e9", 0, "neither seconds"},
		{"1.000000000x", 0, "neither seconds"},
		{"1.-1", 0, "neither seconds"},
		{"x", 0, "neither seconds"},
		{"1969-12-31T23:59:59Z", 0, "neither seconds"},
		{"2263-01-01T00:00:00Z", 0, "neither seconds"},
	}
	for _, test := range tests {
		p := params{url.Values{"start": {test.text}}}
		ns, ok, err := p.tempoTime("start")
		switch {
		case test.says == "":
			if err != nil || ns != test.ns || ok != (test.text != "") {
				t.Errorf("%q: got %d, %v, %v; want %d", test.text, ns, ok, err, test.ns)
			}
		case err == nil || statusOf(err) != 400 || !strings.HasPrefix(err.Error(), "unable to parse param 'start': ") || !strings.Contains(err.Error(), test.says):
			t.Errorf("%q: got %v, want %s", test.text, err, test.says)
		}
	}
}

func TestTempoTimeSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15": 15 * time.Second, "0.5": time.Second / 2, "1e3": 1000 * time.Second, "30s": 30 * time.Second, "1.5s": 3 * time.Second / 2,
		"1d12h": 36 * time.Hour, "1w": 168 * time.Hour, "-2": -2 * time.Second, "250us": 250 * time.Microsecond,
	} {
		p := params{url.Values{"step": {text}}}
		if d, ok, err := p.timeSpan("step"); d != want || !ok || err != nil {
			t.Errorf("%q: got %v, %v, %v", text, d, ok, err)
		}
	}
	for _, text := range []string{"x", "1x", "NaN", "Inf", "-Inf", "1e10", "9999999999", "1s1", "300y", " "} {
		p := params{url.Values{"step": {text}}}
		if _, _, err := p.timeSpan("step"); err == nil || statusOf(err) != 400 || !strings.HasPrefix(err.Error(), "unable to parse param 'step': ") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, ok, err := (params{url.Values{}}).timeSpan("step"); ok || err != nil {
		t.Errorf("without: %v, %v", ok, err)
	}
}

// TestTempoRange checks that start and end get to the store, in nanoseconds.
func TestTempoRange(t *testing.T) {
	p := params{url.Values{"start": {"3"}, "end": {"5"}}}
	if r, err := p.tempoRange(); err != nil || r != (store.TimeRange{Start: 3e9, End: 5e9}) {
		t.Errorf("got %v, %v", r, err)
	}
}

// TestTempoBadQueries has each parameter of the query endpoints wrong in each way.
func TestTempoBadQueries(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, steps()...))
	const (
		search  = "/api/search"
		tags    = "/api/search/tags"
		tagsV2  = "/api/v2/search/tags"
		values  = "/api/search/tag/n/values"
		valueV2 = "/api/v2/search/tag/span.n/values"
		series  = "/api/metrics/query_range"
		instant = "/api/metrics/query"
		rate    = "{ } | rate()"
	)
	long := strings.Repeat("x", tempoMaxQuery+1)
	tests := []struct {
		path   string
		params []string
		says   string
	}{
		{search, []string{"q", "{ .a = }"}, "invalid TraceQL query: "},
		{search, []string{"q", "{ durration > 1s }"}, `did you mean "duration"?`},
		{search, []string{"q", "{ duration > \"x\" }"}, "invalid TraceQL query: "},
		{search, []string{"q", `{ name =~ "(" }`}, "invalid TraceQL query: "},
		{search, []string{"q", rate}, "invalid TraceQL query: it gives time series, which /api/metrics/query_range and /api/metrics/query answer"},
		{search, []string{"q", long}, "invalid TraceQL query: it has 131073 bytes, the limit is 131072"},
		{search, []string{"q", "{ }", "tags", "a=b"}, "invalid request: can't specify tags and q in the same query"},
		{search, []string{"tags", `a="`}, "invalid tags: "},
		{search, []string{"tags", "a=b a=c"}, "invalid tags: tag a has been set twice"},
		{search, []string{"tags", "status.code=3"}, `invalid tags: status.code is unset, ok or error, not "3"`},
		{search, []string{"tags", manyTags(maxTags + 1)}, "invalid tags: too many, the limit is 100"},
		{search, []string{"tags", "a=" + long}, "invalid tags: they have 131075 bytes, the limit is 131072"},
		{search, []string{"minDuration", "x"}, "unable to parse param 'minDuration': "},
		{search, []string{"maxDuration", "1 s"}, "unable to parse param 'maxDuration': "},
		{search, []string{"minDuration", "2s", "maxDuration", "1s"}, "invalid maxDuration: must be greater than minDuration"},
		{search, []string{"limit", "0"}, "invalid limit: must be a positive number"},
		{search, []string{"limit", "-1"}, "invalid limit: must be a positive number"},
		{search, []string{"limit", "x"}, `invalid limit: "x" is not a number`},
		{search, []string{"spss", "0"}, "invalid spss: must be a positive number"},
		{search, []string{"spss", "1.5"}, `invalid spss: "1.5" is not a number`},
		{search, []string{"start", "x"}, "unable to parse param 'start': "},
		{search, []string{"end", "x"}, "unable to parse param 'end': "},
		{search, []string{"start", "2", "end", "2"}, "http parameter start must be before end. received start=2 end=2"},
		{tags, []string{"scope", "trace"}, `invalid scope: "trace"; expected span, resource, event, link, instrumentation or intrinsic`},
		{tagsV2, []string{"scope", "Span"}, `invalid scope: "Span"`},
		{tagsV2, []string{"limit", "0"}, "invalid limit: must be a positive number"},
		{tagsV2, []string{"start", "x"}, "unable to parse param 'start': "},
		{values, []string{"end", "x"}, "unable to parse param 'end': "},
		{values, []string{"limit", "many"}, `invalid limit: "many" is not a number`},
		{valueV2, []string{"start", "3", "end", "1"}, "http parameter start must be before end. received start=3 end=1"},
		{"/api/v2/search/tag/n/values", nil, "please provide a valid tagName: "},
		{"/api/v2/search/tag/span:nane/values", nil, "please provide a valid tagName: "},
		{"/api/v2/search/tag/span.n", nil, "please provide a tagName: the path ends with /tag/{tagName}/values"},
		{series, nil, "invalid TraceQL query: it gives traces, not time series; end it with a function such as | rate(), or ask /api/search"},
		{series, []string{"q", "{ } | rat()"}, "invalid TraceQL query: "},
		{series, []string{"query", "{ } | rat()"}, "invalid TraceQL query: "},
		{series, []string{"q", rate, "start", "x"}, "unable to parse param 'start': "},
		{series, []string{"q", rate, "end", "x"}, "unable to parse param 'end': "},
		{series, []string{"q", rate, "start", "5", "end", "5"}, "http parameter start must be before end. received start=5 end=5"},
		{series, []string{"q", rate, "start", "99999999999.0"}, "unable to parse param 'start': "},
		{series, []string{"q", rate, "since", "x"}, "unable to parse param 'since': "},
		{series, []string{"q", rate, "since", "0"}, "invalid since: must be positive"},
		{series, []string{"q", rate, "since", "-1h"}, "invalid since: must be positive"},
		{series, []string{"q", rate, "step", "x"}, "unable to parse param 'step': "},
		{series, []string{"q", rate, "step", "0"}, "invalid step: must be 1ms or more"},
		{series, []string{"q", rate, "step", "-30s"}, "invalid step: must be 1ms or more"},
		{series, []string{"q", rate, "exemplars", "x"}, `unable to parse param 'exemplars': "x" is not a number`},
		{series, []string{"q", rate, "exemplars", "-1"}, "exemplars must be from 0"},
		{instant, []string{"q", "{ }"}, "invalid TraceQL query: it gives traces"},
		{instant, []string{"q", rate, "since", "1 h"}, "unable to parse param 'since': "},
	}
	for _, test := range tests {
		w := get(t, h, query(test.path, test.params...))
		if w.Code != 400 || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s %.80v: status %d: %.200s; want %s", test.path, test.params, w.Code, w.Body, test.says)
		}
		if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") {
			t.Errorf("%s: Content-Type %s", test.path, kind)
		}
	}
	for _, path := range []string{search, tags, tagsV2, values, valueV2, series, instant} {
		if w := get(t, h, path+"?q=%zz"); w.Code != 400 || !strings.HasPrefix(w.Body.String(), "malformed query: ") {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
		if w := get(t, h, path, "X-Scope-OrgID", "a/b"); w.Code != 400 || !strings.Contains(w.Body.String(), "X-Scope-OrgID") {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}

func manyTags(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("t" + strings.Repeat("x", i) + "=1 ")
	}
	return b.String()
}
