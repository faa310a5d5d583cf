package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clewhq/clew/span"
)

// spanRows decodes the spans of FindSpansResponse, and returns the token.
func spanRows(t *testing.T, reply []byte) (rows []span.Span, token string) {
	t.Helper()
	for len(reply) > 0 {
		num, _, n := protowire.ConsumeTag(reply)
		value, m := protowire.ConsumeBytes(reply[max(n, 0):])
		if n < 0 || m < 0 {
			t.Fatalf("malformed reply %x", reply)
		}
		switch num { // as OTLP's spans may have text that is no UTF-8
		case 1:
			rows = append(rows, decodeProto(t, value)...)
		case 3:
			token = string(value)
		default:
			t.Errorf("unknown field %d", num)
		}
		reply = reply[n+m:]
	}
	return rows, token
}

// TestJaegerFindSpans asks for spans of several traces, in several orders and in pages, by gRPC and by HTTP.
func TestJaegerFindSpans(t *testing.T) {
	all := append(recorded(t), odd()...)
	all = append(all, bigTrace()[:1200]...)
	r := opened(t, all...)
	h, conn := NewJaeger(testConfig(), r), dialJaeger(t, testConfig(), r)
	inRange := slices.DeleteFunc(slices.Clone(all), func(s span.Span) bool { return s.Start < 16e17 || s.Start >= 18e17 })
	const byDuration = `{"expression":{"field":{"name":"duration","level":"span"}},"direction":"desc"}`
	const byStart = `{"expression":{"field":{"name":"startTime","level":"span"}},"direction":""}`
	tests := []struct {
		filter, order string
		keep          func(*span.Span) bool
		compare       func(a, b *span.Span) int
	}{
		{"", "", nil, func(a, b *span.Span) int { return -cmp.Compare(a.Start, b.Start) }},
		{op("eq", field("span", "kind"), scalar("server")), byDuration, func(s *span.Span) bool { return s.Kind == kindServer },
			func(a, b *span.Span) int {
				return -cmp.Or(cmp.Compare(int64(a.End-a.Start), int64(b.End-b.Start)), cmp.Compare(a.Start, b.Start))
			}},
		{op("regex", field("span", "name"), scalar("e")), byStart, func(s *span.Span) bool { return strings.Contains(s.Name, "e") },
			func(a, b *span.Span) int { return cmp.Compare(a.Start, b.Start) }},
	}
	for _, test := range tests {
		want := slices.Clone(inRange)
		if test.keep != nil {
			want = slices.DeleteFunc(want, func(s span.Span) bool { return !test.keep(&s) })
		}
		slices.SortStableFunc(want, func(a, b span.Span) int {
			return cmp.Or(test.compare(&a, &b), bytes.Compare(a.TraceID[:], b.TraceID[:]), bytes.Compare(a.SpanID[:], b.SpanID[:]))
		})
		query := fmt.Sprintf(`"start_time_min":"2020-09-13T12:26:40Z","start_time_max":"2027-01-15T08:00:00Z","order_by":[%s]`, test.order)
		if test.filter != "" {
			query += `,"filter":` + test.filter
		}
		for _, method := range []string{serviceV3, serviceStorage} {
			for _, size := range []int{len(want), 500, 1 << 30} {
				var got []span.Span
				token, more := "", true
				for more {
					in := dynamicpb.NewMessage(methodOf(t, method+"/FindSpans").Input())
					text := fmt.Sprintf(`{"query":{%s,"pagination":{"page_size":%d,"page_token":%q}}}`, query, size, token)
					if err := protojson.Unmarshal([]byte(text), in.Interface()); err != nil {
						t.Fatal(err)
					}
					replies, err := ask(t, conn, method+"/FindSpans", prototext.Format(in.Interface()))
					if err != nil || len(replies) == 0 {
						t.Fatalf("%s: %d replies, %v", text, len(replies), err)
					}
					for i, reply := range replies {
						var rows []span.Span
						rows, token = spanRows(t, reply)
						got = append(got, rows...)
						if token != "" && i < len(replies)-1 {
							t.Error("a message before the last one has a token")
						}
					}
					more = token != ""
				}
				sameSpansInOrder(t, method, got, want)
			}
		}
		params := url.Values{"query.startTimeMin": {"2020-09-13T12:26:40Z"}, "query.startTimeMax": {"2027-01-15T08:00:00Z"},
			"query.filter": {test.filter}, "query.orderBy": {"[" + test.order + "]"}, "query.pagination.pageSize": {"700"}}
		var got []span.Span
		for more := true; more; more = params.Get("query.pagination.pageToken") != "" {
			body := getOK(t, h, "/api/v3/spans?"+params.Encode())
			var page struct {
				Spans json.RawMessage
				Next  string `json:"nextPageToken"`
			}
			parse(t, body, &page)
			got = append(got, decodeJSON(t, page.Spans)...)
			params.Set("query.pagination.pageToken", page.Next)
		}
		for i := range want {
			want[i] = utf8Row(want[i])
		}
		sameSpansInOrder(t, "HTTP", got, want)
	}
}

