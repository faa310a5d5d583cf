package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

func TestTempoMetricsGolden(t *testing.T) {
	golden := tempoGolden(t)
	recording := []string{"start", "2025-07-11T14:00:00Z", "end", "2025-07-11T14:10:00Z", "step", "10m", "exemplars", "0"}
	for name, params := range map[string][]string{
		"rate":      {"q", "{ } | rate()"},
		"by":        {"q", "{ } | count_over_time() by (resource.service.name, status, span.http.status_code)"},
		"quantile":  {"q", "{ } | quantile_over_time(duration, .5, 1) by (kind)"},
		"histogram": {"query", "{ } | histogram_over_time(duration)"},
		"math":      {"q", "({ status = error } | rate()) / ({ } | rate())"},
	} {
		t.Run(name, func(t *testing.T) {
			target := query("/api/metrics/query_range", append(params, recording...)...)
			golden(t, "tempo_range_"+name+".json", "QueryRangeResponse", target)
			target = query("/api/metrics/query", append(params, recording...)...)
			golden(t, "tempo_instant_"+name+".json", "QueryInstantResponse", target)
		})
	}
}

// rangeFound is what tests want to know of a metrics answer.
type rangeFound struct {
	Series []struct {
		Samples   []struct{ TimestampMs string }
		Exemplars []struct {
			TimestampMs string
			Labels      []struct {
				Key   string
				Value map[string]any
			}
		}
	}
}

