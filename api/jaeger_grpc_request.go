package api

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// request reads a message by the names of its fields.
type request struct{ protoreflect.Message }

func (r request) get(name protoreflect.Name) protoreflect.Value {
	return r.Get(r.Descriptor().Fields().ByName(name))
}

// has reports whether the field exists and is set.
func (r request) has(name protoreflect.Name) bool {
	field := r.Descriptor().Fields().ByName(name)
	return field != nil && r.Has(field)
}

func (r request) text(name protoreflect.Name) string { return r.get(name).String() }

// instant reads a Timestamp and returns nanoseconds; ok is false if there is
// none. Go's zero time, which clients of api_v2 send instead, counts as none.
func (r request) instant(name protoreflect.Name) (ns uint64, ok bool, err error) {
	seconds, nanos := r.seconds(name)
	switch {
	case !r.has(name) || seconds == time.Time{}.Unix():
		return 0, false, nil
	case nanos < 0 || nanos >= int64(time.Second):
		err = badRequest("%s: nanos must be from 0 to 999999999", name)
	case seconds < 0:
		err = badRequest("%s: lies before 1970", name)
	case seconds >= math.MaxInt64/int64(time.Second):
		err = badRequest("%s: lies too far in the future", name)
	}
	return uint64(seconds)*uint64(time.Second) + uint64(nanos), err == nil, err
}

// duration reads a Duration; nil if it is 0.
func (r request) duration(name protoreflect.Name) (*time.Duration, error) {
	seconds, nanos := r.seconds(name)
	switch {
	case seconds < 0 || nanos < 0:
		return nil, badRequest("%s: must not be below 0", name)
	case nanos >= int64(time.Second):
		return nil, badRequest("%s: nanos must be from 0 to 999999999", name)
	case seconds >= math.MaxInt64/int64(time.Second):
		return nil, badRequest("%s: is too long", name)
	}
	d := time.Duration(seconds)*time.Second + time.Duration(nanos)
	if d == 0 {
		return nil, nil
	}
	return &d, nil
}

// seconds reads the fields of a Timestamp or a Duration.
func (r request) seconds(name protoreflect.Name) (seconds, nanos int64) {
	m := request{r.get(name).Message()}
	return m.get("seconds").Int(), m.get("nanos").Int()
}

// timeRange reads both ends of a time range; the last nanosecond belongs to it.
func (r request) timeRange(from, to protoreflect.Name) (_ store.TimeRange, hasStart bool, err error) {
	start, hasStart, err := r.instant(from)
	if err != nil {
		return store.TimeRange{}, false, err
	}
	end, hasEnd, err := r.instant(to)
	switch {
	case err != nil:
		return store.TimeRange{}, false, err
	case !hasEnd:
		return store.TimeRange{Start: start}, hasStart, nil
	case start > end:
		return store.TimeRange{}, false, badRequest("%s: lies after %s", from, to)
	}
	return store.TimeRange{Start: start, End: saturate(end, 1)}, hasStart, nil
}

// traceID reads the field trace_id: hex digits, or 16 or 8 bytes.
func (r request) traceID() (id span.TraceID, err error) {
	field := r.Descriptor().Fields().ByName("trace_id")
	if field.Kind() == protoreflect.StringKind {
		if id, err = parseJaegerID(r.Get(field).String()); err != nil {
			return id, badRequest("trace_id: %v", err)
		}
		return id, nil
	}
	raw := r.Get(field).Bytes()
	if n := len(raw); n != 0 && n != 8 && n != 16 {
		return id, badRequest("trace_id: has %d bytes, expected 16 or 8", n)
	}
	copy(id[len(id)-len(raw):], raw)
	if id.IsZero() {
		return id, badRequest("trace_id: is required")
	}
	return id, nil
}

// spanKind reads the field span_kind; filter is false if it is empty.
func (r request) spanKind() (kind int32, filter bool, err error) {
	text := r.text("span_kind")
	if text == "" {
		return 0, false, nil
	}
	kind, ok := parseKind(text)
	if !ok {
		return 0, false, badRequest("span_kind: %q is none of %q", text, kindNames)
	}
	return kind, true, nil
}

// search reads the field query, which all of Jaeger's APIs have in about the same form.
func (g *jaegerGRPC) search(c *jaegerCall) (*jaegerQuery, error) {
	if !c.in.has("query") {
		return nil, badRequest("query: is required")
	}
	in := c.in.query()
	q := &jaegerQuery{}
	var err error
	if q.search, err = in.spanQuery(); err != nil {
		return nil, err
	}
	given, hasStart, err := in.timeRange("start_time_min", "start_time_max")
	if err != nil {
		return nil, err
	}
	q.opts = traceql.SearchOptions{Range: g.searchRange(given, hasStart), SpansPerSet: 1}
	if err := g.page(in, &q.opts); err != nil {
		return nil, err
	}
	q.raw = in.has("raw_traces")
	return q, nil
}

