package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// slowRows are traces of one span, of which those in zone b take longer from the second 200 on.
func slowRows() []span.Span {
	var rows []span.Span
	for i := range 400 {
		s := span.Span{
			TraceID: span.TraceID{0: byte(i >> 8), 1: byte(i), 15: 1}, SpanID: span.SpanID{7: 1}, Name: "work", Kind: 2, Start: uint64(1000+i) * 1e9,
			Attrs: []span.KeyValue{{Key: "zone", Value: span.StringValue("a")}, {Key: "id", Value: span.StringValue(fmt.Sprint(i))}, {Key: "size", Value: span.IntValue(int64(i))}},
		}
		s.End = s.Start + 5e6
		if i%4 == 0 {
			s.Attrs[0].Value.Str = "b"
			if i >= 200 {
				s.End = s.Start + 2e9
			}
		}
		rows = append(rows, s)
	}
	return rows
}

func TestNativeDiffersGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	golden(t, "native_differs.json", getOK(t, h, "/api/clew/v1/differs?selection="+url.QueryEscape("{ status = error }")+"&values=2&limit=8"))
}

func TestNativeDiffers(t *testing.T) {
	r := filled(t, slowRows()...)
	for name, query := range map[string]url.Values{
		"a box":     {"q": {"name=work"}, "selectionStart": {"1200000000000"}, "selectionEnd": {"1400000000000"}, "minDuration": {"1s"}, "maxDuration": {"5s"}},
		"two sets":  {"q": {`{ span:duration < 1s }`}, "selection": {"duration >= 1s"}},
		"plain":     {"selection": {"{ duration > 1s }"}},
		"with ends": {"start": {"1200000000000"}, "end": {"1400000000000"}, "minDuration": {"1s"}},
	} {
		got := read[Differences](t, r, "differs", query)
		if got.Selection.Matched != 50 || got.Selection.Compared != 50 || len(got.Attributes) == 0 {
			t.Fatalf("%s: %+v", name, got)
		}
		first := got.Attributes[0]
		if first.Name != "span.zone" || first.Given || first.Score < 0.5 || len(first.Values) != 2 {
			t.Fatalf("%s: the first is %+v", name, first)
		}
		b := first.Values[0]
		if string(b.Value.Value) == `"a"` { // they differ as much
			b = first.Values[1]
		}
		if b.Kind != "value" || b.Selection != (CountOfWhole{50, 1}) || b.In != `span.zone = "b"` || b.Out != `!(span.zone = "b")` {
			t.Errorf("%s: %+v", name, b)
		}
		if last := got.Attributes[len(got.Attributes)-1]; last.Name != "duration" || !last.Given {
			t.Errorf("%s: the last is %+v", name, last)
		}
		if len(got.Ignored) != 1 || got.Ignored[0].Name != "span.id" || got.Ignored[0].Distinct < 100 {
			t.Errorf("%s: ignored are %+v", name, got.Ignored)
		}
		size := got.Attributes[0]
		for _, a := range got.Attributes {
			if a.Name == "span.size" {
				size = a
			}
		}
		if size.Name != "span.size" || size.Values[0].Kind != "range" || size.Values[0].To.Type != "int" || size.Quantiles.Selection.Max != 396 {
			t.Errorf("%s: %+v", name, size)
		}
	}
}

func TestNativeDiffersEvents(t *testing.T) {
	h := NewNative(testConfig(), filled(t, slowRows()...))
	events := string(getOK(t, h, "/api/clew/v1/differs?minDuration=1s", "Accept", "text/event-stream"))
	if !strings.HasPrefix(events, "event: progress\n") || !strings.Contains(events, "event: result\n") {
		t.Errorf("got %s", events)
	}
}

func TestNativeDiffersTellsGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, slowRows()...), gaps: []string{"a file is damaged"}}
	if got := read[Differences](t, r, "differs", url.Values{"minDuration": {"1s"}}).Gaps; len(got) != 1 || got[0] != r.gaps[0] {
		t.Errorf("gaps are %q", got)
	}
}

func TestNativeDiffersErrors(t *testing.T) {
	h := NewNative(testConfig(), filled(t))
	for query, want := range map[string]string{
		"q=%7B%7D":                               "the selection is all that q matches: narrow it by selection, selectionStart, selectionEnd, minDuration or maxDuration",
		"q=%7B%7D%7Crate()&minDuration=1s":       "unable to parse param 'q': it gives time series, not spans",
		"selection=%7B%7D%7Crate()":              "unable to parse param 'selection': it gives time series, not spans",
		"minDuration=2s&maxDuration=2s":          "invalid parameter: minDuration 2s must be below maxDuration 2s",
		"maxDuration=0s":                         "invalid parameter: maxDuration must be above 0",
		"selectionStart=20&selectionEnd=20":      "invalid parameter: selectionStart must be before selectionEnd",
		"start=20&end=30&selectionStart=30":      "invalid parameter: selectionStart must be before selectionEnd",
		"selection=error&values=101":             "invalid parameter: values must be from 1 to 100",
		"selection=%7Bstatus%3Derror%7D&limit=0": "invalid parameter: limit must be from 1 to 10000",
		"selection=x&a=1":                        "unknown parameter 'a'; there are q, selection, start, end, selectionStart, selectionEnd, minDuration, maxDuration, values, limit",
		"q=%7Bdurration%3E1s%7D":                 `q: parse error at line 1, col 2: unknown intrinsic "durration": did you mean "duration"?`,
	} {
		w := get(t, h, "/api/clew/v1/differs?"+query)
		var body struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != 400 || want != "" && body.Error.Message != want {
			t.Errorf("%s: status %d: %s", query, w.Code, w.Body)
		}
	}
}
