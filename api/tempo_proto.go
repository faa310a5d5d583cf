package api

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// protoWriter writes a protobuf message: fields are appended to buf, which
// goes out from time to time. The first error sticks.
type protoWriter struct {
	w    io.Writer
	buf  []byte
	full int // how much buf has when it goes out; 0 means flushAt
	most int // how much may go out at once; 0 means any
	err  error
	// sent has, for each element of a list that was written, a hash of it as it was last. An element that
	// did not change is not written again. nil: all are written.
	sent map[string]uint64
}

// next makes room for more fields; it reports whether anybody takes them.
func (p *protoWriter) next() bool {
	if len(p.buf) >= cmp.Or(p.full, flushAt) {
		_ = p.flush()
	}
	return p.err == nil
}

// written ends an element of a list, which starts at from. If it was written before as it is now, it is taken
// back. key tells the elements of a list apart, what is one in words.
func (p *protoWriter) written(from int, what string, key func() string) {
	if p.sent != nil {
		k, hash := key(), xxhash.Sum64(p.buf[from:])
		if last, ok := p.sent[k]; ok && last == hash {
			p.buf = p.buf[:from]
			return
		}
		p.sent[k] = hash
	}
	p.divide(from, what)
}

// divide lets what comes before from go out by itself, if both together are too much at once.
func (p *protoWriter) divide(from int, what string) {
	size := len(p.buf) - from
	if p.err != nil || p.most == 0 || len(p.buf) <= p.most {
		return
	}
	if size > p.most {
		p.err = fmt.Errorf("%w: %s of the answer has %d bytes, and clients of gRPC take %d in a message; ask for less of it, or over HTTP",
			store.ErrTooLarge, what, size, p.most)
		return
	}
	if _, p.err = p.w.Write(p.buf[:from]); p.err == nil {
		p.buf = append(p.buf[:0], p.buf[from:]...)
	}
}

func (p *protoWriter) flush() error {
	if p.err == nil {
		_, p.err = p.w.Write(p.buf)
	}
	p.buf = p.buf[:0]
	return p.err
}

// SearchResponse { repeated TraceSearchMetadata 1; SearchMetrics 2 }
func (a searchAnswer) writeProto(p *protoWriter) {
	for _, t := range a.Traces {
		if !p.next() {
			return
		}
		from := len(p.buf)
		p.buf = appendTempoTrace(p.buf, t)
		p.written(from, "one trace", func() string { return string(t.ID[:]) })
	}
	p.buf = appendMetrics(p.buf, a.cost())
}

// appendMetrics appends SearchMetrics { uint32 inspectedTraces 1; uint64 inspectedBytes 2; uint32 totalBlocks 3;
// uint32 completedJobs 4; uint32 totalJobs 5 } as field 2.
func appendMetrics(dst []byte, c cost) []byte {
	dst, at := begin(dst, 2)
	dst = appendNumber(dst, 1, min(c.traces, math.MaxUint32))
	dst = appendNumber(dst, 2, c.stats.BytesRead)
	dst = appendNumber(dst, 3, min(c.stats.Blocks, math.MaxUint32))
	dst = appendNumber(dst, 4, min(c.jobs.done, math.MaxUint32))
	dst = appendNumber(dst, 5, min(c.jobs.total, math.MaxUint32))
	return end(dst, at)
}

// appendTagMetrics appends MetadataMetrics { uint64 inspectedBytes 1; uint32 totalJobs 2; uint32 completedJobs 3;
// uint32 totalBlocks 4 } as field 2, unless all are 0.
func appendTagMetrics(dst []byte, c cost) []byte {
	if c == (cost{}) {
		return dst
	}
	dst, at := begin(dst, 2)
	dst = appendNumber(dst, 1, c.stats.BytesRead)
	dst = appendNumber(dst, 2, min(c.jobs.total, math.MaxUint32))
	dst = appendNumber(dst, 3, min(c.jobs.done, math.MaxUint32))
	dst = appendNumber(dst, 4, min(c.stats.Blocks, math.MaxUint32))
	return end(dst, at)
}

