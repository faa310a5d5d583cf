package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// linkedRows makes one trace of lines "id parent kind service", each with any
// of "error", "start=N" and attributes "key=value" behind. Ids are single hex
// digits, 0 is none.
func linkedRows(t *testing.T, lines string) []span.Span {
	t.Helper()
	var rows []span.Span
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		id, err1 := span.ParseSpanID(f[0])
		parent, err2 := span.ParseSpanID(f[1])
		kind, ok := parseKind(f[2])
		if err := errors.Join(err1, err2); err != nil || !ok {
			t.Fatalf("%q: %v", line, err)
		}
		s := span.Span{TraceID: span.TraceID{15: 1}, SpanID: id, Parent: parent, Kind: kind, Start: uint64(1000 + len(rows))}
		if f[3] != "-" {
			s.Resource.Attrs = []span.KeyValue{{Key: "service.name", Value: span.StringValue(f[3])}}
		}
		for _, word := range f[4:] {
			switch key, value, _ := strings.Cut(word, "="); key {
			case "error":
				s.Status = statusError
			case "start":
				fmt.Sscan(value, &s.Start)
			default:
				s.Attrs = append(s.Attrs, span.KeyValue{Key: key, Value: span.StringValue(value)})
			}
		}
		rows = append(rows, s)
	}
	return rows
}

// linksOf returns dependencies as "parent>child calls" or "parent>child calls/errors".
func linksOf(list []dependency) []string {
	var links []string
	for _, d := range list {
		link := fmt.Sprintf("%s>%s %d", d.Parent, d.Child, d.Calls)
		if d.Errors > 0 {
			link += fmt.Sprintf("/%d", d.Errors)
		}
		links = append(links, link)
	}
	return links
}

