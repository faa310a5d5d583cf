package main

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// queryAt is an hour after the last trace of querySpans.
var queryAt = time.Unix(0, shopStart).UTC().Add(time.Hour)

// querySpans are traces with ids that end in e3, 07 and 08, newest first.
func querySpans() []span.Span {
	rows := shopTrace()
	other := node(1, 0, "shop\x1b[2J", "GET /\n", -3_600_000, -3_598_500)
	other.TraceID = span.TraceID{15: 7}
	other.Attrs = []span.KeyValue{{Key: "user", Value: span.StringValue("a=b")}, {Key: "http.status_code", Value: span.IntValue(503)}}
	orphan := node(2, 3, "mail", "send", -7_200_000, -7_199_999.9)
	orphan.TraceID = span.TraceID{15: 8}
	return append(rows, other, orphan)
}

// ask runs a query with flags as they are typed.
func ask(t *testing.T, c client, out screen, args ...string) (text, notes string, err error) {
	t.Helper()
	o, query := parseQuery(t, args...)
	o.client = c
	var a, b bytes.Buffer
	out.Writer, out.zone, out.width = &a, time.UTC, fallbackWidth
	err = o.run(t.Context(), query, queryAt, out, screen{Writer: &b, terminal: out.terminal})
	return a.String(), b.String(), err
}

// parseQuery reads flags as the command does.
func parseQuery(t *testing.T, args ...string) (o queryOptions, query string) {
	t.Helper()
	cmd := o.command()
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return o, strings.Join(cmd.Flags().Args(), " ")
}

func TestQueryGolden(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, querySpans()...)
	for name, test := range map[string]struct {
		out  screen
		args []string
	}{
		"query.txt":         {args: []string{"--since", "all"}},
		"query_color.txt":   {out: screen{color: true}, args: []string{"--since", "all"}},
		"query_groups.txt":  {args: []string{"--since", "all", "{ } | by(resource.service.name) | avg(duration) > 100ms"}},
		"query_spans.txt":   {args: []string{"--since", "all", "--spans", "--limit", "4", "{ status = error || span.user != nil || .http.status_code > 500 } | select(status, span.user)"}},
		"query_series.txt":  {args: []string{"--since", "3h", "--step", "5m", "{ } | count_over_time() by (resource.service.name, span.user)"}},
		"query_series2.txt": {args: []string{"--from", "2023-11-14 22:00", "--to", "2023-11-14 22:30", "--step", "1m", "{ } | max_over_time(duration)"}},
		"query_instant.txt": {args: []string{"--since", "3h", "--instant", "{ } | quantile_over_time(duration, .5, .99) by (resource.service.name) | topk(3)"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, notes, err := ask(t, c, test.out, test.args...)
			if err != nil || notes != "" && !strings.Contains(notes, "there are more") {
				t.Errorf("%v, notes %q", err, notes)
			}
			golden(t, name, text)
		})
	}
}

func TestQueryFinds(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, querySpans()...)
	tests := []struct {
		args string   // separated by ;
		want []string // ends of trace ids
	}{
		{"--since;all", []string{"e3", "07", "08"}},
		{"--since;all;service=mail", []string{"e3", "08"}},
		{"--since;all;service=mail;operation=send", []string{"08"}},
		{"--since;all;service=mail operation=send", []string{"08"}},
		{`--since;all;{ resource.service.name = "mail" && name = "send" }`, []string{"08"}},
		{"duration;>=;1s;--since;all", []string{"07"}},
		{"--since;all;duration < 100us", []string{"e3"}},
		{"--since;all;user=a=b", []string{"07"}},
		{"--since;all;error=true tags.service.name=bank", []string{"e3"}},
		{"--since;all;--;-user", []string{"e3", "08"}},
		{"--since;all;!user", []string{"e3", "08"}},
		{"--since;all;tags.http.status_code >= 500", []string{"07"}},
		{"--since;all;service=mail OR user='a=b'", []string{"e3", "07", "08"}},
		{"--since;all;charge", []string{"e3"}},
		{`--since;all;{ resource.service.name = "checkout" } > { status = error }`, []string{"e3"}},
		{"--since;all;--sort;slowest", []string{"07", "e3", "08"}},
		{"--since;all;--limit;1", []string{"e3"}},
		{"--since;2h1s", []string{"e3", "07"}},
		{"--to;2023-11-14 22:00;--since;1d", []string{"07", "08"}},
		{"--to;2023-11-14 22:00", []string{"07"}},
		{"--from;2023-11-14T23:00:00+01:00", []string{"e3"}},
		{"--from;2h1s;--to;90m", []string{"07"}},
		{"--from;now-2h1s;--to;-90m", []string{"07"}},
		{"--from;2h1s;--to;now", []string{"e3", "07"}},
		{"service=nobody", nil},
	}
	for _, test := range tests {
		text, notes, err := ask(t, c, screen{}, strings.Split(test.args, ";")...)
		var got []string
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			if i > 0 {
				got = append(got, line[30:32])
			}
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v: %v", test.args, got, test.want, err)
		}
		if (len(test.want) == 0) != strings.Contains(notes, "nothing found in 1h; --since looks further back") {
			t.Errorf("%s: notes %q", test.args, notes)
		}
	}
}