// searchRange fills in the ends that are not given: now, and two days before the end.
func (g *jaegerGRPC) searchRange(r store.TimeRange, hasStart bool) store.TimeRange {
	if r.End == 0 {
		r.End = uint64(g.Now().UnixNano()) + 1
	}
	if !hasStart && r.End > uint64(jaegerLookback) {
		r.Start = r.End - uint64(jaegerLookback)
	}
	return r
}

// query returns the field query.
func (r request) query() request { return request{r.get("query").Message()} }

// page reads how many traces are wanted, and behind which.
func (g *jaegerGRPC) page(in request, opts *traceql.SearchOptions) (err error) {
	if !in.has("pagination") {
		opts.Limit, err = g.searchDepth(in)
		return err
	}
	if in.has("search_depth") {
		return badRequest("pagination: excludes search_depth")
	}
	page := request{in.get("pagination").Message()}
	size := page.get("page_size").Uint()
	if size == 0 || size > uint64(g.MaxTraces) {
		return badRequest("page_size: must be from 1 to %d", g.MaxTraces)
	}
	opts.Limit, opts.After = int(size), store.Cursor(page.text("page_token"))
	if _, _, _, err := opts.After.Parse(); err != nil {
		return badRequest("page_token: %v", err)
	}
	return nil
}

// appendNext appends, as field 2, where the next page begins, if pages are asked for.
func (c *jaegerCall) appendNext(dst []byte, found *traceql.SearchResult) []byte {
	if !c.in.query().has("pagination") {
		return dst
	}
	return appendText(dst, 2, []byte(found.Next))
}

func (g *jaegerGRPC) searchDepth(in request) (int, error) {
	n := in.get("search_depth").Int()
	if n == 0 {
		return min(jaegerDefaultLimit, g.MaxTraces), nil
	}
	if n < 0 || n > int64(g.MaxTraces) {
		return 0, badRequest("search_depth: must be from 1 to %d", g.MaxTraces)
	}
	return int(n), nil
}

// spanQuery reads what is asked of one and the same span: by a structured filter, or by fields.
func (r request) spanQuery() (*traceql.Query, error) {
	if !r.has("filter") {
		f, err := r.filter()
		if err != nil {
			return nil, err
		}
		return f.query()
	}
	for _, name := range []protoreflect.Name{"service_name", "operation_name", "attributes", "duration_min", "duration_max"} {
		if r.has(name) {
			return nil, badRequest("query.filter and query.%s cannot be combined", name)
		}
	}
	text, err := protojson.Marshal(r.get("filter").Message().Interface())
	if err != nil {
		return nil, badRequest("query.filter: %v", err)
	}
	q, err := parseStructuredFilter(text)
	if err != nil {
		return nil, badRequest("query.filter: %v", err)
	}
	return q, nil
}

// filter reads what is asked of one and the same span.
func (r request) filter() (f *jaegerFilter, err error) {
	f = &jaegerFilter{service: r.text("service_name"), operation: r.text("operation_name")}
	if f.shortest, err = r.duration("duration_min"); err != nil {
		return nil, err
	}
	if f.longest, err = r.duration("duration_max"); err != nil {
		return nil, err
	}
	if f.shortest != nil && f.longest != nil && *f.longest < *f.shortest {
		return nil, badRequest("duration_max: is below duration_min")
	}
	f.tags, err = r.tags()
	return f, err
}

// tags reads a map of texts, named tags or attributes, or a list of KeyValue.
func (r request) tags() ([]tag, error) {
	field := r.Descriptor().Fields().ByName("attributes")
	if field == nil {
		field = r.Descriptor().Fields().ByName("tags")
	}
	var list []tag
	if field.IsMap() {
		values := map[string]string{}
		r.Get(field).Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			values[key.String()] = value.String()
			return true
		})
		for _, key := range slices.Sorted(maps.Keys(values)) {
			list = append(list, tag{key, values[key]})
		}
		return list, nil
	}
	for i, all := 0, r.Get(field).List(); i < all.Len(); i++ {
		pair := request{all.Get(i).Message()}
		value, err := plainText(request{pair.get("value").Message()})
		if err != nil {
			return nil, badRequest("attributes: %q %v", pair.text("key"), err)
		}
		list = append(list, tag{pair.text("key"), value})
	}
	return list, nil
}

// plainText returns the text of an AnyValue that is not made of others.
func plainText(v request) (string, error) {
	set := v.WhichOneof(v.Descriptor().Oneofs().ByName("value"))
	if set == nil {
		return "", badRequest("has no value")
	}
	switch value := v.Get(set); set.Kind() {
	case protoreflect.StringKind:
		return value.String(), nil
	case protoreflect.BoolKind:
		return strconv.FormatBool(value.Bool()), nil
	case protoreflect.Int64Kind:
		return strconv.FormatInt(value.Int(), 10), nil
	case protoreflect.DoubleKind:
		return strconv.FormatFloat(value.Float(), 'g', -1, 64), nil
	}
	return "", badRequest("is neither a string nor a number nor a boolean")
}
