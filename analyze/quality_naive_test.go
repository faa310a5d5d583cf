package analyze

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// randomQuality makes traces with all that rules look for. Ids that come twice are no parent's.
func randomQuality(rng *rand.Rand, traces int) (all []span.Span) {
	for n := range traces {
		var trace []span.Span
		hasChild := map[span.SpanID]bool{}
		for i := range 1 + rng.IntN(40) {
			s := randomQualitySpan(rng, n, i)
			if i > 0 && rng.IntN(8) > 0 {
				s.Parent = pick(rng, trace...).SpanID
				hasChild[s.Parent] = true
			} else if rng.IntN(3) == 0 {
				s.Parent = span.SpanID{1, 2, 3}
			}
			trace = append(trace, s)
		}
		for _, s := range trace {
			if !hasChild[s.SpanID] && rng.IntN(10) == 0 {
				s.Name += " again"
				s.Kind = int32(rng.IntN(6))
				trace = append(trace, s)
			}
		}
		all = append(all, trace...)
	}
	return all
}

func randomQualitySpan(rng *rand.Rand, trace, i int) span.Span {
	s := span.Span{
		TraceID: span.TraceID{0: byte(trace), 1: byte(trace >> 8), 15: 1}, SpanID: span.SpanID{6: byte(i), 7: 1},
		Name: pick(rng, "work", "GET /users/1", "GET /users/2", "job 123456", "mail a@example.com", ""),
		Kind: pick[int32](rng, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5), Status: pick[int32](rng, 0, 1, 2),
		Start: assessedAt - 3600e9 + rng.Uint64N(2000)*1e6, Message: pick(rng, "", "", "broken", "b@example.org"),
	}
	s.End = s.Start + pick[uint64](rng, 0, 1e6, 5e6, 100e6, ^uint64(0))
	if rng.IntN(200) == 0 {
		s.Start, s.End = 5, 6
	}
	if rng.IntN(3) == 0 {
		s.TraceState = pick(rng, "", "a=b", "ot=th:8", "ot=th:c")
	}
	for _, o := range []struct {
		list   *[]span.KeyValue
		key    string
		values []any
	}{
		{&s.Resource.Attrs, "service.name", []any{"", "web", "shop", "unknown_service", 7}},
		{&s.Resource.Attrs, "service.version", []any{"", "1", "1"}}, {&s.Resource.Attrs, "service.instance.id", []any{"a", "b"}},
		{&s.Resource.Attrs, "host.name", []any{"h", "i"}}, {&s.Resource.Attrs, "deployment.environment.name", []any{"test"}},
		{&s.Resource.Attrs, "k8s.pod.uid", []any{"u", "v", ""}}, {&s.Resource.Attrs, "k8s.node.name", []any{"n"}},
		{&s.Resource.Attrs, "service.criticality", []any{"low", "LOW", 1}}, {&s.Resource.Attrs, "app.token", []any{"", "abc", "***"}},
		{&s.Resource.Attrs, "telemetry.sdk.language", []any{"go", "webjs"}}, {&s.Resource.Attrs, "http.route", []any{"/"}},
		{&s.Attrs, "http.request.method", []any{"GET"}}, {&s.Attrs, "http.method", []any{"GET"}}, {&s.Attrs, "url.full", []any{"http://x/", "http://u:secret1@x/"}},
		{&s.Attrs, "url.path", []any{"/"}}, {&s.Attrs, "url.scheme", []any{"http"}}, {&s.Attrs, "server.address", []any{"x"}},
		{&s.Attrs, "db.query.text", []any{"SELECT 1"}}, {&s.Attrs, "db.system", []any{"mysql"}}, {&s.Attrs, "rpc.method", []any{"m"}},
		{&s.Attrs, "messaging.system", []any{"kafka"}}, {&s.Attrs, "http.response.status_code", []any{200, "200", true}},
		{&s.Attrs, "service.name", []any{"web"}}, {&s.Attrs, "app.user", []any{"eve@example.com", "93.184.216.34", 4111111111111111, 5}},
		{&s.Attrs, "error.type", []any{"timeout"}},
	} {
		if rng.IntN(3) == 0 {
			set(o.list, o.key, pick(rng, o.values...))
		}
	}
	if rng.IntN(5) == 0 {
		e := span.SpanEvent{Name: "exception"}
		set(&e.Attrs, pick(rng, "exception.type", "exception.message"), "x")
		s.Events = []span.SpanEvent{e}
	}
	return s
}

// naiveCount is what naiveQuality counts of a service and a rule, or of what a rule is about.
type naiveCount struct {
	seen   uint64
	weight float64
}

func (c *naiveCount) add(s *span.Span) {
	c.seen++
	c.weight += span.AdjustedCount(s.TraceState)
}