func TestQueryExplain(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, querySpans()...)
	const cost = `\d+ spans? in \d+ chunks? and .* read; \d+ chunks? skipped`
	text, _, err := ask(t, c, screen{}, "--since", "all", "--explain", "service=mail duration<1ms")
	want := `^query     { resource.service.name = "mail" && duration < 1ms }
look 1    whole traces, until there are enough
  needs   \(resource.service.name = "mail"\) && \(duration < 1000000\)
(  judges  .*\n)*  reads   .*name.*
  cost    ` + cost + `
total     ` + cost + `

TRACE ID .*
0{31}8 .* \? mail send
$`
	if err != nil || !regexp.MustCompile(want).MatchString(text) {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestQueryPages checks that a limit above a page is met by several.
func TestQueryPages(t *testing.T) {
	var rows []span.Span
	const total = 2*pageSize + 50
	for i := range total {
		one := node(1, 0, "s", "n", float64(i), float64(i))
		one.TraceID = span.TraceID{0: 1, 14: byte(i >> 8), 15: byte(i)}
		rows = append(rows, one)
	}
	c := serveSpans(t, store.DefaultTenant, rows...)
	for _, test := range []struct {
		limit string
		want  int
		more  bool
	}{{"10", 10, true}, {"1050", 1050, true}, {"2500", total, false}} {
		for _, mode := range []string{"--spans=false", "--spans"} {
			text, notes, err := ask(t, c, screen{}, mode, "--limit", test.limit)
			lines := strings.Split(strings.TrimSpace(text), "\n")[1:]
			if err != nil || len(lines) != test.want || strings.Contains(notes, "there are more") != test.more {
				t.Errorf("%s --limit %s: %d lines, notes %q: %v", mode, test.limit, len(lines), notes, err)
			}
			slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:32], b[:32]) })
			if len(slices.Compact(lines)) != test.want {
				t.Errorf("%s --limit %s: some come twice", mode, test.limit)
			}
		}
	}
}

// TestQueryJSON checks the printed document, also as it comes with progress to a terminal.
func TestQueryJSON(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, querySpans()...)
	for _, terminal := range []bool{false, true} {
		out := screen{terminal: terminal}
		text, _, err := ask(t, c, out, "--json", "--since", "all")
		var traces api.SearchResult
		if err != nil || json.Unmarshal([]byte(text), &traces) != nil || len(traces.Traces) != 3 || traces.Traces[1].Service != "shop\x1b[2J" {
			t.Errorf("terminal %v: %v in %s", terminal, err, text)
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("the document steers the terminal: %q", text)
		}
		text, _, err = ask(t, c, out, "--json", "--since", "all", "--spans", "service=nobody")
		if err != nil || !strings.Contains(text, `"spans":[]`) || !strings.Contains(text, `"query":"{ resource.service.name = \"nobody\" }"`) {
			t.Errorf("terminal %v: %v in %s", terminal, err, text)
		}
		text, _, err = ask(t, c, out, "--json", "--since", "3h", "{ } | rate()")
		var series api.SeriesResult
		if err != nil || json.Unmarshal([]byte(text), &series) != nil || len(series.Series) != 1 || len(series.Times) != len(series.Series[0].Values) {
			t.Errorf("terminal %v: %v in %s", terminal, err, text)
		}
	}
}

func TestQueryErrors(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, querySpans()...)
	tests := []struct {
		args string // separated by ;
		want string
	}{
		{"--from;yesterday", `--from "yesterday": not a time such as`},
		{"--to;25:00", `--to "25:00": not a time such as`},
		{"--since;long", `--since "long": expected how long ago, such as 90m, 36h or 7d, or all`},
		{"--from;1h;--to;2h", "--from is not before --to"},
		{"--limit;0", "--limit is 0; expected 1 or more"},
		{"--sort;name", `"name" is none of newest, slowest`},
		{"--sort;slowest;--limit;3000000000", "limit must be from 1 to 2147483647"},
		{"--step;1m;{ }", "--step and --instant are for time series; end the query with a function such as | rate()"},
		{"--spans;{ } | rate()", "--spans and --sort are for searches, and the query gives time series"},
		{"--since;all;{ } | rate()", "time series need a range: give --since a duration such as 30d, or use --from"},
		{"--step;often;{ } | rate()", `--step "often": expected a duration such as 30s or 5m`},
		{"--step;1s;--since;30d;{ } | rate()", "step 1s cuts the range into 2592000 intervals, the limit is 11000"},
		{"{ durration > 1s }", "did you mean \"duration\"?\n  { durration > 1s }\n    ^"},
		{"service=mail duration > soon", "\n  service=mail duration > soon\n                          ^"},
		{"({ } | by(name)) >> ({ })", "put coalesce() behind it\n  ({ } | by(name)) >> ({ })\n                   ^"},
	}
	for _, test := range tests {
		if _, _, err := ask(t, c, screen{}, strings.Split(test.args, ";")...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %q, want one with %q", test.args, err, test.want)
		}
	}
}

