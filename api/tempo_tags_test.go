package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestTempoTagsGolden(t *testing.T) {
	golden := tempoGolden(t)
	for _, test := range []struct{ name, message, url string }{
		{"tags", "SearchTagsResponse", "/api/search/tags"},
		{"tags_resource", "SearchTagsResponse", "/api/search/tags?scope=resource"},
		{"v2_tags", "SearchTagsV2Response", "/api/v2/search/tags?scope=none"},
		{"v2_tags_filtered", "SearchTagsV2Response", query("/api/v2/search/tags", "q", `{ resource.service.name = "shop" && span.x = `)},
		{"v2_tags_event", "SearchTagsV2Response", "/api/v2/search/tags?scope=event&limit=1"},
		{"tag_values", "SearchTagValuesResponse", "/api/search/tag/service.name/values"},
		{"v2_tag_values", "SearchTagValuesV2Response", "/api/v2/search/tag/.twice/values"},
		{"v2_tag_values_status", "SearchTagValuesV2Response", "/api/v2/search/tag/status/values"},
	} {
		t.Run(test.name, func(t *testing.T) {
			golden(t, "tempo_"+test.name+".json", test.message, test.url)
		})
	}
}

func TestTempoTagValues(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, odd()...))
	keywords := func(words ...string) string {
		for i, w := range words {
			words[i] = `{"type":"keyword","value":"` + w + `"}`
		}
		return strings.Join(words, ",")
	}
	tests := []struct {
		tag, q, values string
	}{
		{"resource.service.name", "", `{"type":"string","value":"shop"},{"type":"string","value":"mail"}`},
		{".service.name", "", `{"type":"string","value":"shop"},{"type":"string","value":"mail"}`},
		{"resource.service.name", `{ span:kind = producer }`, `{"type":"string","value":"mail"}`},
		{"resource.service.name", `{ kind = producer && .x =`, `{"type":"string","value":"mail"}`},
		{"resource.service.name", `{ !`, `{"type":"string","value":"shop"},{"type":"string","value":"mail"}`},
		{"resource.service.name", `kind=producer`, `{"type":"string","value":"mail"}`},
		{"span.big", "", `{"type":"int","value":"9007199254740993"}`},
		{"span.ratio", "", `{"type":"float","value":"0.25"}`},
		{"span.yes", "", `{"type":"bool","value":"true"}`},
		{"span.twice", "", `{"type":"string","value":"2"},{"type":"int","value":"1"}`},
		{"span.raw", "", ``},
		{"span.list", "", ``},
		{"span.map", "", ``},
		{"span.empty", "", ``},
		{"span.none", "", ``},
		{`span."te""xt"`, "", `{"type":"string","value":"höchst\u0000\u001b[31m\u2028"}`},
		{"event.exception.type", "", `{"type":"string","value":"E"}`},
		{"link.why", "", `{"type":"string","value":"batch"}`},
		{"instrumentation.lib.mode", "", `{"type":"string","value":"fast"}`},
		{"name", "", `{"type":"string","value":"child"},{"type":"string","value":"GET /\u003cb\u003e\u0026\""}`},
		{"span:name", `{ status = ok }`, `{"type":"string","value":"child"}`},
		{"statusMessage", "", `{"type":"string","value":"it broke"}`},
		{"rootServiceName", "", `{"type":"string","value":"mail"},{"type":"string","value":"shop"}`},
		{"trace:rootService", `{ status = ok }`, `{"type":"string","value":"shop"}`},
		{"rootName", "", `{"type":"string","value":"GET /\u003cb\u003e\u0026\""},{"type":"string","value":"child"}`},
		{"instrumentation:name", "", `{"type":"string","value":"lib"}`},
		{"event:name", "", `{"type":"string","value":"exception"}`},
		{"duration", "", ``},
		{"traceDuration", `{ true }`, ``},
		{"span:id", "", ``},
		{"nestedSetParent", "", ``},
		{"status", "", keywords("unset", "ok", "error")},
		{"span:status", `{ name = "child" && span:parentID = "1" && kind = client }`, keywords("unset")},
		{"kind", "", keywords("unspecified", "internal", "server", "client", "producer", "consumer")},
		{"kind", `{ status = error }`, keywords("server")},
	}
	for _, test := range tests {
		target := "/api/v2/search/tag/" + url.PathEscape(test.tag) + "/values"
		if test.q != "" {
			target = query(target, "q", test.q)
		}
		got := strings.TrimSpace(string(answers(t, h, "SearchTagValuesV2Response", target)))
		got, _, _ = strings.Cut(got, `,"metrics":`)
		want := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028").Replace(test.values)
		if want = `{"tagValues":[` + want + `]`; got != want {
			t.Errorf("%s %s: got %s, want %s", test.tag, test.q, got, want)
		}
	}
}

