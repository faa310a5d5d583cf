package api

import (
	"encoding/json"
	"math"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

func TestNativeServicesGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	golden(t, "native_services.json", getOK(t, h, "/api/clew/v1/services?start=2025-07-11T14:00:00Z&end=2025-07-11T14:10:00Z&by=operation&points=2&compare=previous"))
}

// servedAt is the time, in seconds, in which the requests of serviceRows begin.
const servedAt = 1_000_000

// serviceRows are two requests of shop, one of them sampled, and one an hour before.
func serviceRows(t *testing.T) []span.Span {
	rows := linkedRows(t, `
		1 0 server shop
		2 1 client shop
		3 0 server shop error
		4 0 consumer mail
		5 0 server shop`)
	for i := range rows {
		rows[i].Name = "work"
		rows[i].Start = (servedAt + uint64(i)) * 1e9
		rows[i].End = rows[i].Start + 100
	}
	rows[2].TraceState = "ot=th:c"
	rows[4].Start, rows[4].End = (servedAt-3600)*1e9, (servedAt-3600)*1e9+50
	return rows
}

func TestNativeServices(t *testing.T) {
	r := filled(t, serviceRows(t)...)
	query := url.Values{
		"start": {time.Unix(servedAt, 0).UTC().Format(time.RFC3339)}, "end": {time.Unix(servedAt+10, 0).UTC().Format(time.RFC3339)},
		"service": {"shop"}, "compare": {"hour"}, "points": {"3"},
	}
	got := read[ServiceList](t, r, "services", query)
	got.Stats = Stats{}
	example := func(id byte, second uint64, failed bool) SpanExample {
		return SpanExample{span.TraceID{15: 1}.String(), span.SpanID{7: id}.String(), "work", (servedAt + second) * 1e9, 100, failed}
	}
	step := 10.0 / 3
	nan := math.NaN()
	want := ServiceList{
		Range:   Range{servedAt * 1e9, (servedAt + 10) * 1e9},
		Compare: &Range{(servedAt - 3600) * 1e9, (servedAt - 3590) * 1e9},
		Step:    3_333_333_334,
		Services: []ServiceStats{{Name: "shop", Spans: 3, ServiceRequests: ServiceRequests{
			Now:    Traffic{Requests: 5, Errors: 4, Seen: 2, Rate: 0.5, ErrorShare: 0.8, P50: 100, P95: 100, P99: 100, Max: 100},
			Before: &Traffic{Requests: 1, Seen: 1, Rate: 0.1, P50: 50, P95: 50, P99: 50, Max: 50},
			Points: ServicePoints{
				Rate: Numbers{5 / step, 0, 0}, ErrorShare: Numbers{0.8, nan, nan}, P95: Numbers{100, nan, nan},
			},
			Slowest: []SpanExample{example(3, 2, true), example(1, 0, false)},
			Failing: []SpanExample{example(3, 2, true)},
		}}},
	}
	if got.Services[0].Points.Rate[0] = math.Round(got.Services[0].Points.Rate[0]*1e6) / 1e6; got.Services[0].Points.Rate[0] != 1.5 {
		t.Errorf("rate %v", got.Services[0].Points.Rate)
	}
	want.Services[0].Points.Rate[0] = 1.5
	text := func(v any) string { b, _ := json.Marshal(v); return string(b) } // NaN is not equal to NaN
	if text(got) != text(want) {
		t.Errorf("got  %s\nwant %s", text(got), text(want))
	}
}

func TestNativeServicesRanges(t *testing.T) {
	r := filled(t)
	now := uint64(recordedAt.UnixNano())
	hour := uint64(time.Hour)
	for _, test := range []struct {
		query           url.Values
		within, compare Range
	}{
		{nil, Range{now - hour, now}, Range{}},
		{url.Values{"compare": {"previous"}}, Range{now - hour, now}, Range{now - 2*hour, now - hour}},
		{url.Values{"compare": {"day"}}, Range{now - hour, now}, Range{now - 25*hour, now - 24*hour}},
		{url.Values{"compare": {"week"}, "start": {"604800000000001"}, "end": {"604800000000002"}}, Range{604800000000001, 604800000000002}, Range{1, 2}},
		{url.Values{"compare": {"30m"}}, Range{now - hour, now}, Range{now - 3*hour/2, now - hour/2}},
	} {
		got := read[ServiceList](t, r, "services", test.query)
		compare := Range{}
		if got.Compare != nil {
			compare = *got.Compare
		}
		if got.Range != test.within || compare != test.compare || len(got.Services) != 0 {
			t.Errorf("%v: %+v, compared with %+v", test.query, got, compare)
		}
	}
}

func TestNativeServicesTellGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, serviceRows(t)...), gaps: []string{"a file is damaged"}}
	if got := read[ServiceList](t, r, "services", url.Values{"compare": {"day"}}).Gaps; !reflect.DeepEqual(got, r.gaps) {
		t.Errorf("gaps are %v", got)
	}
}

func TestNativeServicesErrors(t *testing.T) {
	h := NewNative(testConfig(), filled(t))
	for query, want := range map[string]string{
		"q=x":          "unknown parameter 'q'; there are start, end, by, service, compare, points",
		"by=name":      `unable to parse param 'by': "name" is none of service, operation`,
		"points=501":   "invalid parameter: points must be from 0 to 500",
		"compare=soon": `unable to parse param 'compare': "soon" is none of hour, day, week and previous, nor how far to look back, as 30m`,
		"compare=-1h":  `unable to parse param 'compare': "-1h" is none of hour, day, week and previous, nor how far to look back, as 30m`,
		"compare=day&start=1000000000&end=2000000000": "invalid parameter: compare looks back to before 1970",
		"start=2100-01-01T00:00:00Z":                  "invalid parameter: start lies in the future",
	} {
		w := get(t, h, "/api/clew/v1/services?"+query)
		var body struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 400 || body.Error.Message != want {
			t.Errorf("%s: status %d: %s", query, w.Code, w.Body)
		}
	}
}
