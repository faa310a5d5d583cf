package api

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// question is what all APIs can ask: traces with a span that has all of this. What is "" or 0 is not asked for.
type question struct {
	service, operation string
	key, value         string // a tag at any level
	min, max           uint64 // duration in microseconds; max is its last one
	start, end         uint64 // when the span starts, in milliseconds; end is left out
}

// TestSearchIsTheSameEverywhere asks every API the same of random traces, and wants the traces that a look at each
// span finds.
func TestSearchIsTheSameEverywhere(t *testing.T) {
	seed := testkit.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	rows := storetest.NewGen(seed).Spans(200)
	faces, model := openFaces(t, seed, rows), filled(t, rows...)
	stored := model.Spans(store.DefaultTenant)
	found := 0
	for range 25 {
		q := randomQuestion(rng, stored)
		var traces []span.TraceID
		var spans []string
		for _, s := range stored {
			if q.holds(s, false) {
				traces = append(traces, s.TraceID)
				spans = append(spans, s.TraceID.String()+"/"+s.SpanID.String())
			}
		}
		found += len(spans)
		for name, ask := range faces.searches(t) {
			want := wholeTraces(stored, traces)
			switch name {
			case "native", "native spans", "Tempo":
				want = slices.Sorted(slices.Values(spans))
			case "Jaeger's summaries", "api_v3's summaries", "storage v2's summaries", "storage v2's ids":
				want = texts(traces)
			case "Zipkin":
				want = wholeTraces(stored, q.tracesOfZipkin(stored))
			}
			got := ask(q)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%+v\n%s\n got %v\nwant %v", q, name, got, want)
			}
		}
		if t.Failed() {
			return
		}
	}
	if found < 10 {
		t.Errorf("only %d spans were found", found)
	}
}

// wholeTraces lists all spans of some traces.
func wholeTraces(stored []*span.Span, ids []span.TraceID) []string {
	list := []string{}
	for _, s := range stored {
		if slices.Contains(ids, s.TraceID) {
			list = append(list, s.TraceID.String()+"/"+s.SpanID.String())
		}
	}
	slices.Sort(list)
	return list
}

