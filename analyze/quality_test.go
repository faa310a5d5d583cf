package analyze

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// assessedAt is when tests ask, and the spans of goodTrace lie before it.
const assessedAt = 1_800_000_000_000_000_000

func assess(t testing.TB, r store.Reader, opts QualityOptions) *Quality {
	t.Helper()
	opts.Now = assessedAt
	if opts.Within.End == 0 {
		opts.Within.End = assessedAt
	}
	q, err := AssessQuality(t.Context(), r, store.DefaultTenant, opts)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func assessSpans(t testing.TB, spans []span.Span) *Quality {
	t.Helper()
	m := &storetest.Model{}
	storetest.WriteSpans(t, m, spans)
	return assess(t, m, QualityOptions{})
}

func set(list *[]span.KeyValue, pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		key := pairs[i].(string)
		*list = slices.DeleteFunc(*list, func(kv span.KeyValue) bool { return kv.Key == key })
		switch v := pairs[i+1].(type) {
		case string:
			*list = append(*list, span.KeyValue{Key: key, Value: span.StringValue(v)})
		case int:
			*list = append(*list, span.KeyValue{Key: key, Value: span.IntValue(int64(v))})
		case bool:
			*list = append(*list, span.KeyValue{Key: key, Value: span.BoolValue(v)})
		case span.Value:
			*list = append(*list, span.KeyValue{Key: key, Value: v})
		case nil:
		}
	}
}

// goodSpan is a span that breaks no rule, of a call of a second's length or less.
func goodSpan(trace, id, parent byte, service string, kind int32) span.Span {
	s := row(id, parent, service, kind, 0, 0)
	s.TraceID[0] = trace
	s.Start = assessedAt - 3600e9 + uint64(trace)*1e9 + uint64(id)*1e6
	s.End = s.Start + 900e6 - 2*uint64(id)*1e6
	s.Name = "GET /cart"
	set(&s.Resource.Attrs, "service.version", "1.0", "service.instance.id", service+"-1", "host.name", service+"-host",
		"deployment.environment.name", "test", "telemetry.sdk.language", "go")
	switch kind {
	case client:
		set(&s.Attrs, "http.request.method", "GET", "url.full", "http://shop.example:8080/cart", "server.address", "shop.example", "server.port", 8080)
	case server:
		set(&s.Attrs, "http.request.method", "GET", "url.path", "/cart", "url.scheme", "http", "server.address", "shop.example", "server.port", 8080)
	}
	return s
}

// goodTrace is a request of web that calls shop.
func goodTrace(n byte) []span.Span {
	return []span.Span{
		goodSpan(n, 1, 0, "web", server), goodSpan(n, 2, 1, "web", client), goodSpan(n, 3, 2, "shop", server), goodSpan(n, 4, 3, "shop", internal),
	}
}