func TestDependencies(t *testing.T) {
	tests := []struct {
		name  string
		spans string
		want  string // in order, with commas between
	}{
		{"nothing", ``, ``},
		{"client and server", `
			1 0 client web
			2 1 server shop`, `web>shop 1`},
		{"names in any case", `
			1 0 client Web
			2 1 server SHOP
			3 0 client web
			4 3 server shop`, `web>shop 2`},
		{"errors of either side count once", `
			1 0 client web error
			2 1 server shop error
			3 0 client web error
			4 3 server shop
			5 0 client web
			6 5 server shop error
			7 0 client web
			8 7 server shop`, `web>shop 4/3`},
		{"internal spans between", `
			1 0 server web
			2 1 internal web
			3 2 client web error
			4 3 internal proxy
			5 4 internal proxy
			6 5 server shop`, `web>shop 1`},
		{"server below server", `
			1 0 server web
			2 1 server shop`, `web>shop 1`},
		{"a shared id", `
			1 0 server web
			2 1 client web
			2 1 server shop
			3 2 client shop peer.service=stock`, `shop>stock 1,web>shop 1`},
		{"a shared id, the server first", `
			1 0 server web
			2 1 server shop
			2 1 client web error
			3 2 server stock`, `shop>stock 1,web>shop 1/1`},
		{"a shared id, twice", `
			1 0 client web
			1 0 server shop
			1 0 server shop`, `web>shop 2`},
		{"two clients with an id", `
			1 0 client web
			1 0 client shop`, ``},
		{"a peer that sends no spans", `
			1 0 client web peer.service=Stripe error
			2 0 client web server.address=api.example
			3 0 client web server.address=10.1.2.3
			4 0 client web`, `web>api.example 1,web>stripe 1/1`},
		{"databases", `
			1 0 client shop db.system=redis server.address=cache
			2 0 client shop db.system.name=postgresql db.system=other_sql`, `shop>postgresql 1,shop>redis 1`},
		{"a database below an internal span with its name", `
			1 0 server shop
			2 1 internal shop peer.service=redis
			3 2 client shop db.system=redis`, `shop>redis 1`},
		{"a peer that sends spans is called by its own name", `
			1 0 client web peer.service=shop.internal
			2 1 server shop`, `web>shop 1`},
		{"a client above a client of the same call", `
			1 0 client web peer.service=shop.internal
			2 1 client web
			3 2 server shop`, `web>shop 1`},
		{"a client above what is no call", `
			1 0 client web peer.service=shop
			2 1 client web
			3 1 internal web`, `web>shop 1`},
		{"a server's span is missing", `
			1 0 client web peer.service=shop.internal
			2 1 client shop db.system=redis error`, `shop>redis 1/1,web>shop 1`},
		{"who calls a root", `
			1 0 server shop peer.service=browser
			2 9 server shop
			3 9 server shop peer.service=browser error`, `browser>shop 2/1`},
		{"messages through a broker", `
			1 0 producer shop messaging.system=kafka
			2 1 consumer mail messaging.system=kafka error
			3 1 consumer bill messaging.system=kafka`, `kafka>bill 1,kafka>mail 1/1,shop>kafka 1`},
		{"messages without a known broker", `
			1 0 producer shop
			2 1 consumer mail
			3 2 server bill`, `mail>bill 1`},
		{"a message from nowhere", `
			1 0 consumer mail
			2 0 producer mail`, ``},
		{"a producer below a client", `
			1 0 client web peer.service=shop
			2 1 producer web messaging.system=kafka`, `web>kafka 1,web>shop 1`},
		{"a service that calls itself", `
			1 0 client web
			2 1 server web`, `web>web 1`},
		{"services without a name", `
			1 0 client -
			2 1 server shop
			3 2 client shop
			4 3 server -`, ``},
		{"circles", `
			1 1 client web peer.service=a
			2 3 client web
			3 2 client web peer.service=b
			4 5 internal web
			5 4 internal web
			6 4 server shop
			7 8 server x
			8 7 server y`, `web>a 1,web>b 1,x>y 1,y>x 1`},
		{"outside of the range", `
			1 0 client web start=1
			2 1 server shop start=5000000
			3 2 server late start=9000000
			4 0 client web peer.service=early start=1`, `web>shop 1`},
	}
	within := store.TimeRange{Start: 1000, End: 9_000_000}
	for _, test := range tests {
		list, gaps, err := zipkinDependencies(t.Context(), filled(t, linkedRows(t, test.spans)...), store.DefaultTenant, within)
		if err != nil || gaps != nil {
			t.Errorf("%s: gaps %v, error %v", test.name, gaps, err)
		}
		if got := strings.Join(linksOf(list), ","); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}

// TestDependenciesOfManyTraces checks that traces are counted each by itself,
// whatever chunks they come in.
func TestDependenciesOfManyTraces(t *testing.T) {
	one := linkedRows(t, `
		1 0 client web
		1 0 server shop
		2 1 client shop db.system=redis error
		3 1 internal shop
		4 3 producer shop messaging.system=kafka
		5 4 consumer mail messaging.system=kafka`)
	var rows []span.Span
	for n := range 500 {
		for _, s := range one {
			s.TraceID = span.TraceID{0: byte(n), 1: byte(n >> 8), 15: 1}
			rows = append(rows, s)
		}
	}
	m := filled(t)
	for part := range slices.Chunk(rows, 700) {
		write(t, m, store.DefaultTenant, part...)
	}
	list, _, err := zipkinDependencies(t.Context(), m, store.DefaultTenant, store.TimeRange{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"kafka>mail 500", "shop>kafka 500", "shop>redis 500/500", "web>shop 500"}
	if got := linksOf(list); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDependenciesAreBounded(t *testing.T) {
	var rows []span.Span
	for n := range maxNames + 1 {
		rows = append(rows, span.Span{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{0: 1, 5: byte(n >> 16), 6: byte(n >> 8), 7: byte(n)}, Kind: kindClient,
			Start:    uint64(recordedAt.UnixNano()),
			Attrs:    []span.KeyValue{{Key: "peer.service", Value: span.StringValue(fmt.Sprint("peer", n))}},
			Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("web")}}},
		})
	}
	h := NewZipkin(testConfig(), filled(t, rows...))
	for _, path := range []string{"/api/v2/dependencies?" + everything, "/api/v2/remoteServices?serviceName=web"} {
		if w := get(t, h, path); w.Code != 422 || !strings.Contains(w.Body.String(), "narrow the time range") {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}

// TestDependenciesKeepTheirNames: Jaeger's services are called as they call themselves, Zipkin's in lower case.
func TestDependenciesKeepTheirNames(t *testing.T) {
	rows := linkedRows(t, `
		1 0 client Web
		2 1 server Shop`)
	r := filled(t, rows...)
	for _, test := range []struct {
		find func(context.Context, store.Reader, string, store.TimeRange) ([]dependency, []string, error)
		want dependency
	}{
		{jaegerDependencies, dependency{"Web", "Shop", 1, 0}},
		{zipkinDependencies, dependency{"web", "shop", 1, 0}},
	} {
		list, _, err := test.find(t.Context(), r, store.DefaultTenant, store.TimeRange{})
		if err != nil || !slices.Equal(list, []dependency{test.want}) {
			t.Errorf("%v, %v, want %v", list, err, test.want)
		}
	}
}