func TestTempoTagValuesV1(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, append(odd(), steps()...)...))
	for tag, values := range map[string]string{
		"service.name":      `"mail","shop"`,
		"name":              `"GET /<b>&\"","child","step"`,
		"root.name":         `"GET /<b>&\"","child","step"`,
		"root.service.name": `"mail","shop"`,
		"status.code":       `"error","ok","unset"`,
		"status":            `"error","ok","unset"`,
		"n":                 `"0","1","2"`,
		"twice":             `"1","2"`,
		"duration":          ``,
		"span.n":            ``, // no scopes here
		"exception.type":    `"E"`,
	} {
		got := strings.TrimSpace(string(answers(t, h, "SearchTagValuesResponse", "/api/search/tag/"+tag+"/values?maxStaleValues=5")))
		if want := `{"tagValues":[` + values + `],"metrics":{}}`; got != want {
			t.Errorf("%s: got %s, want %s", tag, got, want)
		}
	}
}

// TestTempoTagPaths checks the ways in which clients write a tag in a path, through a server.
func TestTempoTagPaths(t *testing.T) {
	key := "k8s.io/app name%41"
	s := span.Span{TraceID: span.TraceID{1}, SpanID: span.SpanID{1}, Attrs: []span.KeyValue{{Key: key, Value: span.StringValue("yes")}}}
	plain := s
	plain.SpanID, plain.Attrs = span.SpanID{2}, []span.KeyValue{{Key: "a/b", Value: span.StringValue("yes")}}
	cfg := testConfig()
	cfg.Prefix = "/tempo"
	server := httptest.NewServer(NewTempo(cfg, filled(t, s, plain)))
	defer server.Close()
	quoted := `span."k8s.io/app name%41"`
	for _, path := range []string{
		"/api/v2/search/tag/" + url.PathEscape(url.PathEscape(quoted)) + "/values", // as Grafana does
		"/api/v2/search/tag/span.a%252Fb/values",
		"/api/v2/search/tag/span.a%2Fb/values",
		"/api/v2/search/tag/span.a/b/values",
		"/api/search/tag/a%252Fb/values",
		"/api/search/tag/a%2Fb/values",
		"/api/search/tag/a/b/values",
		"/api/search/tag/" + url.PathEscape(url.PathEscape(key)) + "/values",
	} {
		r, err := http.Get(server.URL + "/tempo" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != 200 || !strings.Contains(string(body), `"yes"`) {
			t.Errorf("%s: status %d: %s, %v", path, r.StatusCode, body, err)
		}
	}
}

func TestTempoTagGaps(t *testing.T) {
	h := NewTempo(testConfig(), filled(t, steps()...))
	for target, header := range map[string]string{
		"/api/v2/search/tag/span.n/values?limit=2": "there is more than this answer has",
		"/api/v2/search/tag/span.n/values?limit=3": "",
		"/api/v2/search/tags?scope=span&limit=1":   "there is more than this answer has",
		"/api/v2/search/tags?scope=span&limit=2":   "",
	} {
		if got := get(t, h, target).Header().Get("Clew-Gap"); got != header {
			t.Errorf("%s: header %q", target, got)
		}
	}
	damaged := &faulty{Reader: filled(t, steps()...), gaps: []string{"block 7 is damaged"}}
	for _, target := range []string{
		query("/api/v2/search/tags", "q", "{ .n = 1 }"), "/api/v2/search/tags?limit=1", "/api/search/tags", "/api/search/tag/n/values",
		"/api/v2/search/tag/name/values", "/api/v2/search/tag/rootName/values", "/api/v2/search/tag/rootServiceName/values",
		query("/api/v2/search/tag/span.n/values", "q", "{ name = `a` }"),
	} {
		for _, tenants := range []string{store.DefaultTenant, store.DefaultTenant + "|nobody"} {
			w := get(t, NewTempo(testConfig(), damaged), target, "X-Scope-OrgID", tenants)
			if got := w.Header()["Clew-Gap"]; !slices.Equal(got, damaged.gaps) {
				t.Errorf("%s of %s: gaps %q", target, tenants, got)
			}
		}
	}
}