// TestQueryRefused checks what is said of answers that are none, plain and as events.
func TestQueryRefused(t *testing.T) {
	const shown = `{"error":{"code":400,"message":"no \u001b","line":1,"column":3,"caret":"{ x }\n  ^"}}`
	for _, test := range []struct{ kind, body, want string }{
		{"", shown, "the server answered 400 Bad Request: no \\x1b\n  { x }\n    ^"},
		{"", "gone", "the server answered 400 Bad Request: gone"},
		{"", "", "the server answered 400 Bad Request"},
		{"text/event-stream", "event: progress\ndata: {\"done\":1,\"total\":2}\n\nevent: error\ndata: " + shown + "\n\n", "the server answered with an error: no \\x1b\n  { x }\n    ^"},
		{"text/event-stream", "event: progress\ndata: {}\n\n", "cannot read the server's answer: unexpected EOF"},
		{"text/event-stream", "event: result\ndata: {\n\n", "cannot read the server's answer: unexpected end of JSON input"},
		{"application/json", "{", "cannot read the server's answer: unexpected EOF"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if test.kind == "" {
				w.WriteHeader(http.StatusBadRequest)
			} else {
				w.Header().Set("Content-Type", test.kind)
			}
			w.Write([]byte(test.body))
		}))
		_, _, err := ask(t, client{server: server.URL}, screen{terminal: true})
		server.Close()
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: error %q, want %q", test.body, err, test.want)
		}
	}
}

// TestProgress checks that progress is shown where it is late, and goes away.
func TestProgress(t *testing.T) {
	const stream = "event: progress\ndata: {\"done\":1,\"total\":2000,\"stats\":{\"rows\":1234}}\n\n" +
		"event: partial\ndata: {\"query\":\"no\"}\n\nevent: result\ndata: {\"query\":\"yes\"}\n\n"
	var buf bytes.Buffer
	var answer api.SearchResult
	bar := &progress{out: screen{Writer: &buf}, from: time.Now().Add(-time.Hour)}
	if err := readEvents(strings.NewReader(stream), &answer, bar); err != nil || answer.Query != "yes" {
		t.Errorf("%+v: %v", answer, err)
	}
	bar.clear()
	if want := "\r\x1b[K1 of 2,000 chunks, 1,234 spans looked at\r\x1b[K"; buf.String() != want {
		t.Errorf("shown %q, want %q", buf.String(), want)
	}
	buf.Reset()
	bar = &progress{out: screen{Writer: &buf}, from: time.Now().Add(time.Hour)}
	if err := readEvents(strings.NewReader(stream), &answer, bar); err != nil {
		t.Error(err)
	}
	if bar.clear(); buf.Len() > 0 {
		t.Errorf("a quick query shows %q", &buf)
	}
}

func TestSparkline(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct {
		values []float64
		width  int
		want   string
	}{
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█"},
		{[]float64{0, 7, 1, 0, 0, 0}, 3, "█▂▁"}, // of several the greatest
		{[]float64{5, 5}, 2, "██"},
		{[]float64{0, 0}, 2, "▁▁"},
		{[]float64{-7, 0, nan}, 3, "▁█ "},
		{[]float64{nan, nan}, 2, "  "},
		{[]float64{1, inf}, 2, "▁▁"},
		{nil, 0, ""},
	} {
		if got := sparkline(test.values, test.width); got != test.want {
			t.Errorf("%v: got %q, want %q", test.values, got, test.want)
		}
	}
}

func TestFormatNumber(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", 1.5: "1.5", 0.12345: "0.1235", 12.3456: "12.35", 123456: "123456", 1234.56: "1235", -0.5: "-0.5",
		0.00012346: "0.0001235", 1e-7: "1e-07", 2.5e12: "2.5e+12", math.Inf(1): "+Inf", math.Inf(-1): "-Inf", 100: "100",
	} {
		if got := formatNumber(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
	if got := formatNumber(math.NaN()); got != "-" {
		t.Errorf("NaN: got %s", got)
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1000 << 10: "0.97 MiB", 5 << 30: "5 GiB", math.MaxUint64: "16 EiB",
	} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
