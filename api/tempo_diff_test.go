package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// diffRows are trace 1, and trace 2 which differs from it: one span takes longer and fails, one has other attributes, one is
// not there and one is new.
func diffedRows() []span.Span {
	rows := foldSpans("1 0 root 90\n2 1 call 20 k=v same=1\n3 2 query 5\n4 1 gone 3")
	for _, s := range foldSpans("1 0 root 95\n2 1 call 50 error k=w same=1 new=2\n3 2 query 5\n5 2 extra 3 error") {
		s.TraceID[15] = 2
		rows = append(rows, s)
	}
	for i := range rows {
		rows[i].Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue([]string{"shop", "db"}[i%2])}}
	}
	return rows
}

func postTempo(t *testing.T, rows []span.Span, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	NewTempo(testConfig(), filled(t, rows...)).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v2/traces/diff", strings.NewReader(body)))
	return w
}

func TestTempoDiffGolden(t *testing.T) {
	for name, format := range map[string]string{
		"tempo_diff_patch.json":    "",
		"tempo_diff_summary.json":  diffSummary,
		"tempo_diff_composed.json": diffComposed,
	} {
		w := postTempo(t, diffedRows(), fmt.Sprintf(`{"base":{"traceID":"1","start":0,"end":"2"},"compare":{"traceId":"2"},"format":%q}`, format))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d: %s", name, w.Code, w.Body)
		}
		golden(t, name, w.Body.Bytes())
	}
}

// TestTempoDiffOfItself compares recorded and odd traces with themselves.
func TestTempoDiffOfItself(t *testing.T) {
	rows := append(recorded(t), odd()...)
	for _, id := range []string{traceWhole, traceOrphans, "ab00000000000001"} {
		var got tracePatch
		parse(t, postTempo(t, rows, fmt.Sprintf(`{"base":{"traceId":%q},"compare":{"traceId":%[1]q}}`, id)).Body.Bytes(), &got)
		if s := got.Stats; s.Matched == 0 || s.Matched != s.SpansA || len(got.Modified)+len(got.Added)+len(got.Removed)+s.Fields+s.Attributes+s.Events != 0 {
			t.Errorf("%s: %+v", id, s)
		}
		if n := len(got.Warnings); (n > 0) != (id != traceWhole) {
			t.Errorf("%s: warnings %v", id, got.Warnings)
		}
	}
}

// TestTempoDiffIsBounded compares traces whose patch would be large.
func TestTempoDiffIsBounded(t *testing.T) {
	var rows []span.Span
	for i := range 4000 {
		s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{4: 1, 6: byte(i >> 8), 7: byte(i)}, Name: "a", Start: uint64(i) + 1, End: uint64(i) + 2}
		if i > 0 {
			s.Parent = span.SpanID{4: 1, 6: byte((i - 1) >> 8), 7: byte(i - 1)}
		}
		rows = append(rows, s)
		s.TraceID[15], s.Name = 2, "b"
		rows = append(rows, s)
	}
	var got tracePatch
	body := postTempo(t, rows, `{"base":{"traceId":"1"},"compare":{"traceId":"2"}}`).Body.Bytes()
	parse(t, body, &got)
	if s := got.Stats; !s.Truncated || s.Added != 4000 || s.Removed != 4000 || len(got.Added) == 0 || len(body) > 10<<20 {
		t.Errorf("%+v, %d spans, %d bytes", s, len(got.Added)+len(got.Removed), len(body))
	}
	var composed struct {
		Patch   any
		Omitted struct {
			Bytes  int
			Reason string
		} `json:"patchOmitted"`
	}
	parse(t, postTempo(t, rows, `{"base":{"traceId":"1"},"compare":{"traceId":"2"},"format":"trace-summary-v0-composed"}`).Body.Bytes(), &composed)
	if composed.Patch != nil || composed.Omitted.Bytes <= maxPatchBytes || composed.Omitted.Reason != "over_budget" {
		t.Errorf("composed: %+v", composed.Omitted)
	}
}

func TestTempoDiffErrors(t *testing.T) {
	for body, want := range map[string]string{
		`{`: "400: cannot unmarshal the body",
		`{"base":{"traceId":"1"},"compare":{"traceId":"2"},"format":"x"}`: `400: invalid format: "x"; expected trace-patch-v0, trace-summary-v0-native or trace-summary-v0-composed`,
		`{"base":{"traceId":"1"}}`:                                        `400: compare: trace id "": has 0 digits`,
		`{"base":{"traceId":"77"},"compare":{"traceId":"1"}}`:             "404: base: trace not found",
		`{"base":{"traceId":"1","start":"x"},"compare":{"traceId":"1"}}`:  "400: base: unable to parse param 'start'",
		strings.Repeat(" ", maxDiffRequest+1):                             "400: cannot read the body",
	} {
		w := postTempo(t, diffedRows(), body)
		if got := fmt.Sprintf("%d: %s", w.Code, w.Body); !strings.HasPrefix(got, want) {
			t.Errorf("%.80s: got %s, want %s", body, got, want)
		}
	}
}
