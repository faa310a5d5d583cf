package api

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// prunable is one trace: 1 has the children 2 and 5, 2 has 3, 3 has 4 and 7; 6 has lost its parent; 8 and 9
// are each other's parents. 3 is a call that both sides tell of.
func prunable() (rows []span.Span) {
	for id, parent := range []byte{1: 0, 2: 1, 3: 2, 4: 3, 5: 1, 6: 99, 7: 3, 8: 9, 9: 8} {
		if id == 0 {
			continue
		}
		s := span.Span{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: byte(id)}, Name: fmt.Sprint(id), Kind: kindClient,
			Start: 1e18 + uint64(id), End: 1e18 + 100, Attrs: []span.KeyValue{{Key: "n", Value: span.IntValue(int64(id))}},
		}
		if parent != 0 {
			s.Parent = span.SpanID{7: parent}
		}
		rows = append(rows, s)
		if id == 3 {
			s.Kind, s.Start, s.Name = kindServer, s.Start+50, "3s"
			rows = append(rows, s)
		}
	}
	return rows
}

// spanNames returns the names of the spans of a TraceByIDResponse, in order.
func spanNames(t *testing.T, body []byte) string {
	t.Helper()
	num, _, n := protowire.ConsumeTag(body)
	trace, size := protowire.ConsumeBytes(body[n:])
	var data tracepb.TracesData
	if err := proto.Unmarshal(trace, &data); num != 1 || size < 0 || err != nil {
		t.Fatalf("field %d, %v", num, err)
	}
	var names []string
	for _, r := range data.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, one := range s.Spans {
				names = append(names, one.Name)
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestTempoPrune(t *testing.T) {
	for _, r := range []store.Reader{filled(t, prunable()...), opened(t, prunable()...)} {
		h := NewTempo(testConfig(), r)
		for _, test := range []struct{ params, want string }{
			{`q={}`, "1 2 3 3s 4 5 6 7 8 9"},
			{`q={name="3"}`, "3"},
			{`q=name=3`, "3"}, // plain words
			{`q={name="3"||name="5"}&keep_hierarchy=false&ancestor_depth=9`, "3 5"},
			{`q={name="nobody"}&keep_hierarchy=true&match_depth=-1`, ""},
			{`q={name="4"}&keep_hierarchy=true`, "1 2 3 3s 4"},
			{`q={name="4"}&keep_hierarchy=true&ancestor_depth=-1`, "1 2 3 3s 4"},
			{`q={name="4"}&keep_hierarchy=true&ancestor_depth=0`, "4"},
			{`q={name="4"}&keep_hierarchy=true&ancestor_depth=1`, "3 3s 4"},
			{`q={name="4"}&keep_hierarchy=true&ancestor_depth=2`, "2 3 3s 4"},
			{`q={name="3s"}&keep_hierarchy=true&ancestor_depth=1`, "2 3 3s"},
			{`q={name="1"}&match_depth=1`, "1 2 5"},
			{`q={name="1"}&match_depth=2`, "1 2 3 3s 5"},
			{`q={name="1"}&match_depth=-1`, "1 2 3 3s 4 5 7"},
			{`q={name="2"}&match_depth=1&keep_hierarchy=1`, "1 2 3 3s"},
			{`q={name="1"||name="3"}&match_depth=1`, "1 2 3 4 5 7"},
			{`q={name="6"}&keep_hierarchy=true&match_depth=-1`, "6"},
			{`q={name="8"}&keep_hierarchy=true&match_depth=-1`, "8 9"},
			{`q={parent.n=3}`, "3s 4 7"},
			{`keep_hierarchy=true&match_depth=1`, "1 2 3 3s 4 5 6 7 8 9"}, // nothing is asked for
		} {
			url := "/api/v2/traces/1?" + strings.NewReplacer(" ", "%20", "|", "%7C").Replace(test.params)
			if got := spanNames(t, getOK(t, h, url, "Accept", "application/protobuf")); got != test.want {
				t.Errorf("%T, %s: got %s, want %s", r, test.params, got, test.want)
			}
		}
	}
}

// TestTempoPruneKeeps checks that a span that is kept is kept as it is.
func TestTempoPruneKeeps(t *testing.T) {
	rows := append(recorded(t), odd()...)
	h := NewTempo(testConfig(), filled(t, rows...))
	for _, row := range rows {
		url := "/api/v2/traces/" + row.TraceID.String()
		if whole, kept := getOK(t, h, url), getOK(t, h, query(url, "q", "{ }")); !bytes.Equal(whole, kept) {
			t.Errorf("%s: got %s, want %s", url, kept, whole)
		}
	}
}

func TestTempoPruneTenants(t *testing.T) {
	m := filled(t)
	for i, row := range prunable() {
		write(t, m, string(rune('a'+i%2)), row)
	}
	for tenants, want := range map[string]string{"a": "1 3", "b|a": "1 2 3 3s"} {
		url := query("/api/v2/traces/1", "q", `{ name = "3" || name = "1" }`, "keep_hierarchy", "true")
		if got := spanNames(t, getOK(t, NewTempo(testConfig(), m), url, "Accept", "application/protobuf", "X-Scope-OrgID", tenants)); got != want {
			t.Errorf("%s: got %s, want %s", tenants, got, want)
		}
	}
}

func TestTempoPruneErrors(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, prunable()...))
	for _, test := range []struct {
		params []string
		says   string
	}{
		{[]string{"q", "{ name = }"}, "invalid TraceQL query: parse error at line 1, col"},
		{[]string{"q", "{ } | rate()"}, "one filter"},
		{[]string{"q", "{ } | count() > 1"}, "one filter"},
		{[]string{"q", "{ } >> { }"}, "one filter"},
		{[]string{"q", "({ } | by(name))"}, "one filter"},
		{[]string{"q", "{ trace:duration > 1s }"}, "cannot pick spans"},
		{[]string{"q", `{ name = "a" || rootName = "b" }`}, "cannot pick spans"},
		{[]string{"q", `{ !(1 + nestedSetLeft > 1) }`}, "nestedSetLeft cannot pick spans"},
		{[]string{"q", `{ span:childCount > 1 }`}, "span:childCount cannot pick spans"},
		{[]string{"q", `{ trace:id = "1" }`}, "trace:id cannot pick spans"},
		{[]string{"q", "{ }", "match_depth", "-2"}, "match_depth"},
		{[]string{"q", "{ }", "ancestor_depth", "some"}, "ancestor_depth"},
		{[]string{"q", "{ }", "keep_hierarchy", "maybe"}, "keep_hierarchy"},
	} {
		for _, id := range []string{"1", "2"} { // known and unknown
			w := get(t, h, query("/api/v2/traces/"+id, test.params...))
			if w.Code != 400 || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("%q: status %d: %s", test.params, w.Code, w.Body)
			}
		}
	}
	if body := getOK(t, h, query("/api/v2/traces/2", "q", "{ }")); !strings.Contains(string(body), `"resourceSpans":[]`) {
		t.Errorf("an unknown trace: %s", body)
	}
}
