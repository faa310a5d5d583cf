package api

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// twoTraces are the traces 1 and 2.
func twoTraces(t *testing.T) []span.Span {
	rows := linkedRows(t, `
		1 0 server web
		2 1 client web
		3 2 server shop
		4 3 client shop
		5 3 internal shop`)
	later := linkedRows(t, `
		1 0 server web error
		2 1 client web
		3 2 server shop error
		4 3 client shop
		6 3 client shop
		7 1 client mail`)
	for i := range later {
		later[i].TraceID[15] = 2
	}
	rows = append(rows, later...)
	for i := range rows {
		rows[i].Name = "work"
		rows[i].End = rows[i].Start + 1000
	}
	rows[7].End += 500 // the server of shop in trace 2
	return rows
}

func TestNativeDiffGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, twoTraces(t)...))
	golden(t, "native_diff.json", getOK(t, h, "/api/clew/v1/diff?a=1&b=2"))
}

func TestNativeDiff(t *testing.T) {
	r := filled(t, twoTraces(t)...)
	got := read[TraceDiff](t, r, "diff", url.Values{"a": {"1"}, "b": {"02"}})
	var nodes []string
	for _, n := range got.Nodes {
		nodes = append(nodes, strings.Repeat(" ", int(n.Depth))+n.Service+" "+n.Kind+" "+n.Change)
	}
	want := []string{"web server same", " web client same", "  shop server slower", "   shop client same", "   shop internal missing", " mail client added"}
	if strings.Join(nodes, "\n") != strings.Join(want, "\n") {
		t.Errorf("nodes are\n%s", strings.Join(nodes, "\n"))
	}
	if got.DiffCounts != (DiffCounts{Matched: 4, Missing: 1, Added: 2, Slower: 1, Broken: 2}) || got.A.Spans != 5 || got.B.Errors != 2 {
		t.Errorf("%+v, %+v, %+v", got.DiffCounts, got.A, got.B)
	}
	views := url.Values{"a": {"1"}, "b": {"2"}, "aView": {got.A.View}, "bView": {got.B.View}, "limit": {"2"}}
	if short := read[TraceDiff](t, r, "diff", views); len(short.Nodes) != 2 || short.Omitted != 4 || short.DiffCounts != got.DiffCounts {
		t.Errorf("with limit=2: %d nodes, %d omitted, %+v", len(short.Nodes), short.Omitted, short.DiffCounts)
	}
}

func TestNativeDiffTellsGaps(t *testing.T) {
	r := &faulty{Reader: filled(t, twoTraces(t)...), gaps: []string{"a file is damaged"}}
	if got := read[TraceDiff](t, r, "diff", url.Values{"a": {"1"}, "b": {"2"}}).Gaps; len(got) != 1 || got[0] != r.gaps[0] {
		t.Errorf("gaps are %q", got)
	}
}

func TestNativeDiffErrors(t *testing.T) {
	h := NewNative(testConfig(), filled(t, twoTraces(t)...))
	for _, test := range []struct {
		query string
		code  int
		says  string
	}{
		{"a=1", 400, "parameter 'b' is missing: the id of a trace"},
		{"a=x&b=1", 400, `unable to parse param 'a': trace id "x": character 1 is not a hex digit`},
		{"a=1&b=3", 404, "trace 00000000000000000000000000000003, 'b': trace not found"},
		{"a=1&b=2&bView=0123456789abcdef", 410, "the trace has changed since view 0123456789abcdef"},
		{"a=1&b=2&aView=upload-0123456789abcdef", 410, "this upload is no longer kept"},
		{"a=1&b=2&limit=0", 400, "limit must be from 1 to 1000000"},
		{"a=1&c=2", 400, "unknown parameter 'c'"},
	} {
		w := get(t, h, "/api/clew/v1/diff?"+test.query)
		var body struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != test.code || !strings.Contains(body.Error.Message, test.says) {
			t.Errorf("%s: status %d: %s", test.query, w.Code, w.Body)
		}
	}
}