func askRange(t *testing.T, f *faulty, now int64, params ...string) (r rangeFound) {
	t.Helper()
	cfg := testConfig()
	cfg.Now = func() time.Time { return time.Unix(now, 0) }
	target := query("/api/metrics/query_range", params...)
	if err := json.Unmarshal(getOK(t, NewTempo(cfg, f), target), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTempoMetricsTimes(t *testing.T) {
	f := &faulty{Reader: filled(t, steps()...)}
	const now = 1_700_003_600
	tests := []struct {
		params      []string
		first, last string // of the points, in seconds
		points      int
	}{
		{nil, "1699999995", "1700003610", 242}, // the last hour, in 15 s
		{[]string{"since", "10m", "step", "60"}, "1700002980", "1700003640", 12},
		{[]string{"since", "10m", "end", "1700003000", "step", "1m"}, "1700002380", "1700003040", 12},
		{[]string{"since", "10m", "end", "1700007200", "step", "1h"}, "1700002800", "1700010000", 3}, // from now back, not from the end
		{[]string{"start", "1700000000", "end", "1700000003", "step", "1"}, "1700000000", "1700000003", 4},
		{[]string{"start", "1700000000.5", "end", "1700000001.5", "step", "0.5"}, "1700000000.5", "1700000001.5", 3},
		{[]string{"start", "1700000000000000000", "end", "2023-11-14T22:13:21Z", "step", "250ms"}, "1700000000", "1700000001", 5},
	}
	for _, test := range tests {
		r := askRange(t, f, now, append([]string{"q", "{ } | rate()", "exemplars", "0"}, test.params...)...)
		if len(r.Series) != 1 || len(r.Series[0].Samples) != test.points {
			t.Errorf("%v: got %+v, want %d points", test.params, r, test.points)
			continue
		}
		samples := r.Series[0].Samples
		millis := func(seconds string) string {
			whole, fraction, _ := strings.Cut(seconds, ".")
			return whole + (fraction + "000")[:3]
		}
		if first, last := samples[0].TimestampMs, samples[len(samples)-1].TimestampMs; first != millis(test.first) || last != millis(test.last) {
			t.Errorf("%v: points from %s to %s", test.params, first, last)
		}
	}
}

func TestTempoExemplars(t *testing.T) {
	f := &faulty{Reader: filled(t, steps()...)}
	ask := func(params ...string) (n int) {
		params = append(params, "q", "{ } | max_over_time(duration)", "start", "1700000000", "end", "1700000003", "step", "1s")
		for _, s := range askRange(t, f, 1_700_000_010, params...).Series {
			for _, e := range s.Exemplars {
				n++
				if l := e.Labels[0]; l.Key != "trace:id" || !strings.Contains(step1+" "+step2+" "+step3, l.Value["stringValue"].(string)) {
					t.Errorf("labels %+v", e.Labels)
				}
			}
		}
		return n
	}
	if n := ask(); n != 3 {
		t.Errorf("%d exemplars", n)
	}
	if n := ask("exemplars", "1"); n != 1 {
		t.Errorf("%d exemplars, asked for 1", n)
	}
	if n := ask("exemplars", "0"); n != 0 {
		t.Errorf("%d exemplars, asked for none", n)
	}
}

func TestTempoMetricsGaps(t *testing.T) {
	h := NewTempo(testConfig(), &faulty{Reader: filled(t, recorded(t)...), gaps: []string{"block 7 is damaged", "block 9 is gone"}})
	for path, message := range map[string]string{"query_range": "QueryRangeResponse", "query": "QueryInstantResponse"} {
		body := string(answers(t, h, message, query("/api/metrics/"+path, "q", "{ } | rate()")))
		if !strings.Contains(body, `"status":"PARTIAL","message":"block 7 is damaged; block 9 is gone"`) {
			t.Errorf("%s: %s", path, body)
		}
	}
	whole := string(getOK(t, NewTempo(testConfig(), filled(t, recorded(t)...)), query("/api/metrics/query", "q", "{ } | rate()")))
	if strings.Contains(whole, "status") || strings.Contains(whole, "message") {
		t.Errorf("a whole answer: %s", whole)
	}
}

// TestTempoPoints checks values that are rare.
func TestTempoPoints(t *testing.T) {
	rangeKind, instantKind := messageKind(t, "QueryRangeResponse"), messageKind(t, "QueryInstantResponse")
	series := &traceql.TimeSeries{
		Labels: []traceql.Label{{Name: "span.a"}, {Name: "b", Value: traceql.DurationStatic(1_500_000_000)}},
		Values: []float64{0, math.NaN(), math.Inf(1), 1e300, -0.5},
		Exemplars: []traceql.Exemplar{{
			TraceID: span.TraceID{1: 0x0a}, SpanID: span.SpanID{7: 1}, Time: 1_999_999_999, Value: 0.25,
			Labels: []traceql.Label{{Name: "status", Value: traceql.StatusStatic(2)}, {Name: "trace:id", Value: traceql.StringStatic("long")}},
		}},
	}
	found := &traceql.SeriesResult{Series: []*traceql.TimeSeries{series}, Times: []int64{1000, 2000, 3000, 4000, 5000}}
	write := func(kind protoreflect.MessageDescriptor, a tempoAnswer) string {
		var inJSON, inProto bytes.Buffer
		j, p := tempoJSON{otlpJSON{newJSON(&inJSON)}}, &protoWriter{w: &inProto}
		a.writeJSON(j)
		a.writeProto(p)
		if err := errors.Join(j.err, p.flush()); err != nil {
			t.Fatal(err)
		}
		sameMessage(t, kind, inJSON.Bytes(), inProto.Bytes())
		return strings.TrimSpace(inJSON.String())
	}
	const labels = `"labels":[{"key":"span.a","value":{"stringValue":"nil"}},{"key":"b","value":{"stringValue":"1.5s"}}]`
	want := `{"series":[{` + labels + `,"samples":[{"timestampMs":"1000","value":0},{"timestampMs":"3000","value":"Infinity"},` +
		`{"timestampMs":"4000","value":1e+300},{"timestampMs":"5000","value":-0.5}],` +
		`"exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"a0000000000000000000000000000"}},{"key":"status","value":{"stringValue":"error"}}],` +
		`"value":0.25,"timestampMs":"1999"}]}],"metrics":{},"status":"COMPLETE","message":""}`
	if got := write(rangeKind, rangeAnswer{found, jobs{}}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want = `{"series":[{` + labels + `,"value":0}],"metrics":{}}`
	if got := write(instantKind, instantAnswer{found, jobs{}}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	series.Values[0] = math.NaN()
	if got := write(instantKind, instantAnswer{found, jobs{}}); got != `{"series":[],"metrics":{}}` {
		t.Errorf("without a value: %s", got)
	}
}

// TestTempoKeysOutOfData checks that names from data which are no UTF-8 become part of an answer.
func TestTempoKeysOutOfData(t *testing.T) {
	s := steps()[0]
	s.Resource = span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("sh\xffop")}}}
	body := getOK(t, NewTempo(testConfig(), filled(t, s)), "/api/search?q="+url.QueryEscape("{ }"))
	if !strings.Contains(string(body), "\"serviceStats\":{\"sh\ufffdop\":{") {
		t.Errorf("got %s", body)
	}
}