// listed writes what was found of services: rules, numbers and cases.
func listed(q *Quality) (list []string) {
	for _, s := range q.Services {
		for _, f := range s.Findings {
			list = append(list, fmt.Sprintf("%s %s %g/%g", s.Name, f.Rule.ID, f.Count, f.Of))
			for _, c := range f.Cases {
				if c.What != "" {
					list[len(list)-1] += fmt.Sprintf("; %g %s", c.Count, c.What)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestGoodTracesBreakNoRule(t *testing.T) {
	q := assessSpans(t, slices.Concat(goodTrace(1), goodTrace(2)))
	if got := listed(q); len(got) > 0 || q.Score != 100 || q.Category != "Excellent" || len(q.Services) != 2 || q.Looked != 8 || q.Spans != 8 {
		t.Errorf("%+v: %q", q, got)
	}
}

// TestQualityRules breaks one rule after the other.
func TestQualityRules(t *testing.T) {
	const bearer = "Bearer " + "abc123def456ghi789"
	many := func(n int, s span.Span) (list []span.Span) {
		for i := range n {
			s.SpanID = span.SpanID{5: 1, 6: byte(i >> 8), 7: byte(i)}
			list = append(list, s)
		}
		return list
	}
	short := func(s span.Span) span.Span {
		s.End = s.Start + 1e6
		return s
	}
	// change returns goodTrace with one of its spans changed.
	change := func(i int, f func(s *span.Span)) []span.Span {
		list := goodTrace(1)
		f(&list[i])
		return list
	}
	resource := func(i int, pairs ...any) []span.Span {
		return change(i, func(s *span.Span) { set(&s.Resource.Attrs, pairs...) })
	}
	attrs := func(i int, pairs ...any) []span.Span {
		return change(i, func(s *span.Span) { set(&s.Attrs, pairs...) })
	}
	named := func(names ...string) (list []span.Span) {
		for i, name := range names {
			trace := goodTrace(byte(i + 1))
			trace[3].Name = name
			list = append(list, trace...)
		}
		return list
	}
	numbered := func(name string, n int) (names []string) {
		for i := range n {
			names = append(names, name+strconv.Itoa(i))
		}
		return names
	}
	exception := span.SpanEvent{Name: "exception"}
	set(&exception.Attrs, "exception.type", "IOError")
	for _, test := range []struct {
		name  string
		spans []span.Span
		want  []string // nil: nothing is found
	}{
		{"no instance", resource(3, "service.instance.id", nil), []string{"shop RES-001 1/2"}},
		{"an instance that is a number", resource(3, "service.instance.id", 7),
			[]string{"shop CLEW-007 1/2; 1 service.instance.id is sent as int, and should be string"}},
		{"a service that is a number", resource(3, "service.name", 7), []string{
			" CLEW-007 1/1; 1 service.name is sent as int, and should be string", " CLEW-014 1/1", " RES-005 1/1"}},
		{"an environment that is a number", resource(3, "deployment.environment.name", 7), []string{
			"shop CLEW-007 1/2; 1 deployment.environment.name is sent as int, and should be string", "shop RES-007 1/2"}},
		{"shared instance", slices.Concat(goodTrace(1), func() []span.Span {
			list := goodTrace(2)
			set(&list[2].Resource.Attrs, "host.name", "other")
			set(&list[3].Resource.Attrs, "host.name", "other")
			return list
		}()), []string{"shop RES-002 4/4; 4 shop-1 is the id with several of host.name: host.name other, host.name shop-host"}},
		{"an instance whose host moves, in one pod", func() []span.Span {
			list := slices.Concat(goodTrace(1), goodTrace(2))
			for i := range list {
				set(&list[i].Resource.Attrs, "k8s.pod.uid", "u-"+text(list[i].Resource.Attrs, "service.name"), "host.name", fmt.Sprint(i))
			}
			return list
		}(), nil},
		{"no pod", resource(0, "k8s.namespace.name", "prod"), []string{"web RES-003 1/2"}},
		{"misplaced", attrs(1, "service.name", "web"), []string{"web RES-004 1/2; 1 service.name is on spans, and belongs to the resource"}},
		{"misplaced on the resource", resource(1, "http.route", "/"), []string{"web RES-004 1/2; 1 http.route is on the resource, and belongs to spans"}},
		{"no service", resource(3, "service.name", ""), []string{" CLEW-014 1/1", " RES-005 1/1"}},
		{"criticality", resource(3, "service.criticality", "HIGH"), []string{"shop RES-006 1/2; 1 HIGH"}},
		{"good criticality", resource(3, "service.criticality", "high"), nil},
		{"no environment", resource(3, "deployment.environment.name", ""), []string{"shop RES-007 1/2"}},
		{"secret in the resource", resource(3, "process.command_args", "-Djavax.net.ssl.trustStorePassword=MyS3cret!"),
			[]string{"shop RES-010 1/2; 1 process.command_args (resource) has a password: trustStorePassword=***"}},
		{"internal spans", slices.Concat(goodTrace(1), many(10, goodSpan(1, 0, 3, "shop", internal))), []string{"shop SPA-001 1/1"}},
		{"enough internal spans", slices.Concat(goodTrace(1), many(9, goodSpan(1, 0, 3, "shop", internal))), nil},
		{"orphan", change(3, func(s *span.Span) { s.Parent = span.SpanID{9} }), []string{"shop SPA-002 1/2; 1 a span of the service itself is missing"}},
		{"orphan of a caller", slices.Concat(goodTrace(2), change(2, func(s *span.Span) { s.Parent = span.SpanID{9} })),
			[]string{"shop SPA-002 1/4; 1 the caller's span is missing; its calls come from web (100 %)"}},
		{"client root", change(1, func(s *span.Span) { s.Parent = span.SpanID{} }), []string{"web SPA-004 1/2"}},
		{"client root in a browser", change(1, func(s *span.Span) {
			s.Parent = span.SpanID{}
			set(&s.Resource.Attrs, "telemetry.sdk.language", "webjs")
		}), nil},
		{"short spans", slices.Concat(goodTrace(1), many(21, short(goodSpan(1, 0, 1, "web", client)))), []string{"web SPA-005 1/1"}},
		{"enough short spans", slices.Concat(goodTrace(1), many(20, short(goodSpan(1, 0, 1, "web", client)))), nil},
		{"token", attrs(3, "http.request.header.x", bearer), []string{"shop SPA-006 1/2; 1 http.request.header.x has a bearer token: Bearer ***"}},
		{"secret by its key", attrs(3, "app.api_key", "opensesame"), []string{"shop SPA-006 1/2; 1 app.api_key has a API key: ***"}},
		{"card number as an integer", attrs(3, "app.number", 4111111111111111), []string{"shop SPA-006 1/2; 1 app.number has a card number: **** 1111"}},
		{"a long number", attrs(3, "app.number", 1752241122334455667), nil},
		{"secret in the message", change(3, func(s *span.Span) { s.Message = "no such user: eve@example.com" }),
			[]string{"shop SPA-006 1/2; 1 the status message has a e-mail address: e***@***.com"}},
		{"secret in an event", change(3, func(s *span.Span) {
			e := span.SpanEvent{Name: "log"}
			set(&e.Attrs, "body", `{"password":"hunter2"}`)
			s.Events = []span.SpanEvent{e}
		}), []string{"shop SPA-006 1/2; 1 body (event) has a password: password:***"}},
		{"unknown service", resource(3, "service.name", "unknown_service:node"), []string{"unknown_service:node CLEW-002 1/1", "unknown_service:node CLEW-014 1/1"}},
		{"unknown service without a program", resource(3, "service.name", "unknown_service:"), []string{"unknown_service: CLEW-002 1/1", "unknown_service: CLEW-014 1/1"}},
		{"a service of another name", resource(3, "service.name", "unknown_services"), []string{"unknown_services CLEW-014 1/1"}},
		{"no version", resource(3, "service.version", nil), []string{"shop CLEW-003 1/2"}},
		{"ids in names", named("GET /users/1", "GET /users/2", "GET /users/{id}"), []string{"shop CLEW-004 2/6; 2 GET /users/{number} stands for 2 names"}},
		{"one name with a number", named("job 123456", "job 123456"), nil},
		{"one name with an id", named("GET /users/3f2504e0-4f89-41d3-9a0c-0305e82c3301"), []string{"shop CLEW-004 1/2; 1 GET /users/{uuid} is in a name"}},
		{"versions and codes in names", named("GET /api/v1/users", "GET /api/v2/users", "HTTP 404", "HTTP 500", "sha256", "sha512"), nil},
		{"very many numbers in names", named(numbered("task ", 21)...), []string{"shop CLEW-004 21/42; 21 task {number} stands for 21 names"}},
		{"some numbers in names", named(numbered("shard-", 20)...), nil},
		{"mail addresses in names", named("mail a@example.com", "mail b@example.com"), []string{
			"shop CLEW-004 2/4; 2 mail {e-mail} stands for 2 names", "shop SPA-006 2/4; 1 the span's name has a e-mail address: a***@***.com; 1 the span's name has a e-mail address: b***@***.com"}},
		{"many spans", slices.Concat(goodTrace(1), many(1000, goodSpan(1, 0, 1, "web", client))), []string{"web CLEW-005 1/1"}},
		{"old names", attrs(2, "http.status_code", 200), []string{"shop CLEW-006 1/2; 1 http.status_code is now http.response.status_code, since version 1.21.0"}},
		{"a name without a successor", attrs(3, "db.user", "app", "network.protocol.version", "2"), []string{"shop CLEW-006 1/2; 1 db.user is deprecated, and nothing takes its place"}},
		{"a browser's resource", change(0, func(s *span.Span) { set(&s.Resource.Attrs, "user_agent.original", "Mozilla/5.0") }), nil},
		{"wrong type", attrs(2, "http.response.status_code", "200"), []string{"shop CLEW-007 1/2; 1 http.response.status_code is sent as string, and should be int"}},
		{"right type", attrs(2, "http.response.status_code", 200), nil},
		{"number as a truth", attrs(2, "http.response.status_code", true), []string{"shop CLEW-007 1/2; 1 http.response.status_code is sent as bool, and should be int"}},
		{"clock", change(2, func(s *span.Span) { s.Start, s.End = s.Start+5e9, s.End+5e9 }),
			[]string{"shop CLEW-008 1/1; 1 web → shop: the callee's clock is ahead by up to 5s, on average 5s"}},
		{"clock behind", change(2, func(s *span.Span) { s.Start, s.End = s.Start-5e9, s.End-5e9 }),
			[]string{"shop CLEW-008 1/1; 1 web → shop: the callee's clock is behind by up to 5s, on average 5s"}},
		{"a clock of milliseconds", change(2, func(s *span.Span) { s.Start, s.End = assessedAt-3599e9+1e6, assessedAt-3599e9+400e6 }), nil},
		{"a callee that begins when its caller has given up", change(2, func(s *span.Span) { s.Start, s.End = s.End+5e9, s.End+10e9 }), nil},
		{"a callee that ends late", change(2, func(s *span.Span) { s.End += 5e9 }), nil},
		{"ends before it starts", change(3, func(s *span.Span) { s.End = s.Start - 1 }), []string{"shop CLEW-009 1/2"}},
		{"dated 1970", change(3, func(s *span.Span) { s.Start, s.End = 1, 2 }), []string{"shop CLEW-010 1/2; 1 dated before 2000"}},
		{"dated in the future", change(0, func(s *span.Span) { s.Start, s.End = assessedAt+86400e9, assessedAt+86401e9 }),
			[]string{"web CLEW-010 1/1; 1 dated in the future"}},
		{"shared id", slices.Concat(goodTrace(1), []span.Span{func() span.Span {
			s := goodSpan(1, 4, 3, "shop", internal)
			s.Name = "other"
			return s
		}()}), []string{"shop CLEW-011 2/3"}},
		{"two sides of a call share an id", change(2, func(s *span.Span) { s.SpanID, s.Parent = span.SpanID{7: 2}, span.SpanID{7: 1} })[:3], nil},
		{"silent error", change(3, func(s *span.Span) { s.Status = statusError }), []string{"shop CLEW-012 1/1"}},
		{"error with a message", change(3, func(s *span.Span) { s.Status, s.Message = statusError, "broken" }), nil},
		{"error with a status code", change(2, func(s *span.Span) {
			s.Status = statusError
			set(&s.Attrs, "http.response.status_code", 503)
		}), nil},
		{"error with an exception", change(3, func(s *span.Span) { s.Status, s.Events = statusError, []span.SpanEvent{exception} }), nil},
		{"exception without an error", change(3, func(s *span.Span) { s.Events = []span.SpanEvent{exception} }), []string{"shop CLEW-013 1/1"}},
		{"no kinds", change(2, func(s *span.Span) { s.Kind = 0 }), []string{"shop CLEW-014 1/2"}},
		{"missing attributes", attrs(2, "url.path", nil), []string{"shop CLEW-015 1/2; 1 url.path is missing on spans of kind server"}},
		{"database without a system", attrs(1, "db.query.text", "SELECT 1"), []string{"web CLEW-015 1/2; 1 db.system.name is missing on spans of kind client"}},
		{"address", attrs(3, "app.visitor", "93.184.216.34"), []string{"shop CLEW-016 1/2; 1 app.visitor has a public IP address"}},
		{"addresses that are expected", attrs(2, "client.address", "93.184.216.34", "app.version", "4.3.2.1", "app.host", "10.0.0.1"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := assessSpans(t, test.spans)
			if got := listed(q); !slices.Equal(got, test.want) {
				t.Errorf("found %q\nwant  %q", got, test.want)
			}
			checkScores(t, q)
		})
	}
}

// checkScores holds the scores against the formula, with the weights as the Instrumentation Score has them.
func checkScores(t *testing.T, q *Quality) {
	t.Helper()
	const all = 3*40 + 6*30 + 4*20 // critical, important and normal rules that are judged
	total := 0.0
	for _, s := range q.Services {
		lost := 0.0
		for _, f := range s.Findings {
			if f.Rule.Scored {
				lost += map[Impact]float64{Critical: 40, Important: 30, Normal: 20, Low: 10}[f.Rule.Impact]
			}
		}
		want := 100 * (all - lost) / all
		if diff := s.Score - want; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("%s has the score %g, want %g", s.Name, s.Score, want)
		}
		total += s.Score
	}
	if n := float64(len(q.Services)); n > 0 && (q.Score-total/n > 1e-9 || q.Score-total/n < -1e-9) {
		t.Errorf("the score is %g, want %g", q.Score, total/n)
	}
}

func TestScoreCategories(t *testing.T) {
	for score, want := range map[float64]string{100: "Excellent", 90: "Excellent", 89.9: "Good", 75: "Good", 74.9: "Needs Improvement", 50: "Needs Improvement", 49.9: "Poor", 0: "Poor"} {
		if got := ScoreCategory(score); got != want {
			t.Errorf("%g is %s, want %s", score, got, want)
		}
	}
}

// TestBrokenPropagation: web calls shop, and shop begins traces of its own. Whose fault it is is seen in other calls.
func TestBrokenPropagation(t *testing.T) {
	// call is the two sides of a call from one service to another, in two traces.
	call := func(n byte, from, to string, host string) []span.Span {
		out, in := goodSpan(n, 2, 1, from, client), goodSpan(n+100, 3, 0, to, server)
		in.Start, in.End = out.Start+1e6, out.End-1e6
		set(&out.Attrs, "server.address", host)
		set(&in.Attrs, "server.address", host)
		return []span.Span{goodSpan(n, 1, 0, from, server), out, in}
	}
	whole := func(n byte, from, to string) []span.Span {
		return []span.Span{goodSpan(n, 1, 0, from, server), goodSpan(n, 2, 1, from, client), goodSpan(n, 3, 2, to, server)}
	}
	broken := func(q *Quality) (list []string) {
		for _, s := range q.Services {
			for _, f := range s.Findings {
				for _, c := range f.Cases {
					if f.Rule == &QualityRules[rulePropagation] {
						list = append(list, fmt.Sprintf("%s: %g of %g: %s", s.Name, f.Count, f.Of, c.What))
						if c.Caller != "web" || c.Callee != "shop" || len(c.Examples) == 0 {
							t.Errorf("%+v", c)
						}
					}
				}
			}
		}
		return list
	}
	const begin = "web → shop (HTTP): nobody answers these calls in their trace, and 2 traces begin in shop at the same time; "
	twice := slices.Concat(call(1, "web", "shop", "shop.example"), call(2, "web", "shop", "shop.example"))
	elsewhere := func() []span.Span {
		out := goodSpan(9, 2, 1, "web", client)
		set(&out.Attrs, "url.full", "https://elsewhere.example/x", "server.address", "elsewhere.example")
		return []span.Span{goodSpan(9, 1, 0, "web", server), out}
	}()
	later := slices.Clone(twice)
	for i := range later {
		if later[i].Parent.IsZero() && text(later[i].Resource.Attrs, "service.name") == "shop" {
			later[i].Start += 600e9
			later[i].End += 600e9
		}
	}
	message := func(link bool) []span.Span {
		out, in := goodSpan(1, 2, 1, "web", producer), goodSpan(101, 3, 0, "shop", consumer)
		in.Start, in.End = out.Start+1e6, out.End-1e6
		set(&out.Attrs, "messaging.system", "kafka", "messaging.destination.name", "orders", "messaging.operation.name", "send")
		set(&in.Attrs, "messaging.system", "kafka", "messaging.destination.name", "orders", "messaging.operation.name", "process")
		if link {
			in.Links = []span.SpanLink{{TraceID: out.TraceID, SpanID: out.SpanID}}
		}
		return []span.Span{goodSpan(1, 1, 0, "web", server), out, in}
	}
	for name, test := range map[string]struct {
		spans []span.Span
		want  []string
	}{
		"nothing else is known": {twice, []string{"web: 2 of 2: " + begin + "neither passes the context on with others: look at both"}},
		"shop takes up what others send": {slices.Concat(twice, whole(50, "mobile", "shop")),
			[]string{"web: 2 of 2: " + begin + "shop goes on with the traces of other callers: it is web that does not send the context"}},
		"web sends it to others": {slices.Concat(twice, whole(50, "web", "stock")),
			[]string{"shop: 2 of 3: " + begin + "other callees go on with the traces of web: it is shop that does not take the context up"}},
		"whole traces":             {whole(1, "web", "shop"), nil},
		"calls of others' servers": {slices.Concat(goodTrace(1), elsewhere), nil},
		"at another time":          {later, nil},
		"a message": {message(false), []string{"web: 1 of 1: web → shop (messaging): nobody answers these calls in their trace, and 1 traces begin in shop at the same time; " +
			"neither passes the context on with others: look at both"}},
		"a message with a link": {message(true), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := broken(assessSpans(t, test.spans)); !slices.Equal(got, test.want) {
				t.Errorf("found %q\nwant  %q", got, test.want)
			}
		})
	}
}

// TestTracesThatStillArrive are not blamed for what they lack.
func TestTracesThatStillArrive(t *testing.T) {
	list := goodTrace(1)
	list[3].Parent = span.SpanID{9}
	list[3].Start, list[3].End = assessedAt-2e9, assessedAt-1e9
	if got := listed(assessSpans(t, list)); got != nil {
		t.Errorf("found %q", got)
	}
}

// TestQualityOfSampledSpans counts them as what they stand for.
func TestQualityOfSampledSpans(t *testing.T) {
	list := goodTrace(1)
	list[3].TraceState = "ot=th:c"
	set(&list[3].Resource.Attrs, "service.version", nil)
	if got, want := listed(assessSpans(t, list)), []string{"shop CLEW-003 4/5"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

func TestQualityFixesByLanguage(t *testing.T) {
	list := goodTrace(1)
	list[1].Parent = span.SpanID{}
	for i := range list {
		set(&list[i].Resource.Attrs, "telemetry.sdk.language", "python")
	}
	q := assessSpans(t, list)
	if s := q.Services[0]; s.Language != "python" || !strings.Contains(s.Findings[0].Fix, "In Python:") {
		t.Errorf("%+v", s)
	}
}

// TestQualityExamples are the newest ones, each of another trace.
func TestQualityExamples(t *testing.T) {
	var spans []span.Span
	for n := range byte(9) {
		list := goodTrace(n + 1)
		for _, i := range []int{2, 3} {
			set(&list[i].Resource.Attrs, "service.version", nil)
		}
		spans = append(spans, list...)
	}
	got := assessSpans(t, spans).Services
	i := slices.IndexFunc(got, func(s ServiceQuality) bool { return s.Name == "shop" })
	c := got[i].Findings[0].Cases[0]
	if c.Seen != 18 || len(c.Examples) != maxQualityExamples {
		t.Fatalf("%+v", c)
	}
	for i, e := range c.Examples {
		if e.TraceID[0] != byte(9-i) || e.SpanID != (span.SpanID{7: 4}) {
			t.Errorf("example %d is %v %v", i, e.TraceID, e.SpanID)
		}
	}
}

// TestRecordedQuality: the recorded traffic has no secrets, and every finding has what it needs.
func TestRecordedQuality(t *testing.T) {
	q := assess(t, recorded(t), QualityOptions{})
	for _, s := range q.Services {
		for _, f := range s.Findings {
			if f.Rule.ID == "SPA-006" || f.Rule.ID == "RES-010" || f.Rule.ID == "CLEW-016" {
				t.Errorf("%s: %s: %+v", s.Name, f.Rule.Title, f.Cases)
			}
			if len(f.Cases) == 0 || f.Fix == "" || f.Rule.Meaning == "" || f.Count > f.Of || f.Seen == 0 {
				t.Errorf("%s: %+v", s.Name, f)
			}
			for _, c := range f.Cases {
				if len(c.Examples) == 0 || c.Seen < uint64(len(c.Examples)) {
					t.Errorf("%s %s: %+v", s.Name, f.Rule.ID, c)
				}
			}
		}
	}
	if len(q.Services) != 16 || q.Looked != 3318 {
		t.Errorf("%d services, %d spans", len(q.Services), q.Looked)
	}
	checkScores(t, q)
}

// TestDocumentedRules: docs/quality.md has every rule with its impact, and every rule that is not judged.
func TestDocumentedRules(t *testing.T) {
	page, err := os.ReadFile("../docs/quality.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range QualityRules {
		if line := fmt.Sprintf("\n| %s | %s | ", r.ID, r.Impact); !strings.Contains(string(page), line) {
			t.Errorf("docs/quality.md has no line %q", line)
		}
		if r.Scored == strings.HasPrefix(r.ID, "CLEW-") || r.Title == "" || r.Meaning == "" || r.Unit == "" || r.fix == "" {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range UnjudgedRules {
		if begin, number, _ := strings.Cut(r.ID, "-"); !strings.Contains(string(page), begin+"-") || !strings.Contains(string(page), "-"+number) {
			t.Errorf("docs/quality.md does not name %s", r.ID)
		}
	}
}
