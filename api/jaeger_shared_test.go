package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
)

// family returns "name parent" of each span of the only trace, by the names of
// the spans, and the ids that were given for each name.
func family(t *testing.T, query string, rows ...span.Span) (lines []string, ids map[string]string) {
	t.Helper()
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID, OperationName string
				References            []struct{ SpanID string }
				Warnings              []string
			}
		}
	}
	body := getOK(t, NewJaeger(testConfig(), filled(t, rows...)), "/api/traces/1"+query)
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	ids, names := map[string]string{}, map[string][]string{}
	for _, s := range answer.Data[0].Spans {
		ids[s.OperationName] = s.SpanID
		names[s.SpanID] = append(names[s.SpanID], s.OperationName)
	}
	for _, s := range answer.Data[0].Spans {
		var warnings []string
		if len(names[s.SpanID]) > 1 && query == "" {
			warnings = []string{"another span of this trace has the same id"}
		}
		if !slices.Equal(s.Warnings, warnings) {
			t.Errorf("%s: warnings %q, want %q", s.OperationName, s.Warnings, warnings)
		}
		line := s.OperationName
		for _, r := range s.References {
			slices.Sort(names[r.SpanID])
			line += " " + strings.Join(names[r.SpanID], "+")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines, ids
}

func TestJaegerSharedSpanIDs(t *testing.T) {
	const internal, server, client = 1, 2, 3
	node := func(name string, kind int32, id, parent byte) span.Span {
		return span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: id}, Parent: span.SpanID{7: parent}, Name: name, Kind: kind}
	}
	root := node("root", server, 1, 0)
	call := node("call", client, 2, 1)
	tests := []struct {
		name string
		rows []span.Span
		want string
	}{
		{"the server is a child of the client", []span.Span{root, call, node("serve", server, 2, 1)},
			"call root, root, serve call"},
		{"children belong to the server", []span.Span{root, call, node("serve", server, 2, 1), node("work", internal, 3, 2), node("more", client, 4, 3)},
			"call root, more work, root, serve call, work serve"},
		{"a chain", []span.Span{root, call, node("serve", server, 2, 1), node("call2", client, 3, 2), node("serve2", server, 3, 2)},
			"call root, call2 serve, root, serve call, serve2 call2"},
		{"a root", []span.Span{node("call", client, 2, 0), node("serve", server, 2, 0)},
			"call, serve call"},
		{"its own parent", []span.Span{node("call", client, 2, 2), node("serve", server, 2, 2)},
			"call call, serve call"},
		{"server alone", []span.Span{root, node("serve", server, 2, 1), node("again", server, 2, 1)},
			"again root, root, serve root"},
		{"client alone", []span.Span{root, call, node("again", client, 2, 1), node("inner", internal, 2, 1)},
			"again root, call root, inner root, root"},
		{"different ids", []span.Span{root, call, node("serve", server, 3, 2)},
			"call root, root, serve call"},
	}
	for _, test := range tests {
		lines, ids := family(t, "", test.rows...)
		if got := strings.Join(lines, ", "); got != test.want {
			t.Errorf("%s: got %s; want %s", test.name, got, test.want)
		}
		if id, ok := ids["call"]; ok && id != "0000000000000002" {
			t.Errorf("%s: the client's id is %s", test.name, id)
		}
	}

	rows := []span.Span{root, call, node("serve", server, 2, 1), node("serve2", server, 2, 1)}
	lines, ids := family(t, "", rows...)
	if got := strings.Join(lines, ", "); got != "call root, root, serve call, serve2 call" || ids["serve"] == ids["serve2"] {
		t.Errorf("two servers: %s, ids %v", got, ids)
	}
	// The new id stays when the trace grows, unless a span has it already.
	taken := node("taken", internal, 0, 1)
	var err error
	if taken.SpanID, err = span.ParseSpanID(ids["serve"]); err != nil {
		t.Fatal(err)
	}
	if _, grown := family(t, "", append(rows, node("new", internal, 9, 1))...); grown["serve"] != ids["serve"] {
		t.Errorf("ids %v became %v", ids, grown)
	}
	lines, grown := family(t, "", append(rows, taken)...)
	if got := strings.Join(lines, ", "); got != "call root, root, serve call, serve2 call, taken root" || grown["serve"] == grown["taken"] {
		t.Errorf("an id that is taken: %s, ids %v", got, grown)
	}

	lines, _ = family(t, "?raw=true", rows...)
	if got := strings.Join(lines, ", "); got != "call root, root, serve root, serve2 root" {
		t.Errorf("raw: %s", got)
	}
}

// TestJaegerServiceNames checks what is shown for resources without a proper
// name, and that other APIs show them as they are.
func TestJaegerServiceNames(t *testing.T) {
	row := span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{1}, Start: uint64(recordedAt.UnixNano())}
	for _, test := range []struct {
		attrs     []span.KeyValue
		name      string
		shownTags int
	}{
		{nil, "missing-service-name", 0},
		{[]span.KeyValue{{Key: "service.name", Value: span.StringValue("")}}, "empty-service-name", 0},
		{[]span.KeyValue{{Key: "service.name", Value: span.IntValue(7)}}, "service-name-wrong-type", 1},
		{[]span.KeyValue{{Key: "service.name", Value: span.StringValue("shop")}}, "shop", 0},
	} {
		row.Resource.Attrs = test.attrs
		m := filled(t, row)
		var answer struct {
			Data []struct {
				Processes map[string]struct {
					ServiceName string
					Tags        []json.RawMessage
				}
			}
		}
		if err := json.Unmarshal(getOK(t, NewJaeger(testConfig(), m), "/api/traces"), &answer); err != nil {
			t.Fatal(err)
		}
		if p := answer.Data[0].Processes["p1"]; p.ServiceName != test.name || len(p.Tags) != test.shownTags {
			t.Errorf("%v: shown as %+v", test.attrs, p)
		}
		if summary := search(t, m, nil).Traces[0]; test.name != "shop" && summary.Service != "" {
			t.Errorf("%v: Clew's own search shows %q", test.attrs, summary.Service)
		}
	}
}