// texts lists each trace once.
func texts(ids []span.TraceID) []string {
	list := []string{}
	for _, id := range ids {
		list = append(list, id.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// randomQuestion asks for some of what one span has, in most cases.
func randomQuestion(rng *rand.Rand, stored []*span.Span) question {
	one := func() *span.Span { return stored[rng.IntN(len(stored))] }
	s := one()
	const everMilli = 9_000_000_000_000 // some time in 2255
	q := question{end: everMilli}
	if rng.IntN(2) == 0 {
		q.service = serviceText(s)
	}
	if rng.IntN(3) == 0 && isPlain(s.Name) {
		q.operation = s.Name
	}
	if rng.IntN(8) == 0 { // of another span
		s = one()
	}
	if rng.IntN(3) == 0 {
		q.key, q.value = randomTag(rng, s)
	}
	if d := int64(s.End - s.Start); d >= 2000 && d < int64(time.Hour) {
		us := uint64(d) / 1000
		if rng.IntN(3) == 0 {
			q.min = 2 + rng.Uint64N(us-1)
		}
		if rng.IntN(3) == 0 {
			q.max = us + rng.Uint64N(1000)
		}
	}
	if ms := s.Start / 1e6; rng.IntN(3) == 0 && ms > 1000 && ms < everMilli-2000 {
		q.start, q.end = ms-rng.Uint64N(1000), ms+1+rng.Uint64N(1000)
	}
	return q
}

// isPlain reports whether every API can ask for a text: Zipkin's cuts words at spaces, and knows no empty ones.
func isPlain(s string) bool {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	return s != "" && len(s) < 100 && !strings.ContainsFunc(s, odd)
}

// serviceText returns the name of a span's service, "" if it cannot be asked for.
func serviceText(s *span.Span) string {
	for _, kv := range s.Resource.Attrs {
		if kv.Key == "service.name" {
			if isPlain(kv.Value.Str) && kv.Value.Type == span.String {
				return kv.Value.Str
			}
			return ""
		}
	}
	return ""
}

// randomTag returns a tag that the span has, and its value as text.
func randomTag(rng *rand.Rand, s *span.Span) (key, value string) {
	lists := [][]span.KeyValue{s.Attrs, s.Attrs, s.Resource.Attrs, s.Scope.Attrs}
	for _, e := range s.Events {
		lists = append(lists, e.Attrs)
	}
	for _, l := range s.Links {
		lists = append(lists, l.Attrs)
	}
	list := lists[rng.IntN(len(lists))]
	if len(list) == 0 {
		return "", ""
	}
	kv := list[rng.IntN(len(list))]
	switch kv.Value.Type {
	case span.String:
		value = kv.Value.Str
	case span.Int:
		value = fmt.Sprint(kv.Value.Int())
	case span.Bool:
		value = fmt.Sprint(kv.Value.Bool())
	}
	if !slices.Contains(zipkinPlainKeys, kv.Key) || !isPlain(value) {
		return "", ""
	}
	return kv.Key, value
}

// holds looks at a span as it was written. With fold, names are compared as Zipkin does it, in lower case.
func (q *question) holds(s *span.Span, fold bool) bool { return q.inRange(s) && q.matches(s, fold) }

func (q *question) inRange(s *span.Span) bool { return s.Start >= q.start*1e6 && s.Start < q.end*1e6 }

// matches is holds without the range.
func (q *question) matches(s *span.Span, fold bool) bool {
	same := func(a, b string) bool { return a == b || fold && strings.EqualFold(a, b) }
	d := int64(s.End - s.Start)
	switch {
	case q.operation != "" && !same(s.Name, q.operation),
		q.min > 0 && d < int64(q.min*1000),
		q.max > 0 && d >= int64(q.max+1)*1000:
		return false
	}
	if q.service != "" && !slices.ContainsFunc(s.Resource.Attrs, func(kv span.KeyValue) bool {
		return kv.Key == "service.name" && slices.ContainsFunc(elementsOf(kv.Value), func(v span.Value) bool {
			return v.Type == span.String && same(v.Str, q.service)
		})
	}) {
		return false
	}
	lists := slices.Concat(s.Attrs, s.Resource.Attrs, s.Scope.Attrs)
	for _, e := range s.Events {
		lists = append(lists, e.Attrs...)
	}
	for _, l := range s.Links {
		lists = append(lists, l.Attrs...)
	}
	return q.key == "" || slices.ContainsFunc(lists, func(kv span.KeyValue) bool {
		return kv.Key == q.key && slices.ContainsFunc(elementsOf(kv.Value), func(v span.Value) bool { return readsLike(v, q.value) })
	})
}

// tracesOfZipkin returns the traces where each condition is true of some span of the service, not of the same one, and
// one of those spans starts in the range.
func (q *question) tracesOfZipkin(stored []*span.Span) []span.TraceID {
	var parts []question
	add := func(set bool, condition func(*question)) {
		if set {
			part := question{service: q.service}
			condition(&part)
			parts = append(parts, part)
		}
	}
	add(q.operation != "", func(p *question) { p.operation = q.operation })
	add(q.min > 0 || q.max > 0, func(p *question) { p.min, p.max = q.min, q.max })
	add(q.key != "", func(p *question) { p.key, p.value = q.key, q.value })
	add(len(parts) == 0, func(*question) {})
	holding, inRange := map[span.TraceID]int{}, map[span.TraceID]bool{}
	for _, part := range parts {
		seen := map[span.TraceID]bool{}
		for _, s := range stored {
			if part.matches(s, true) {
				seen[s.TraceID] = true
				inRange[s.TraceID] = inRange[s.TraceID] || q.inRange(s)
			}
		}
		for id := range seen {
			holding[id]++
		}
	}
	var traces []span.TraceID
	for id, n := range holding {
		if n == len(parts) && inRange[id] {
			traces = append(traces, id)
		}
	}
	return traces
}

// elementsOf returns what a comparison looks at: the elements of an array that are all of one type, or the value.
func elementsOf(v span.Value) []span.Value {
	if v.Type != span.Array {
		return []span.Value{v}
	}
	list, err := v.Elements()
	if err != nil {
		panic(err)
	}
	for _, e := range list {
		if e.Type != list[0].Type {
			return nil
		}
	}
	return list
}

// readsLike reports whether a text stands for a value.
func readsLike(v span.Value, text string) bool {
	switch v.Type {
	case span.String:
		return v.Str == text
	case span.Bool:
		return fmt.Sprint(v.Bool()) == text
	case span.Int:
		return fmt.Sprint(v.Int()) == text
	case span.Float:
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && v.Float() == float64(n) && float64(n) < 1<<63 && int64(float64(n)) == n
	}
	return false
}

// traceQL writes the question for Tempo's and our own API.
func (q *question) traceQL() string {
	var list []string
	if q.service != "" {
		list = append(list, fmt.Sprintf("resource.service.name = %q", q.service))
	}
	if q.operation != "" {
		list = append(list, fmt.Sprintf("name = %q", q.operation))
	}
	if q.min > 0 {
		list = append(list, fmt.Sprintf("duration >= %dus", q.min))
	}
	if q.max > 0 {
		list = append(list, fmt.Sprintf("duration < %dus", q.max+1))
	}
	if q.key != "" {
		values := []string{strconv.Quote(q.value)}
		switch _, err := strconv.ParseInt(q.value, 10, 64); {
		case q.value == fmt.Sprint(math.MinInt64): // of which there is no literal
			values = append(values, fmt.Sprint(math.MinInt64+1, " - 1"))
		case err == nil || q.value == "true" || q.value == "false":
			values = append(values, q.value)
		}
		var either []string
		for _, scope := range []string{"span", "resource", "event", "link", "instrumentation"} {
			for _, v := range values {
				either = append(either, fmt.Sprintf("%s.%s = %s", scope, q.key, v))
			}
		}
		list = append(list, "("+strings.Join(either, " || ")+")")
	}
	return "{ " + strings.Join(list, " && ") + " }"
}

// searches are the ways to ask. They return "trace/span" for each span, or ids of traces.
func (f *everyFace) searches(t *testing.T) map[string]func(question) []string {
	t.Helper()
	const manyTraces = "1000"
	otlp := func(rows []span.Span) []string {
		list := []string{}
		for _, s := range rows {
			list = append(list, s.TraceID.String()+"/"+s.SpanID.String())
		}
		return list
	}
	jaeger := func(spans []uiSpan) []string {
		list := []string{}
		for _, s := range spans {
			list = append(list, s.TraceID+"/"+s.SpanID)
		}
		return list
	}
	v3 := func(path string, q question) []byte {
		w := get(t, f.jaeger, "/api/v3/"+path+"?"+q.v3().Encode())
		if w.Code != 200 && w.Code != 404 {
			t.Fatalf("%+v: status %d: %s", q, w.Code, w.Body)
		}
		return w.Body.Bytes()
	}
	native := func(q question, mode string) []string {
		return spansOf(t, f.native, url.Values{"q": {q.traceQL()}, "mode": {mode}, "start": {fmt.Sprint(q.start * 1e6)}, "end": {fmt.Sprint(q.end * 1e6)}})
	}
	return map[string]func(question) []string{
		"native":       func(q question) []string { return native(q, "traces") },
		"native spans": func(q question) []string { return native(q, "spans") },
		"Tempo": func(q question) []string {
			return tempoSpans(t, f.tempo, q.traceQL(), "start", fmt.Sprint(q.start*1e6), "end", fmt.Sprint(q.end*1e6))
		},
		"Jaeger": func(q question) []string {
			v := url.Values{"raw": {"true"}, "limit": {manyTraces}, "service": {q.service}, "operation": {q.operation},
				"start": {fmt.Sprint(q.start * 1000)}, "end": {fmt.Sprint(q.end*1000 - 1)}} // whose last microsecond counts
			setDurations(v, "minDuration", "maxDuration", q, func(us, ns uint64) string { return fmt.Sprintf("%dns", us*1000+ns) })
			if q.key != "" {
				v.Set("tag", q.key+":"+q.value)
			}
			return jaeger(uiSpans(t, getOK(t, f.jaeger, "/api/traces?"+v.Encode())))
		},
		"Jaeger v3": func(q question) []string {
			body := v3("traces", q)
			if body = []byte(strings.TrimPrefix(string(body), `{"result":`)); strings.HasPrefix(string(body), `{"error"`) {
				return []string{}
			}
			return otlp(decodeJSON(t, body[:len(body)-2]))
		},
		"Jaeger's summaries": func(q question) []string {
			var answer v3Found
			parse(t, v3("trace-summaries", q), &answer)
			return append([]string{}, answer.ids()...)
		},
		"api_v2": func(q question) []string {
			got, err := chunks(newClientV2(f.grpc).FindTraces(t.Context(), &api_v2.FindTracesRequest{Query: q.v2()}))
			if err != nil {
				t.Fatal(err)
			}
			var spans []uiSpan
			for _, chunk := range got {
				for i := range chunk {
					spans = append(spans, uiSpanOf(&chunk[i]))
				}
			}
			return jaeger(spans)
		},
		"api_v3": func(q question) []string { return otlp(askTraces(t, f.grpc, serviceV3+"/FindTraces", q.proto(false))) },
		"storage v2": func(q question) []string {
			return otlp(askTraces(t, f.grpc, serviceStorage+"/FindTraces", q.proto(true)))
		},
		"api_v3's summaries": func(q question) []string {
			return listedIDs(t, f.grpc, serviceV3+"/FindTraceSummaries", q.proto(false))
		},
		"storage v2's summaries": func(q question) []string {
			return listedIDs(t, f.grpc, serviceStorage+"/FindTraceSummaries", q.proto(true))
		},
		"storage v2's ids": func(q question) []string { return listedIDs(t, f.grpc, serviceStorage+"/FindTraceIDs", q.proto(true)) },
		"Zipkin": func(q question) []string {
			v := url.Values{"limit": {manyTraces}, "serviceName": {q.service}, "spanName": {q.operation},
				"endTs": {fmt.Sprint(q.end - 1)}, "lookback": {fmt.Sprint(max(q.end-1-q.start, 1))}} // of endTs all counts
			setDurations(v, "minDuration", "maxDuration", q, func(us, _ uint64) string { return fmt.Sprint(us) })
			if q.key != "" {
				v.Set("annotationQuery", q.key+"="+q.value)
			}
			var answer [][]struct{ TraceID, ID string }
			if err := json.Unmarshal(getOK(t, f.zipkin, "/api/v2/traces?"+v.Encode()), &answer); err != nil {
				t.Fatal(err)
			}
			list := []string{}
			for _, trace := range answer {
				for _, s := range trace {
					list = append(list, strings.Repeat("0", 32-len(s.TraceID))+s.TraceID+"/"+s.ID)
				}
			}
			return list
		},
	}
}

// listedIDs returns the ids of the traces that a method lists.
func listedIDs(t *testing.T, conn *grpc.ClientConn, method, request string) []string {
	t.Helper()
	replies, err := ask(t, conn, method, request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, request, err)
	}
	list := []string{}
	for _, reply := range replies {
		m := dynamicpb.NewMessage(methodOf(t, method).Output())
		if err := proto.Unmarshal(reply, m); err != nil {
			t.Fatal(err)
		}
		entries := m.Get(m.Descriptor().Fields().Get(0)).List()
		for i := range entries.Len() {
			e := entries.Get(i).Message()
			switch id := e.Get(e.Descriptor().Fields().ByName("trace_id")).Interface().(type) {
			case string:
				list = append(list, id)
			case []byte:
				list = append(list, hex.EncodeToString(id))
			}
		}
	}
	return list
}

// setDurations sets the bounds of durations; text gets microseconds and more nanoseconds.
func setDurations(v url.Values, least, most string, q question, text func(us, ns uint64) string) {
	if q.min > 0 {
		v.Set(least, text(q.min, 0))
	}
	if q.max > 0 {
		v.Set(most, text(q.max, 999))
	}
}

func (q *question) v3() url.Values {
	at := func(ms uint64) string { return time.UnixMilli(int64(ms)).UTC().Format(time.RFC3339Nano) }
	v := url.Values{"query.searchDepth": {"1000"}, "query.serviceName": {q.service}, "query.operationName": {q.operation},
		"query.startTimeMin": {at(q.start)}, "query.startTimeMax": {at(q.end)}}
	setDurations(v, "query.durationMin", "query.durationMax", *q, func(us, ns uint64) string { return fmt.Sprintf("%dns", us*1000+ns) })
	if q.key != "" {
		text, err := json.Marshal(map[string]string{q.key: q.value})
		if err != nil {
			panic(err)
		}
		v.Set("query.attributes", string(text))
	}
	return v
}

func (q *question) v2() *api_v2.TraceQueryParameters {
	p := &api_v2.TraceQueryParameters{
		ServiceName: q.service, OperationName: q.operation, SearchDepth: 1000, RawTraces: true,
		StartTimeMin: time.UnixMilli(int64(q.start)), StartTimeMax: time.UnixMilli(int64(q.end)).Add(-1), // whose last nanosecond counts
		DurationMin: time.Duration(q.min) * time.Microsecond,
	}
	if q.max > 0 {
		p.DurationMax = time.Duration(q.max+1)*time.Microsecond - 1
	}
	if q.key != "" {
		p.Tags = map[string]string{q.key: q.value}
	}
	return p
}

// proto writes the request of the third API or of the storage, in protobuf's text form.
func (q *question) proto(storage bool) string {
	duration := func(name string, ns uint64) string {
		return fmt.Sprintf("%s { seconds: %d nanos: %d } ", name, ns/1e9, ns%1e9)
	}
	end := q.end * 1e6
	if storage { // whose last nanosecond counts
		end--
	}
	text := fmt.Sprintf("query { search_depth: 1000 service_name: %q operation_name: %q ", q.service, q.operation) +
		duration("start_time_min", q.start*1e6) + duration("start_time_max", end)
	if q.min > 0 {
		text += duration("duration_min", q.min*1000)
	}
	if q.max > 0 {
		text += duration("duration_max", q.max*1000+999)
	}
	switch {
	case q.key != "" && storage:
		text += fmt.Sprintf("attributes { key: %q value { string_value: %q } }", q.key, q.value)
	case q.key != "":
		text += fmt.Sprintf("attributes { key: %q value: %q }", q.key, q.value)
	}
	return text + " }"
}