// appendTempoTrace appends, as field 1, TraceSearchMetadata { string traceID 1;
// string rootServiceName 2; string rootTraceName 3; uint64 startTimeUnixNano 4;
// uint32 durationMs 5; SpanSet 6; repeated SpanSet 7;
// map<string, ServiceStats { uint32 spanCount 1; uint32 errorCount 2 }> 8 }.
func appendTempoTrace(dst []byte, t *traceql.Trace) []byte {
	service, name := rootOf(t)
	dst, at := begin(dst, 1)
	dst = appendString(dst, 1, shortID(t.ID))
	dst = appendString(dst, 2, service)
	dst = appendString(dst, 3, name)
	dst = appendNumber(dst, 4, t.Start)
	dst = appendNumber(dst, 5, milliseconds(t))
	if len(t.SpanSets) > 0 { // for clients that know no list of them
		dst = appendSpanSet(dst, 6, &t.SpanSets[0])
	}
	for i := range t.SpanSets {
		dst = appendSpanSet(dst, 7, &t.SpanSets[i])
	}
	for _, s := range t.Services {
		var entry, stats int
		dst, entry = begin(dst, 8)
		dst = appendString(dst, 1, s.Name)
		dst, stats = begin(dst, 2)
		dst = appendNumber(dst, 1, uint64(s.Spans))
		dst = appendNumber(dst, 2, uint64(s.Errors))
		dst = end(dst, stats)
		dst = end(dst, entry)
	}
	return end(dst, at)
}

// appendSpanSet appends SpanSet { repeated Span 1; uint32 matched 2; repeated KeyValue 3 }.
func appendSpanSet(dst []byte, num protowire.Number, s *traceql.SpanSet) []byte {
	dst, at := begin(dst, num)
	for i := range s.Spans {
		dst = appendTempoSpan(dst, &s.Spans[i])
	}
	dst = appendNumber(dst, 2, uint64(s.Matched))
	dst = appendKeyValues(dst, 3, s.Attributes)
	return end(dst, at)
}

// appendTempoSpan appends, as field 1, Span { string spanID 1; string name 2;
// uint64 startTimeUnixNano 3; uint64 durationNanos 4; repeated KeyValue 5 }.
func appendTempoSpan(dst []byte, s *traceql.Span) []byte {
	dst, at := begin(dst, 1)
	dst = appendString(dst, 1, s.ID.String())
	dst = appendString(dst, 2, s.Name)
	dst = appendNumber(dst, 3, s.Start)
	dst = appendNumber(dst, 4, uint64(max(s.Duration, 0)))
	dst = appendKeyValues(dst, 5, spanAttributes(s))
	return end(dst, at)
}

// appendKeyValues appends a list of OTLP's KeyValue as field num.
func appendKeyValues(dst []byte, num protowire.Number, list []traceql.NamedValue) []byte {
	for _, v := range list {
		var kv, value int
		dst, kv = begin(dst, num)
		dst = appendString(dst, 1, v.Name)
		dst, value = begin(dst, 2)
		dst = appendAnyValue(dst, tempoValue(v.Value))
		dst = end(dst, value)
		dst = end(dst, kv)
	}
	return dst
}

// appendAnyValue appends the field of AnyValue that holds v.
func appendAnyValue(dst []byte, v span.Value) []byte {
	num := anyField[v.Type]
	switch v.Type {
	case span.Empty:
		return dst
	case span.Bool, span.Int:
		return protowire.AppendVarint(protowire.AppendTag(dst, num, protowire.VarintType), v.Num)
	case span.Float:
		return protowire.AppendFixed64(protowire.AppendTag(dst, num, protowire.Fixed64Type), v.Num)
	}
	return append(appendLength(dst, num, uint64(len(v.Str))), v.Str...)
}

// appendString is appendText for a string.
func appendString(dst []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return append(appendLength(dst, num, uint64(len(s))), s...)
}

// QueryRangeResponse { repeated TimeSeries 1; SearchMetrics 2; PartialStatus 3; string message 4 }
func (a rangeAnswer) writeProto(p *protoWriter) {
	for _, s := range a.Series {
		if !p.next() {
			return
		}
		from := len(p.buf)
		p.buf = appendTimeSeries(p.buf, a.Times, s)
		p.written(from, "one series", func() string { return labelKey(s.Labels) })
	}
	p.buf = appendMetrics(p.buf, a.cost())
	p.buf = appendStatus(p.buf, a.Gaps)
}

// appendTimeSeries appends, as field 1, TimeSeries { repeated KeyValue labels 1;
// repeated Sample { double value 1; int64 timestamp_ms 2 } 2;
// repeated Exemplar { repeated KeyValue labels 1; double value 2; int64 timestamp_ms 3 } 4 }.
func appendTimeSeries(dst []byte, times []int64, s *traceql.TimeSeries) []byte {
	dst, at := begin(dst, 1)
	dst = appendKeyValues(dst, 1, s.Labels)
	for i, value := range s.Values {
		if math.IsNaN(value) {
			continue
		}
		var sample int
		dst, sample = begin(dst, 2)
		dst = appendFixed64(dst, 1, math.Float64bits(value))
		dst = appendNumber(dst, 2, uint64(times[i]))
		dst = end(dst, sample)
	}
	for i := range s.Exemplars {
		e := &s.Exemplars[i]
		var exemplar int
		dst, exemplar = begin(dst, 4)
		dst = appendKeyValues(dst, 1, exemplarLabels(e))
		dst = appendFixed64(dst, 2, math.Float64bits(e.Value))
		dst = appendNumber(dst, 3, e.Time/uint64(time.Millisecond))
		dst = end(dst, exemplar)
	}
	return end(dst, at)
}

