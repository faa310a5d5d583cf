package api

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// qualitySpans is a trace whose client span has a secret, and names no service version.
func qualitySpans(t *testing.T) []span.Span {
	rows := linkedRows(t, `
		1 0 server shop
		2 1 client shop`)
	for i := range rows {
		rows[i].Start = (servedAt + uint64(i)) * 1e9
		rows[i].End = rows[i].Start + 1e6
	}
	rows[1].Attrs = []span.KeyValue{{Key: "app.note", Value: span.StringValue("password=hunter2")}}
	return rows
}

func qualityQuery(service string) url.Values {
	return url.Values{
		"start": {time.Unix(servedAt, 0).UTC().Format(time.RFC3339)}, "end": {time.Unix(servedAt+10, 0).UTC().Format(time.RFC3339)}, "service": {service},
	}
}

func TestNativeQuality(t *testing.T) {
	r := filled(t, qualitySpans(t)...)
	got := read[Quality](t, r, "quality", qualityQuery("shop"))
	if got.Range != (Range{servedAt * 1e9, (servedAt + 10) * 1e9}) || got.Looked != 2 || got.Spans != 2 || len(got.Services) != 1 || len(got.NotJudged) == 0 || got.Score == nil {
		t.Fatalf("%+v", got)
	}
	s := got.Services[0]
	if s.Name != "shop" || s.Score != *got.Score || s.Category != got.Category || s.Seen != 2 || s.Count != 2 {
		t.Errorf("%+v", s)
	}
	var secret QualityFinding
	for _, f := range s.Findings {
		if f.Rule == "SPA-006" {
			secret = f
		}
	}
	if secret.Meaning == "" || secret.Fix == "" {
		t.Errorf("%+v", secret)
	}
	secret.Meaning, secret.Fix = "", ""
	want := QualityFinding{
		Rule: "SPA-006", Title: "Secrets or personal data in spans", Impact: "critical", Scored: true,
		Seen: 1, Count: 1, Of: 2, Unit: "spans", Share: 0.5,
		Cases: []QualityCase{{What: "app.note has a password: password=***", Seen: 1, Count: 1, Examples: []QualityExample{
			{span.TraceID{15: 1}.String(), span.SpanID{7: 2}.String(), (servedAt + 1) * 1e9},
		}}},
	}
	if !reflect.DeepEqual(secret, want) {
		t.Errorf("got  %+v\nwant %+v", secret, want)
	}
}

func TestNativeQualityTellsNoSecrets(t *testing.T) {
	w := get(t, NewNative(testConfig(), filled(t, qualitySpans(t)...)), "/api/clew/v1/quality?"+qualityQuery("").Encode())
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNativeQualityOfNothing(t *testing.T) {
	got := read[Quality](t, filled(t), "quality", nil)
	now := uint64(recordedAt.UnixNano())
	if got.Range != (Range{now - uint64(time.Hour), now}) || got.Score != nil || got.Category != "" || len(got.Services) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestNativeQualityTellsGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, qualitySpans(t)...), gaps: []string{"a file is damaged"}}
	if got := read[Quality](t, r, "quality", nil).Gaps; !reflect.DeepEqual(got, r.gaps) {
		t.Errorf("gaps are %v", got)
	}
}

func TestNativeQualityErrors(t *testing.T) {
	h := NewNative(testConfig(), filled(t))
	for query, want := range map[string]string{
		"q=x":                        "unknown parameter 'q'; there are service, start, end",
		"start=2100-01-01T00:00:00Z": "invalid parameter: start lies in the future",
	} {
		w := get(t, h, "/api/clew/v1/quality?"+query)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
