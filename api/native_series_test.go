package api

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func series(t *testing.T, r store.Reader, query url.Values) SeriesResult {
	t.Helper()
	return read[SeriesResult](t, r, "series", query)
}

func TestNativeSeriesGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, append(recorded(t), odd()...)...))
	for name, query := range map[string]url.Values{
		"native_series.json":          {"q": {"{ } | rate() by (resource.service.name)"}, "start": {"2025-07-11T14:08:00Z"}, "end": {"2025-07-11T14:11:00Z"}, "step": {"1m"}},
		"native_series_instant.json":  {"q": {"{ } | quantile_over_time(duration, .5, .9) by (status)"}, "instant": {"true"}, "start": {"0"}},
		"native_series_gaps.json":     {"q": {"{ } | max_over_time(duration)"}, "start": {"2025-07-11T14:08:00Z"}, "end": {"2025-07-11T14:11:00Z"}, "step": {"1m"}, "exemplars": {"0"}},
		"native_series_no_spans.json": {"q": {"{ .nobody = 1 } | rate() by (name)"}, "step": {"30m"}},
	} {
		golden(t, name, withoutStats(getOK(t, h, "/api/clew/v1/series?"+query.Encode())))
	}
}

// TestNativeSeries checks counts against the spans that were stored, and that the answer ends when it is told to.
func TestNativeSeries(t *testing.T) {
	end := uint64(recordedAt.UnixNano())
	var rows []span.Span
	for i := range 90 { // one each minute, the last one at the end
		rows = append(rows, span.Span{TraceID: span.TraceID{15: byte(i + 1)}, SpanID: span.SpanID{1}, Start: end - uint64(i)*60e9})
	}
	r := filled(t, rows...)
	sum := func(result SeriesResult) (n float64) {
		for _, s := range result.Series {
			for _, v := range s.Values {
				n += v
			}
		}
		return n
	}
	const q = "{ } | count_over_time()"
	hour := series(t, r, url.Values{"q": {q}}) // the last one, both ends included
	if got := sum(hour); got != 61 || len(hour.Times) != len(hour.Series[0].Values) || hour.Query != q {
		t.Errorf("%v spans in %d intervals of %q", got, len(hour.Times), hour.Query)
	}
	if last := hour.Times[len(hour.Times)-1]; last != int64(end/1e6) {
		t.Errorf("the last interval ends at %d", last)
	}
	five := series(t, r, url.Values{"q": {q}, "step": {"5m"}, "start": {recordedAt.Add(-1800e9).Format("2006-01-02T15:04:05Z07:00")}})
	if !slices.Equal(five.Series[0].Values, []float64{1, 5, 5, 5, 5, 5, 5}) || five.Step != 300e9 {
		t.Errorf("steps of %d: %v", five.Step, five.Series[0].Values)
	}
	if got := sum(series(t, r, url.Values{"q": {q}, "instant": {"true"}, "start": {"0"}})); got != 90 {
		t.Errorf("instant: %v spans", got)
	}
	none := series(t, r, url.Values{"q": {q}, "exemplars": {"0"}})
	two := series(t, r, url.Values{"q": {q}, "exemplars": {"2"}})
	if len(hour.Series[0].Exemplars) == 0 || len(none.Series[0].Exemplars) > 0 || len(two.Series[0].Exemplars) != 2 {
		t.Errorf("exemplars: %d by default, %d of none, %d of two", len(hour.Series[0].Exemplars), len(none.Series[0].Exemplars), len(two.Series[0].Exemplars))
	}
}

// TestNativeSeriesLimit checks that what is left out is told.
func TestNativeSeriesLimit(t *testing.T) {
	r := filled(t, recorded(t)...)
	query := url.Values{"q": {"{ } | rate() by (name)"}, "start": {"0"}, "instant": {"true"}}
	all := series(t, r, query)
	query.Set("limit", "1")
	one := series(t, r, query)
	if len(all.Series) < 2 || len(all.Gaps) > 0 || len(one.Series) != 1 || len(one.Gaps) != 1 {
		t.Errorf("%d series, gaps %q; limited: %d, %q", len(all.Series), all.Gaps, len(one.Series), one.Gaps)
	}
}

func TestNativeSeriesPlan(t *testing.T) {
	query := url.Values{"q": {`{ name = "x" } | rate() by (resource.service.name)`}, "explain": {"true"}}
	if plan := series(t, filled(t, recorded(t)...), query).Plan; len(plan) != 1 || len(plan[0].Where)+len(plan[0].Needs) == 0 {
		t.Errorf("plan %+v", plan)
	}
}

func TestNumbers(t *testing.T) {
	numbers := Numbers{0, -1.5, math.NaN(), 1e300, math.Inf(1), math.Inf(-1)}
	text, err := json.Marshal(numbers)
	if want := `[0,-1.5,null,1e+300,"Infinity","-Infinity"]`; err != nil || string(text) != want {
		t.Errorf("%s: %v", text, err)
	}
	var back Numbers
	if err := json.Unmarshal(text, &back); err != nil || !slices.EqualFunc(back, numbers, func(a, b float64) bool {
		return a == b || math.IsNaN(a) && math.IsNaN(b)
	}) {
		t.Errorf("read back as %v: %v", back, err)
	}
	for _, bad := range []string{`5`, `["x"]`, `[{}]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is taken as %v", bad, back)
		}
	}
}
