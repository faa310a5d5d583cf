package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// asked reads an answer about a trace.
func asked[T any](t *testing.T, h http.Handler, path string) (answer T) {
	t.Helper()
	if err := json.Unmarshal(getOK(t, h, "/api/clew/v1/"+path), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestFind(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	for q, want := range map[string][]int32{
		"IMAGE-provider":                        {1, 2, 3},
		"image -egress":                         {0, 1, 3},
		`"http get"`:                            {0},
		"http OR ingress":                       {0, 1, 2, 3},
		"domainlookupstart":                     {0}, // an event
		"a953bfe85b2c247c":                      {3}, // an id
		"frontend-proxy":                        {1, 2},
		"nowhere":                               {},
		"service=frontend-proxy duration>500us": {1},
		`{ kind = client } > { kind = server }`: {1, 3},
		`{ } | count() > 100`:                   {},
	} {
		found := asked[struct{ Rows Column }](t, h, "traces/"+traceWhole+"/find?q="+url.QueryEscape(q))
		if got := int32s(found.Rows); !slices.Equal(got, want) {
			t.Errorf("%s: rows %d, want %d", q, got, want)
		}
	}
}

func TestColumn(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	for name, want := range map[string]string{
		"service":               `[frontend-proxy:2 frontend-web:1 image-provider:1] [2 1 1 3]`,
		"kind":                  `[client:2 server:2] [1 2 1 2]`,
		"span.nowhere":          `[] [0 0 0 0]`,
		"http.status_code":      ``,
		"span:childCount":       ``,
		".http.method":          ``,
		"duration":              ``,
		"trace:rootName":        `[HTTP GET:4] [1 1 1 1]`,
		"resource.service.name": `[frontend-proxy:2 frontend-web:1 image-provider:1] [2 1 1 3]`,
	} {
		c := asked[struct {
			Name   string
			Values []CountedValue
			Codes  Column
			More   bool
		}](t, h, "traces/"+traceWhole+"/column?name="+url.QueryEscape(name))
		var values []string
		for _, v := range c.Values {
			values = append(values, fmt.Sprintf("%s:%d", strings.Trim(string(v.Value), `"`), v.Count))
		}
		if got := fmt.Sprint(values, " ", int32s(c.Codes)); want != "" && got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if len(c.Codes) != 4*4 || c.More {
			t.Errorf("%s: %d bytes of codes, more %t", name, len(c.Codes), c.More)
		}
	}
}

func TestStatisticsGolden(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	golden(t, "native_statistics.json", getOK(t, h, "/api/clew/v1/traces/"+traceWhole+"/statistics?by=service&by=span.http.method"))
	if got := asked[StatisticsAnswer](t, h, "traces/"+traceWhole+"/statistics").By; !slices.Equal(got, []string{"resource.service.name"}) {
		t.Errorf("by default spans are grouped by %q", got)
	}
}

func TestSpanDetailsGolden(t *testing.T) {
	rows := append(recorded(t), odd()...)
	target := rows[0]
	rows = append(rows, span.Span{ // which links to it, from another trace
		TraceID: span.TraceID{15: 77}, SpanID: span.SpanID{7: 8}, Name: "consume", Start: target.Start + 1e9, End: target.Start + 2e9,
		Links: []span.SpanLink{{TraceID: target.TraceID, SpanID: target.SpanID}},
	})
	h := NewNative(testConfig(), filled(t, rows...))
	golden(t, "native_span.json", getOK(t, h, "/api/clew/v1/traces/"+target.TraceID.String()+"/spans/"+target.SpanID.String()))
	golden(t, "native_span_odd.json", getOK(t, h, "/api/clew/v1/traces/ab00000000000001/spans/0"))
	without := asked[SpanDetails](t, h, "traces/"+target.TraceID.String()+"/spans/"+target.SpanID.String()+"?linkedFrom=false")
	if len(without.LinkedFrom) != 0 {
		t.Errorf("who links to it is told though nobody asks: %+v", without.LinkedFrom)
	}
}

// TestLinksWithinATrace checks that both ends of a link in one trace know their rows.
func TestLinksWithinATrace(t *testing.T) {
	node := func(id byte, links ...span.SpanLink) span.Span {
		return span.Span{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: id}, Start: uint64(id), End: 100, Links: links}
	}
	h := NewNative(testConfig(), filled(t, node(1), node(2, span.SpanLink{TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}})))
	from := asked[SpanDetails](t, h, "traces/1/spans/1")
	if len(from.Links) != 1 || from.Links[0].Row == nil || *from.Links[0].Row != 0 {
		t.Errorf("links %+v", from.Links)
	}
	to := asked[SpanDetails](t, h, "traces/1/spans/0")
	if len(to.LinkedFrom) != 1 || to.LinkedFrom[0].Row == nil || *to.LinkedFrom[0].Row != 1 || to.LinkedFromPartial {
		t.Errorf("linked from %+v", to.LinkedFrom)
	}
}

