package traceql

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/storetest"
)

// gen makes random traces and queries about them, of so few names and values that they often meet.
type gen struct {
	*rand.Rand
	about []span.Span // what queries are about
}

func newGen(seed uint64) gen { return gen{Rand: rand.New(rand.NewPCG(seed, 0x74726163))} }

func pick[T any](g gen, list ...T) T { return list[g.IntN(len(list))] }

// chance is true once in n times.
func (g gen) chance(n int) bool { return g.IntN(n) == 0 }

var genKeys = []string{"a", "b", "c", "x y"}

func (g gen) value() span.Value {
	switch g.IntN(16) {
	case 0:
		return span.Value{}
	case 1:
		return span.BytesValue("a")
	case 2, 3:
		return g.array()
	case 4:
		return span.MapValue(span.KeyValue{Key: "a", Value: g.scalar()})
	}
	return g.scalar()
}

func (g gen) scalar() span.Value {
	switch g.IntN(8) {
	case 0, 1:
		return span.StringValue(pick(g, "", "a", "b", "ab", "1", "true", "000000000000000a"))
	case 2, 3, 4:
		return span.IntValue(pick[int64](g, 0, 1, 1, 2, 2, 3, -1, 4, math.MaxInt64, math.MinInt64, 1_000_000_000))
	case 5:
		return span.FloatValue(pick(g, 0, 0.5, 1, 2, -1, 1.5, 1e9, 1<<63, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)))
	}
	return span.BoolValue(g.chance(2))
}

// array is of one type in most cases.
func (g gen) array() span.Value {
	first := g.scalar()
	elements := make([]span.Value, 0, 4)
	for n := g.IntN(4); len(elements) < n; {
		if e := g.scalar(); e.Type == first.Type || g.chance(20) {
			elements = append(elements, e)
		}
	}
	return span.ArrayValue(elements...)
}

// attrs is a list of few attributes, of which once in a while two have the same key.
func (g gen) attrs(most int) (list []span.KeyValue) {
	for range g.IntN(most + 1) {
		list = append(list, span.KeyValue{Key: pick(g, genKeys...), Value: g.value()})
	}
	return list
}

func (g gen) resource() span.SpanResource {
	r := span.SpanResource{Attrs: g.attrs(1)}
	if !g.chance(6) {
		name := span.StringValue(pick(g, "fe", "fe", "db", "api", ""))
		if g.chance(20) {
			name = g.value()
		}
		r.Attrs = append(r.Attrs, span.KeyValue{Key: "service.name", Value: name})
	}
	return r
}