// labelKey returns labels as the key of their series.
func labelKey(list []traceql.Label) string { return string(appendKeyValues(nil, 1, list)) }

// appendStatus appends the fields status and message, which are empty for a whole answer.
func appendStatus(dst []byte, gaps []string) []byte {
	if len(gaps) == 0 {
		return dst
	}
	dst = appendNumber(dst, 3, protowire.EncodeBool(true))
	return appendString(dst, 4, strings.Join(gaps, "; "))
}

// QueryInstantResponse { repeated InstantSeries { repeated KeyValue labels 1; double value 2 } 1;
// SearchMetrics 2; PartialStatus 3; string message 4 }
func (a instantAnswer) writeProto(p *protoWriter) {
	for _, s := range a.Series {
		value, ok := instantValue(s)
		if !ok {
			continue
		}
		if !p.next() {
			return
		}
		from := len(p.buf)
		var series int
		p.buf, series = begin(p.buf, 1)
		p.buf = appendKeyValues(p.buf, 1, s.Labels)
		p.buf = appendFixed64(p.buf, 2, math.Float64bits(value))
		p.buf = end(p.buf, series)
		p.written(from, "one series", func() string { return labelKey(s.Labels) })
	}
	p.buf = appendMetrics(p.buf, a.cost())
	p.buf = appendStatus(p.buf, a.Gaps)
}

// The four below end with MetadataMetrics 2. In a stream, each name and value comes once.

// SearchTagsResponse { repeated string tagNames 1 }
func (a tagNames) writeProto(p *protoWriter) {
	p.texts(1, a.list)
	p.buf = appendTagMetrics(p.buf, a.cost)
}

// SearchTagValuesResponse { repeated string tagValues 1 }
func (a tagTexts) writeProto(p *protoWriter) {
	p.texts(1, a.list)
	p.buf = appendTagMetrics(p.buf, a.cost)
}

// texts writes a list of strings as field num. Empty ones are part of the list.
func (p *protoWriter) texts(num protowire.Number, list []string) {
	for _, s := range list {
		if !p.next() {
			return
		}
		from := len(p.buf)
		p.buf = append(appendLength(p.buf, num, uint64(len(s))), s...)
		p.written(from, "one value", func() string { return s })
	}
}

// unsent returns the names of a scope that were not written before.
func (p *protoWriter) unsent(list scopeTags) []string {
	if p.sent == nil {
		return list.names
	}
	var names []string
	for _, name := range list.names {
		key := list.scope.String() + "." + name
		if _, ok := p.sent[key]; !ok {
			p.sent[key] = 0
			names = append(names, name)
		}
	}
	return names
}

// SearchTagsV2Response { repeated SearchTagsV2Scope { string name 1; repeated string tags 2 } 1 }
//
// The tags of a scope may come in several messages, each with the scope's name.
func (a scopedTags) writeProto(p *protoWriter) {
	for _, list := range a.list {
		for names := p.unsent(list); len(names) > 0; {
			if !p.next() {
				return
			}
			from := len(p.buf)
			var scope int
			p.buf, scope = begin(p.buf, 1)
			p.buf = appendString(p.buf, 1, list.scope.String())
			for len(names) > 0 && (p.most == 0 || len(p.buf)-from < p.full) {
				p.buf = append(appendLength(p.buf, 2, uint64(len(names[0]))), names[0]...)
				names = names[1:]
			}
			p.buf = end(p.buf, scope)
			p.divide(from, "one tag")
		}
	}
	p.buf = appendTagMetrics(p.buf, a.cost)
}

// SearchTagValuesV2Response { repeated TagValue { string type 1; string value 2 } 1 }
func (a typedValues) writeProto(p *protoWriter) {
	for _, v := range a.list {
		if !p.next() {
			return
		}
		kind, text := typedText(v.Value)
		from := len(p.buf)
		var value int
		p.buf, value = begin(p.buf, 1)
		p.buf = appendString(p.buf, 1, kind)
		p.buf = appendString(p.buf, 2, text)
		p.buf = end(p.buf, value)
		p.written(from, "one value", func() string { return kind + " " + text })
	}
	p.buf = appendTagMetrics(p.buf, a.cost)
}