func TestRowErrors(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	for path, want := range map[string]string{
		"spans/4":                               "404 the view has rows up to 3, not 4",
		"spans/-1":                              `400 "-1" is neither the number of a row nor a span id of 16 hex digits`,
		"spans/0000000000000001":                "404 the trace has no span 0000000000000001",
		"spans/000000000000000x":                "400 ",
		"spans/0?view=0123456789abcdef":         "410 the trace has changed since view 0123456789abcdef: open it again",
		"find?view=upload-0123456789abcdef&q=x": "410 this upload is no longer kept: upload it again",
		"find":                                  "400 missing parameter: q says what to find, as a word, a condition or TraceQL",
		"find?q=%7B":                            "400 ",
		"find?q=%7B%7D%7Crate()":                "400 ",
		"find?q=x&q2=y":                         "400 unknown parameter 'q2'; there are q, view",
		"column":                                "400 missing parameter: name names an attribute, such as span.http.method, service or name",
		"column?name=a%20b":                     "400 ",
		"statistics?by=name&by=kind&by=status":  "400 invalid parameter: by is given 3 times, at most 2 are possible",
		"statistics?by=":                        "400 missing parameter: by names an attribute, such as span.http.method, service or name",
	} {
		w := get(t, h, "/api/clew/v1/traces/"+traceWhole+"/"+path)
		var got struct{ Error ErrorBody }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", path, err, w.Body)
		}
		if text := fmt.Sprint(w.Code, " ", got.Error.Message); text != want && !(strings.HasSuffix(want, " ") && strings.HasPrefix(text, want)) {
			t.Errorf("%s: %s, want %s", path, text, want)
		}
	}
}

// TestViewsAreKept checks that rows stay what they were while a view is kept, and that it is told when they are not.
func TestViewsAreKept(t *testing.T) {
	rows := recorded(t)
	for _, test := range []struct {
		budget int64
		after  int // status for a row of the view after the trace has grown
	}{{0, 200}, {1, 410}} {
		m := filled(t, rows...)
		cfg := testConfig()
		cfg.ViewBytes = test.budget
		h := NewNative(cfg, m)
		v := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view")
		row := "/api/clew/v1/traces/" + traceWhole + "/spans/1?view=" + v.View
		first := getOK(t, h, row)
		early := rows[slices.IndexFunc(rows, func(s span.Span) bool { return s.TraceID == traceID(t, traceWhole) })]
		early.SpanID, early.Start = span.SpanID{1}, early.Start-1000
		write(t, m, store.DefaultTenant, early)
		w := get(t, h, row)
		if w.Code != test.after || w.Code == 200 && w.Body.String() != string(first) {
			t.Errorf("budget %d: status %d: %s", test.budget, w.Code, w.Body)
		}
		if now := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view"); now.SpanCount != v.SpanCount+1 || now.View == v.View {
			t.Errorf("budget %d: the grown trace is view %s with %d spans", test.budget, now.View, now.SpanCount)
		}
	}
}

// TestRequestsShareARead checks that those who wait for the same view, which is too large to be kept, wait for one read.
func TestRequestsShareARead(t *testing.T) {
	var reads atomic.Int32
	var waiting chan struct{}
	r := &faulty{Reader: filled(t, recorded(t)...)}
	cfg := testConfig()
	cfg.ViewBytes = 1
	h := NewNative(cfg, r)
	v := readView(t, h, "/api/clew/v1/traces/"+traceWhole+"/view")
	r.onTrace = func(context.Context, span.TraceID) error {
		reads.Add(1)
		<-waiting
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		waiting = make(chan struct{})
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { getOK(t, h, "/api/clew/v1/traces/"+traceWhole+"/find?q=get&view="+v.View) })
		}
		synctest.Wait() // until all of them wait
		close(waiting)
		group.Wait()
	})
	if n := reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
}