// spans makes some traces. Of several spans with the same id no two start at the same time.
func (g gen) spans() (list []span.Span) {
	resources := []span.SpanResource{g.resource(), g.resource(), g.resource()}
	scopes := []span.SpanScope{{}, {Name: "lib", Version: "1", Attrs: g.attrs(2)}, {Attrs: g.attrs(1)}}
	for n := range 2 + g.IntN(4) {
		trace := span.TraceID{15: byte(n + 1)}
		if g.chance(4) {
			trace[0] = 0xab
		}
		begin := scriptBase + uint64(g.IntN(40))*1e9
		starts := map[span.SpanID]map[uint64]bool{}
		first := len(list)
		for range 1 + g.IntN(9) {
			s := g.span(list[first:])
			s.TraceID, s.Resource, s.Scope = trace, pick(g, resources...), pick(g, scopes...)
			s.Start += begin
			for starts[s.SpanID][s.Start] {
				s.Start++
			}
			if starts[s.SpanID] == nil {
				starts[s.SpanID] = map[uint64]bool{}
			}
			starts[s.SpanID][s.Start] = true
			s.End = s.Start + uint64(pick[int64](g, 0, 1, 5e8, 1e9, 1e9, 2e9, 3e9, 1e10, -1e9))
			g.addParts(&s)
			list = append(list, s)
			if g.chance(10) {
				list = append(list, s) // arrives twice
			}
		}
	}
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// oddSpans makes spans of everything that OTLP allows, about which queries find less. Of several spans with
// the same id no two start at the same time, as then nobody can say which is the first.
func (g gen) oddSpans() (list []span.Span) {
	type place struct {
		trace span.TraceID
		id    span.SpanID
		start uint64
	}
	seen := map[place]bool{}
	for _, s := range storetest.NewGen(g.Uint64()).Spans(40) {
		if p := (place{s.TraceID, s.SpanID, s.Start}); !seen[p] {
			seen[p] = true
			list = append(list, s)
		}
	}
	return list
}

// middle is a time about which some spans start.
func (g gen) middle() uint64 {
	starts := make([]uint64, len(g.about))
	for i, s := range g.about {
		starts[i] = s.Start
	}
	slices.Sort(starts)
	return starts[len(starts)/2] / 1e9 * 1e9
}

// span makes a span of the trace of which others are there, without what it shares with them.
func (g gen) span(others []span.Span) span.Span {
	s := span.Span{
		SpanID: span.SpanID{7: byte(1 + g.IntN(200))}, Name: pick(g, "get", "get", "put", "query", ""),
		Kind: pick[int32](g, 0, 1, 2, 2, 3, 3, 4, 5), Status: pick[int32](g, 0, 0, 0, 1, 2, 2),
		Start: uint64(g.IntN(8))*500_000_000 + uint64(pick(g, 0, 0, 0, 1)), Attrs: g.attrs(4),
		TraceState: pick(g, "", "", "", "ot=th:8", "x=1,ot=rv:1;th:c", "ot=th:0"), Message: pick(g, "", "", "oops"),
	}
	if len(others) == 0 {
		return s
	}
	one := pick(g, others...)
	switch g.IntN(12) {
	case 0:
	case 1:
		s.Parent = span.SpanID{6: 1, 7: byte(g.IntN(2))} // not there
	case 2:
		s.SpanID, s.Parent, s.Kind = one.SpanID, one.Parent, pick[int32](g, 2, 3, 0)
	case 3:
		s.Parent = s.SpanID
	case 4: // maybe the other way round, or in a circle
		s.SpanID, s.Parent = one.Parent, one.SpanID
		if s.SpanID.IsZero() {
			s.SpanID[7] = 201
		}
	default:
		s.Parent = one.SpanID
	}
	return s
}

func (g gen) addParts(s *span.Span) {
	for range max(0, g.IntN(5)-2) {
		s.Events = append(s.Events, span.SpanEvent{Time: s.Start + uint64(pick(g, 0, 1e6, 1e9)), Name: pick(g, "a", "exception"), Attrs: g.attrs(2)})
	}
	for range max(0, g.IntN(5)-3) {
		s.Links = append(s.Links, span.SpanLink{TraceID: span.TraceID{15: byte(1 + g.IntN(3))}, SpanID: span.SpanID{7: 10}, Attrs: g.attrs(2)})
	}
}

// attribute returns an attribute, of any scope and maybe of the parent.
func (g gen) attribute() string {
	scope := pick(g, ".", ".", ".", "span.", "span.", "span.", "resource.", "event.", "link.", "instrumentation.",
		"parent.", "parent.span.", "parent.resource.", "parent.event.")
	if key := pick(g, "a", "a", "b", "c", `"x y"`, "service.name", "none"); !g.chance(10) {
		return scope + key
	}
	return "resource.service.name"
}

var (
	genNumbers = []string{
		"duration", "span:duration", "traceDuration", "span:childCount", "nestedSetLeft", "nestedSetRight", "nestedSetParent",
		"event:timeSinceStart",
	}
	genTexts = []string{
		"name", "name", "statusMessage", "rootName", "trace:rootService", "event:name", "instrumentation:name", "span:traceState",
		"trace:id", "span:id", "span:parentID", "link:traceID", "link:spanID",
	}
	genCompare = []string{"=", "=", "!=", "<", "<=", ">", ">="}
)

func (g gen) number() string {
	return pick(g, "0", "1", "1", "2", "3", "4", "-1", "1.0", "0.5", "2.0", "1s", "500ms", "3s", "1ns", "maxInt", "minInt", "1000000000", "1e9")
}

func (g gen) text() string {
	return pick(g, `""`, `"a"`, `"b"`, `"ab"`, `"get"`, `"query"`, `"fe"`, `"db"`, `"exception"`, `"1"`, `"a1"`, `"000a"`, `"00A"`, `"oops"`, `"zz"`, `"lib"`,
		`"0000000000000009"`, `"000000000000001f"`, `"ffffffffffffffff"`, `"f"`, `"000000000000000af"`, `"0000:"`)
}

func (g gen) literal() string {
	switch g.IntN(6) {
	case 0, 1:
		return g.number()
	case 2, 3:
		return g.text()
	case 4:
		return pick(g, "error", "ok", "unset", "server", "client")
	}
	return pick(g, "true", "false")
}

// numeric returns an expression that is a number.
func (g gen) numeric(depth int) string {
	switch n := g.IntN(8); {
	case n < 2:
		return g.number()
	case n < 4:
		return pick(g, genNumbers...)
	case n < 6 || depth == 0:
		return g.attribute()
	case n == 6:
		return "-" + pick(g, "", " ") + "(" + g.numeric(depth-1) + ")"
	}
	return fmt.Sprintf("(%s %s %s)", g.numeric(depth-1), pick(g, "+", "-", "*", "/", "%", "^"), g.numeric(depth-1))
}

// condition returns an expression that is true or false.
func (g gen) condition(depth int) string {
	if depth > 0 && !g.chance(3) {
		switch g.IntN(8) {
		case 0, 1:
			return fmt.Sprintf("(%s && %s)", g.condition(depth-1), g.condition(depth-1))
		case 2, 3, 4:
			return fmt.Sprintf("(%s || %s)", g.condition(depth-1), g.condition(depth-1))
		case 5:
			return fmt.Sprintf("%s %s %s", g.condition(depth-1), pick(g, "&&", "||"), g.condition(depth-1))
		case 6:
			return "!(" + g.condition(depth-1) + ")"
		}
		if g.chance(6) {
			return fmt.Sprintf("((%s) %s nil)", pick(g, g.condition(depth-1), g.numeric(1)+" + 1"), pick(g, "=", "!="))
		}
		return fmt.Sprintf("((%s) %s (%s))", g.condition(depth-1), pick(g, "=", "!="), g.condition(depth-1))
	}
	return g.leaf()
}

// likely returns a condition that holds on at least one span, or just does not.
func (g gen) likely() string {
	s := pick(g, g.about...)
	switch g.IntN(12) {
	case 0:
		return "name = " + strconv.Quote(s.Name)
	case 1:
		return fmt.Sprintf("status %s %d", pick(g, "=", "!="), s.Status)
	case 2:
		return fmt.Sprintf("kind %s %d", pick(g, "=", "!="), s.Kind)
	case 3:
		return fmt.Sprintf("duration %s %d", pick(g, "<=", ">=", "=", ">"), int64(s.End-s.Start))
	case 4:
		return fmt.Sprintf("span:id = %q", shortID(s.SpanID.String()))
	case 5:
		return fmt.Sprintf("trace:id = %q", s.TraceID)
	case 6:
		return pick(g, "span:parentID", "parent.service.name", "parent.span.a", "event:name", "link:spanID") + pick(g, " != nil", " = nil")
	case 7:
		return "resource.service.name " + pick(g, "=", "!=", "=~") + pick(g, ` "fe"`, ` "db"`, ` "fe"`)
	}
	scope, list := "span.", s.Attrs
	switch {
	case g.chance(4):
		scope, list = "resource.", s.Resource.Attrs
	case g.chance(4) && len(s.Events) > 0:
		scope, list = "event.", pick(g, s.Events...).Attrs
	case g.chance(6) && len(s.Links) > 0:
		scope, list = "link.", s.Links[0].Attrs
	}
	if len(list) == 0 {
		return "span." + pick(g, "a", "b") + " != nil"
	}
	kv := pick(g, list...)
	if g.chance(3) {
		scope = "."
	}
	return scope + nameText(kv.Key) + g.comparison(kv.Value)
}

// nameText writes the name of an attribute; one that cannot be written becomes another.
func nameText(key string) string {
	if !utf8.ValidString(key) || key == "" {
		key = "k"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(key) + `"`
}

// comparison is one that the value, or something in it, satisfies in most cases.
func (g gen) comparison(v span.Value) string {
	if elements, err := v.Elements(); v.Type == span.Array && err == nil && len(elements) > 0 {
		v = pick(g, elements...)
	}
	f, isNumber := v.Number()
	switch {
	case v.Type == span.String && utf8.ValidString(v.Str) && g.chance(4):
		return pick(g, " =~ ", " !~ ") + strconv.Quote(regexp.QuoteMeta(v.Str)+pick(g, "", "|x", ".*"))
	case v.Type == span.String:
		return pick(g, " = ", " >= ", " != ") + strconv.Quote(v.Str)
	case v.Type == span.Bool:
		return fmt.Sprint(pick(g, " = ", " != "), v.Bool())
	case isNumber && math.Abs(f) < 1e12:
		return pick(g, " = ", " <= ", " >= ", " < ", " != ") + staticText(StaticOf(v))
	}
	return " != nil"
}

func (g gen) leaf() string {
	if g.chance(2) {
		return "(" + g.likely() + ")"
	}
	flip := func(l, op, r string) string {
		if g.chance(6) {
			l, r = r, l
		}
		return "(" + l + " " + op + " " + r + ")"
	}
	switch g.IntN(15) {
	case 0:
		return pick(g, "", "!") + g.attribute()
	case 1:
		return pick(g, "true", "false", "(nil = nil)")
	case 2:
		a := g.attribute()
		if strings.HasPrefix(a, "resource.service.name") {
			a = "span:parentID"
		}
		return flip(a, pick(g, "=", "!="), "nil")
	case 3:
		return flip("status", pick(g, "=", "!="), pick(g, "error", "ok", "unset", "2", "status", g.attribute()))
	case 4:
		return flip("kind", pick(g, "=", "!="), pick(g, "server", "client", "3", g.attribute()))
	case 5:
		return flip(pick(g, genTexts...), pick(g, genCompare...), pick(g, g.text(), g.text(), pick(g, genTexts...), g.attribute()))
	case 6:
		re := pick(g, `".*"`, `"a|b"`, `"a.*"`, `"(?i)GET"`, `"[a-z]+"`, `"0*a"`, `""`, `".b"`)
		return "(" + pick(g, g.attribute(), pick(g, genTexts...)) + pick(g, " =~ ", " !~ ") + re + ")"
	case 7:
		return flip(g.attribute(), pick(g, genCompare...), g.attribute())
	case 8, 9:
		return flip(g.numeric(2), pick(g, genCompare...), g.numeric(2))
	case 10, 11:
		return g.chain()
	}
	return flip(g.attribute(), pick(g, genCompare...), g.literal())
}

// chain returns a chain of conditions on events, or on links.
func (g gen) chain() string {
	scope, own := "event.", pick(g, `event:name = "exception"`, "event:timeSinceStart > 0s")
	if g.chance(3) {
		scope, own = "link.", pick(g, `link:spanID = "a"`, `link:traceID != "1"`)
	}
	if g.chance(6) {
		scope = "parent." + scope
	}
	one := func() string {
		return scope + pick(g, genKeys[:3]...) + " " + pick(g, genCompare...) + " " + pick(g, g.literal(), g.number(), `"a"`)
	}
	parts := []string{one(), pick(g, one(), own, scope+"a != nil", scope+"b = nil", "("+one()+" || "+one()+")", scope+"a")}
	if g.chance(3) {
		parts = append(parts, g.leaf())
	}
	return "(" + strings.Join(parts, " && ") + ")"
}

func (g gen) filter(depth int) string {
	if g.chance(4) {
		return "{ }"
	}
	return "{ " + g.condition(g.IntN(depth+1)) + " }"
}

// spanset returns a spanset expression.
func (g gen) spanset(depth int) string {
	if depth == 0 || g.chance(2) {
		return g.filter(2)
	}
	op := pick(g, "&&", "||", ">", ">>", "<", "<<", "~", ">", ">>", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<", "&<<", "&~")
	return g.operand(depth-1) + " " + op + " " + g.operand(depth-1)
}

func (g gen) operand(depth int) string {
	switch {
	case depth == 0 || g.chance(2):
		return g.filter(1)
	case g.chance(3):
		return "(" + g.pipeline(depth-1) + ")"
	}
	return "(" + g.spanset(depth) + ")"
}

func (g gen) aggregate() string {
	if g.chance(3) {
		return "count()"
	}
	arg := pick(g, "duration", "duration", "span.a", ".a", ".b", "nestedSetLeft", "span.a + 1", "duration * 2", "event:timeSinceStart", g.attribute())
	return pick(g, "min", "max", "sum", "avg") + "(" + arg + ")"
}

func (g gen) scalarExpr(depth int) string {
	switch n := g.IntN(6); {
	case n < 3 || depth == 0:
		return g.aggregate()
	case n == 3:
		return fmt.Sprintf("(%s %s %s)", g.scalarExpr(depth-1), pick(g, "+", "-", "*", "/", "%"), pick(g, g.number(), g.scalarExpr(depth-1)))
	case n == 4:
		return "(" + g.pipeline(1) + " | " + g.aggregate() + ")"
	}
	return g.aggregate()
}

func (g gen) scalarFilter() string {
	if g.chance(2) {
		return pick(g, "count() > 0", "count() > 1", "max(duration) >= 1s", "avg(nestedSetLeft) > 0", "min(span.a) <= 2", "1 <= sum(span:childCount)")
	}
	l, r := g.scalarExpr(1), pick(g, "0", "1", "2", "3", "1s", "1.5", g.scalarExpr(1))
	if g.chance(5) {
		l, r = r, l
	}
	return l + " " + pick(g, genCompare...) + " " + r
}

// pipeline returns a few stages.
func (g gen) pipeline(depth int) string {
	stages := []string{g.spanset(depth)}
	for range g.IntN(3) {
		switch g.IntN(7) {
		case 0, 1:
			stages = append(stages, pick(g, g.spanset(min(depth, 1)), "{ "+g.likely()+" }"))
		case 2, 3:
			stages = append(stages, g.scalarFilter())
		case 4, 5:
			key := pick(g, "name", "status", "resource.service.name", "duration", "kind", "span:id", g.attribute(), g.numeric(1), g.leaf())
			stages = append(stages, "by("+key+")")
		case 6:
			stages = append(stages, pick(g, "coalesce()", "select(name, .a, event.b, parent.a, duration)", "select(resource.service.name, nestedSetLeft)"))
		}
	}
	return strings.Join(stages, " | ")
}

func (g gen) by() string {
	if g.chance(3) {
		return ""
	}
	var list []string
	for range 1 + g.IntN(3) {
		list = append(list, pick(g, g.attribute(), "name", "status", "kind", "duration", "rootName", "trace:id", "span:parentID", "event:name"))
	}
	return " by (" + strings.Join(list, ", ") + ")"
}

// metrics returns a metrics query.
func (g gen) metrics(depth int) string {
	if depth > 0 && g.chance(4) {
		op := pick(g, "+", "-", "*", "/")
		if g.chance(3) {
			return "(" + g.metrics(depth-1) + ") " + op + " " + pick(g, "2", "0.5", "-1", "10")
		}
		return "(" + g.metrics(depth-1) + ") " + op + " (" + g.metrics(depth-1) + ")"
	}
	f := pick(g, "rate()", "count_over_time()", pick(g, "min", "max", "sum", "avg", "min", "max", "sum", "histogram")+"_over_time("+g.measured()+")")
	q := g.pipeline(1) + " | " + f + g.by()
	for g.chance(4) {
		q += pick(g, " | topk("+strconv.Itoa(1+g.IntN(3))+")", " | bottomk(2)", " > 0", " >= 1s", " < 2", " != 1")
	}
	return q
}

func (g gen) measured() string {
	return pick(g, "duration", "duration", "span.a", ".a", ".b", "span:childCount", "traceDuration", "event:timeSinceStart", g.attribute())
}

// series returns a metrics query, maybe compare() or with hints that do not change what is exact. Quantiles, which are not, stand alone.
func (g gen) series() string {
	q := g.metrics(2)
	switch g.IntN(8) {
	case 0:
		q = g.pipeline(1) + " | compare(" + g.filter(1) + pick(g, "", ", 1", ", 2") + ")"
	case 1, 2:
		q = g.pipeline(1) + " | quantile_over_time(" + g.measured() + ", 0, 0.25, .5, 0.9, 1)" + g.by()
	}
	return q + pick(g, "", "", "", " with(sample=true)", " with(extrapolate=true)", " with(exemplars=5)")
}
