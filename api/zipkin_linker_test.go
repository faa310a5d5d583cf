package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// TestDependenciesAsZipkinCounts has what Zipkin's own linker is held to, in the order in which spans start and the other way round.
func TestDependenciesAsZipkinCounts(t *testing.T) {
	for _, test := range []struct{ name, spans, want string }{
		{"two calls, the first with a shared id", `
			a 0 server web
			b a client web service.peer.name=app
			b a server app service.peer.name=web
			c b client app service.peer.name=db error`, `app>db 1/1,web>app 1`},
		{"the root is lost", `
			b a client web service.peer.name=app
			b a server app service.peer.name=web
			c b client app service.peer.name=db error`, `app>db 1/1,web>app 1`},
		{"a root with a shared id", `
			a 0 client web error
			a 0 server app
			b a client app service.peer.name=db`, `app>db 1,web>app 1/1`},
		{"a shared id, the server was not told its parent", `
			a 0 server web
			b a client web service.peer.name=app
			b 0 server app service.peer.name=web
			c b client app service.peer.name=db`, `app>db 1,web>app 1`},
		{"the same without peers", `
			a 0 server web
			b a client web
			b 0 server app`, `web>app 1`},
		{"a shared id, the client was not told its parent", `
			a 0 server web
			b 0 client web service.peer.name=app
			b a server app service.peer.name=web
			c b client app service.peer.name=db error`, `app>db 1/1,web>app 1`},
		{"the server's span is lost", `
			a 0 server web
			b a client web service.peer.name=app
			c b client app service.peer.name=db error`, `app>db 1/1,web>app 1`},
		{"the client's span is lost", `
			a 0 server web
			b a server app service.peer.name=web`, `web>app 1`},
		{"both spans of the call are lost", `
			a 0 server web
			b a client app`, `web>app 1`},
		{"a retry that another server took", `
			a 0 client web
			b a client web
			b a server app
			b a server spare
			c b client spare service.peer.name=db
			d b client app service.peer.name=cache`, `app>cache 1,spare>db 1,web>app 1,web>spare 1`},
		{"a message, the producer names no broker", `
			a 0 producer shop
			b a consumer mail service.peer.name=kafka`, `kafka>mail 1`},
		{"a message, the consumer names no broker", `
			a 0 producer shop service.peer.name=kafka
			b a consumer mail`, `shop>kafka 1`},
		{"a message by two brokers", `
			a 0 producer shop service.peer.name=kafka1
			b a consumer mail service.peer.name=kafka2`, `kafka2>mail 1,shop>kafka1 1`},
		{"a message, nobody names a broker", `
			a 0 producer shop
			b a consumer mail`, ``},
		{"a client that calls a consumer", `
			a 0 client web
			b a consumer mail`, ``},
		{"a producer that calls a server", `
			a 0 producer web
			b a server app`, `web>app 1`},
		{"a producer that calls a server, a shared id", `
			a 0 producer web
			a 0 server app`, `web>app 1`},
		{"a server that knows who called", `
			a 0 server app service.peer.name=web`, `web>app 1`},
		{"clients without a name", `
			a 0 server web
			b a client - service.peer.name=app
			c a client - service.peer.name=app`, `web>app 2`},
		{"names of either side for one call", `
			a 0 client web service.peer.name=app
			b a server app
			c a server app error`, `web>app 2/1`},
		{"clients that are told as the server", `
			a 0 server web
			b a internal -
			c b client app error
			d b client app error`, `web>app 2`},
		{"clients of the one whose span is lost", `
			a 0 server web
			b a internal -
			c b client app service.peer.name=db error
			d b client app service.peer.name=db`, `app>db 2/1,web>app 2`},
		{"a service that calls itself", `
			a 0 server web
			b a client web service.peer.name=web`, `web>web 1`},
		{"a service that is called by itself", `
			a 0 server web service.peer.name=web`, `web>web 1`},
		{"no kinds", `
			a 0 unspecified browser service.peer.name=web
			b a unspecified web service.peer.name=app error
			c b unspecified app service.peer.name=db`, `app>db 1,browser>web 1,web>app 1/1`},
		{"no kinds, and no name", `
			a 0 unspecified - service.peer.name=web
			b a unspecified web service.peer.name=app
			c b unspecified app service.peer.name=db`, `app>db 1,web>app 1`},
		{"one side alone", `
			1 0 server -
			2 0 server app
			3 0 server - service.peer.name=web
			4 0 client -
			5 0 client web
			6 0 client - service.peer.name=app`, ``},
		{"servers whose parent is lost", `
			b a server web
			c a server app`, ``},
	} {
		rows := linkedRows(t, test.spans)
		for _, order := range []string{"in order", "backwards"} {
			if order == "backwards" {
				starts := slices.Collect(func(yield func(uint64) bool) {
					for _, s := range slices.Backward(rows) {
						yield(s.Start)
					}
				})
				for i := range rows {
					rows[i].Start = starts[i]
				}
			}
			m := filled(t)
			for _, s := range rows { // each in a request of its own
				write(t, m, store.DefaultTenant, s)
			}
			list, gaps, err := zipkinDependencies(t.Context(), m, store.DefaultTenant, store.TimeRange{})
			if got := strings.Join(linksOf(list), ","); got != test.want || gaps != nil || err != nil {
				t.Errorf("%s, %s: gaps %v, error %v:\n got %s\nwant %s", test.name, order, gaps, err, got, test.want)
			}
		}
	}
}

// TestJaegerDependenciesAreDirect: Jaeger knows no brokers between parent and child.
func TestJaegerDependenciesAreDirect(t *testing.T) {
	linked := linkedRows(t, `
		1 0 producer shop messaging.system=kafka
		2 1 consumer mail messaging.system=kafka
		3 0 producer shop messaging.system=kafka`)
	other := span.Span{TraceID: span.TraceID{15: 2}, SpanID: span.SpanID{7: 9}, Kind: kindConsumer, Start: 2000,
		Links:    []span.SpanLink{{TraceID: linked[2].TraceID, SpanID: linked[2].SpanID}},
		Resource: span.SpanResource{Attrs: []span.KeyValue{{Key: "service.name", Value: span.StringValue("bill")}}}}
	list, gaps, err := jaegerDependencies(t.Context(), filled(t, append(linked, other)...), store.DefaultTenant, store.TimeRange{})
	if got := strings.Join(linksOf(list), ","); got != "shop>bill 1,shop>mail 1" || gaps != nil || err != nil {
		t.Errorf("got %s, gaps %v, error %v", got, gaps, err)
	}
}