func sameSpansInOrder(t *testing.T, what string, got, want []span.Span) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d spans, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if got[i].SpanID != want[i].SpanID || got[i].TraceID != want[i].TraceID || got[i].Start != want[i].Start {
			t.Errorf("%s: place %d has span %s of %s, want %s of %s", what, i, got[i].SpanID, got[i].TraceID, want[i].SpanID, want[i].TraceID)
			return
		}
	}
	diffRows(t, got, want)
}

func TestJaegerFindSpansPages(t *testing.T) {
	cfg := testConfig()
	cfg.MaxTraces = 7
	r := filled(t, recorded(t)...)
	h, conn := NewJaeger(cfg, r), dialJaeger(t, cfg, r)
	count := func(text string) int {
		replies, err := ask(t, conn, serviceV3+"/FindSpans", "query { "+v3Range+text+" }")
		if err != nil || len(replies) != 1 {
			t.Fatalf("%s: %d replies, %v", text, len(replies), err)
		}
		rows, token := spanRows(t, replies[0])
		if token == "" {
			t.Errorf("%s: no token, and there are more", text)
		}
		return len(rows)
	}
	if n := count(""); n != 7 {
		t.Errorf("a page of the default size has %d spans", n)
	}
	if n := count(fmt.Sprintf(" pagination { page_size: %d }", uint32(math.MaxUint32))); n != 7 {
		t.Errorf("the largest page has %d spans", n)
	}
	replies, err := ask(t, conn, serviceV3+"/FindSpans", "query { start_time_min { seconds: 1 } start_time_max { seconds: 2 } }")
	if err != nil || len(replies) != 0 {
		t.Errorf("%d replies to a search that finds nothing, %v", len(replies), err)
	}
	golden(t, "jaeger_v3_spans.json", getOK(t, h, "/api/v3/spans?query.pagination.pageSize=2&"+recordedRange))
	golden(t, "jaeger_v3_no_spans.json", getOK(t, h, "/api/v3/spans?query.startTimeMin=1971-01-01T00:00:00Z&query.startTimeMax=1972-01-01T00:00:00Z"))
	for query, want := range map[string]string{
		"": "query.startTimeMin and query.startTimeMax are required",
		recordedRange + "&query.pagination.pageSize=x":               "malformed parameter query.pagination.pageSize",
		recordedRange + "&query.pagination.pageToken=x":              "invalid cursor",
		recordedRange + "&query.filter={":                            "query.filter: cannot unmarshal JSON",
		recordedRange + "&query.orderBy=[{%22expr%22:1}]":            "query.order_by: cannot unmarshal JSON",
		recordedRange + "&query.orderBy=[{%22direction%22:%22a%22}]": "query.order_by: term 1 is no field of the span",
	} {
		if w := get(t, h, "/api/v3/spans?"+query); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d: %s", query, w.Code, w.Body)
		}
	}
}