// naiveQuality says how often each service breaks each rule but CLEW-001, span by span, as the documentation tells it.
func naiveQuality(spans []span.Span, within store.TimeRange) map[string]naiveCount {
	counts := map[string]naiveCount{}
	traces := map[span.TraceID][]*span.Span{}
	for i := range spans {
		traces[spans[i].TraceID] = append(traces[spans[i].TraceID], &spans[i])
	}
	service := func(s *span.Span) string { return text(s.Resource.Attrs, "service.name") }
	least := map[string]int{}
	kinded, names, instances := map[string]bool{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	place := func(s *span.Span) (instance, where string) {
		for _, key := range []string{"k8s.pod.uid", "k8s.pod.name", "host.id", "host.name"} {
			if v := text(s.Resource.Attrs, key); v != "" {
				return service(s) + " " + text(s.Resource.Attrs, "service.instance.id") + " " + key, v
			}
		}
		return "", ""
	}
	for i := range spans {
		s := &spans[i]
		if !within.Contains(s.Start) {
			continue
		}
		kinded[service(s)] = kinded[service(s)] || s.Kind >= 2
		if t, n := nameTemplate(s.Name); n > 0 {
			if names[service(s)+t] == nil {
				names[service(s)+t], least[service(s)+t] = map[string]bool{}, n
			}
			names[service(s)+t][s.Name], least[service(s)+t] = true, min(n, least[service(s)+t])
		}
		if id, where := place(s); text(s.Resource.Attrs, "service.instance.id") != "" && id != "" {
			if instances[id] == nil {
				instances[id] = map[string]bool{}
			}
			instances[id][where] = true
		}
	}
	for _, trace := range traces {
		first := map[string]*naiveTrace{}
		for _, s := range trace {
			hit := func(rule string) {
				key := service(s) + " " + rule
				c := counts[key]
				c.add(s)
				counts[key] = c
			}
			if s.Start < longAgo {
				hit("CLEW-010")
			}
			if !within.Contains(s.Start) {
				continue
			}
			if first[service(s)] == nil {
				first[service(s)] = &naiveTrace{}
			}
			first[service(s)].add(s)
			for rule := range naiveRules(s, trace, service) {
				hit(rule)
			}
			if t, n := nameTemplate(s.Name); n > 0 && len(names[service(s)+t]) >= least[service(s)+t] {
				hit("CLEW-004")
			}
			if id, _ := place(s); len(instances[id]) > 1 && text(s.Resource.Attrs, "service.instance.id") != "" {
				hit("RES-002")
			}
		}
		for name, n := range first {
			for rule, broken := range map[string]bool{"SPA-001": n.internal > 10, "SPA-005": n.short > 20} {
				if broken {
					c := counts[name+" "+rule]
					c.add(n.first)
					counts[name+" "+rule] = c
				}
			}
		}
	}
	for name := range kinded {
		if kinded[name] {
			delete(counts, name+" CLEW-014")
		}
	}
	return counts
}

// naiveTrace counts the spans of one service in a trace. The first one is the earliest.
type naiveTrace struct {
	first           *span.Span
	internal, short int
}

func (n *naiveTrace) add(s *span.Span) {
	if n.first == nil || s.Start < n.first.Start || s.Start == n.first.Start && string(s.SpanID[:]) < string(n.first.SpanID[:]) {
		n.first = s
	}
	if s.Kind == 1 {
		n.internal++
	}
	if d := int64(s.End - s.Start); d >= 0 && d < 5e6 {
		n.short++
	}
}

// naiveRules returns the rules that a span breaks by itself or with its trace.
func naiveRules(s *span.Span, trace []*span.Span, service func(*span.Span) string) map[string]bool {
	broken := map[string]bool{}
	resource := func(key string) string { return text(s.Resource.Attrs, key) }
	has := func(list []span.KeyValue, keys ...string) bool {
		return slices.ContainsFunc(list, func(kv span.KeyValue) bool { return slices.Contains(keys, kv.Key) })
	}
	begins := func(prefix string) bool {
		return slices.ContainsFunc(s.Attrs, func(kv span.KeyValue) bool { return strings.HasPrefix(kv.Key, prefix) })
	}
	value := func(list []span.KeyValue, key string) (v span.Value, ok bool) {
		for _, kv := range list {
			if kv.Key == key {
				return kv.Value, true
			}
		}
		return v, false
	}
	var parent *span.Span
	same := 0
	for _, o := range trace {
		if o.SpanID == s.Parent {
			parent = o
		}
		if o.SpanID == s.SpanID && o != s {
			same++
			if pair := [2]int32{min(o.Kind, s.Kind), max(o.Kind, s.Kind)}; pair != [2]int32{2, 3} && pair != [2]int32{4, 5} {
				same++
			}
		}
	}
	language := resource("telemetry.sdk.language")
	isRoot := s.Parent.IsZero()
	failed := s.Status == statusError
	status, hasStatus := value(s.Attrs, "http.response.status_code")
	level, hasLevel := value(s.Resource.Attrs, "service.criticality")
	user, _ := value(s.Attrs, "app.user")
	took := int64(s.End - s.Start)
	broken["RES-001"] = resource("service.instance.id") == ""
	broken["RES-003"] = resource("k8s.pod.uid") == "" && has(s.Resource.Attrs, "k8s.pod.uid", "k8s.node.name")
	broken["RES-004"] = has(s.Attrs, "service.name") || has(s.Resource.Attrs, "http.route")
	broken["RES-005"] = service(s) == ""
	broken["RES-006"] = hasLevel && level != span.StringValue("low")
	broken["RES-007"] = resource("deployment.environment.name") == ""
	broken["RES-010"] = resource("app.token") == "abc"
	broken["SPA-002"] = !isRoot && parent == nil
	broken["SPA-004"] = isRoot && s.Kind == 3 && language != "webjs"
	broken["SPA-006"] = strings.Contains(s.Name+s.Message+user.Str, "@") || user.Num == 4111111111111111 || strings.Contains(text(s.Attrs, "url.full"), "secret1")
	broken["CLEW-002"] = service(s) == "unknown_service"
	broken["CLEW-003"] = resource("service.version") == ""
	broken["CLEW-006"] = has(s.Attrs, "http.method", "db.system")
	broken["CLEW-007"] = hasStatus && status.Type != span.Int || func() bool { v, ok := value(s.Resource.Attrs, "service.name"); return ok && v.Type == span.Int }()
	if parent != nil && parent.Kind == 3 && s.Kind == 2 && service(parent) != service(s) && int64(parent.End-parent.Start) >= 0 && took >= 0 {
		broken["CLEW-008"] = (s.Start+1e6 <= parent.Start || s.Start >= parent.End+1e6) && clockOffset(parent.Start, parent.End, s.Start, s.End, 0) != 0
	}
	broken["CLEW-009"] = took < 0
	broken["CLEW-011"] = same > 1
	broken["CLEW-012"] = failed && s.Message == "" && s.Events == nil && !hasStatus && !has(s.Attrs, "error.type")
	broken["CLEW-013"] = !failed && s.Events != nil
	broken["CLEW-014"] = s.Kind < 2 && (begins("http.") || begins("db.") || begins("rpc.") || begins("messaging.") || parent != nil && service(parent) != service(s))
	method := has(s.Attrs, "http.request.method", "http.method")
	switch s.Kind {
	case 2:
		broken["CLEW-015"] = begins("http.") && (!method || !has(s.Attrs, "url.path", "url.full") || !has(s.Attrs, "url.scheme", "url.full")) || begins("rpc.")
	case 3:
		broken["CLEW-015"] = begins("http.") && (!method || !has(s.Attrs, "url.full")) || begins("rpc.") || begins("db.") && !has(s.Attrs, "db.system")
	case 4, 5:
		broken["CLEW-015"] = begins("messaging.")
	}
	broken["CLEW-016"] = user.Str == "93.184.216.34"
	maps.DeleteFunc(broken, func(_ string, is bool) bool { return !is })
	return broken
}

func TestQualityRandomly(t *testing.T) {
	rng := rand.New(rand.NewPCG(testkit.Seed(t), 1))
	for range 25 {
		spans := randomQuality(rng, 1+rng.IntN(60))
		m, e := &storetest.Model{Lax: rng.IntN(2) == 0}, newEngine(t)
		for part := range slices.Chunk(spans, 1+rng.IntN(len(spans))) {
			storetest.WriteSpans(t, m, part)
			storetest.WriteSpans(t, e, part)
			if rng.IntN(2) == 0 {
				if err := e.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		const begin = assessedAt - 3600e9
		opts := QualityOptions{
			Within:  pick(rng, store.TimeRange{Start: begin, End: assessedAt}, store.TimeRange{Start: begin + 500e6, End: begin + 1500e6}),
			Service: pick(rng, "", "", "shop", "nobody"),
		}
		want := naiveQuality(spans, opts.Within)
		maps.DeleteFunc(want, func(key string, _ naiveCount) bool {
			return opts.Service != "" && !strings.HasPrefix(key, opts.Service+" ")
		})
		for _, r := range []store.Reader{m, e} {
			got := map[string]naiveCount{}
			for _, s := range assess(t, r, opts).Services {
				for _, f := range s.Findings {
					if f.Rule != &QualityRules[rulePropagation] {
						got[s.Name+" "+f.Rule.ID] = naiveCount{f.Seen, f.Count}
					}
				}
			}
			if !maps.Equal(got, want) {
				t.Fatalf("%T, %+v: %s", r, opts, differences(got, want))
			}
		}
	}
}

func differences(got, want map[string]naiveCount) (text string) {
	for key := range want {
		if got[key] != want[key] {
			text += fmt.Sprintf("\n%s: %v, want %v", key, got[key], want[key])
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			text += fmt.Sprintf("\n%s: %v, want nothing", key, got[key])
		}
	}
	return text
}
