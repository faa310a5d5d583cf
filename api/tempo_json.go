package api

import (
	"math"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// tempoAnswer is an answer of Tempo's API, in both of its forms.
type tempoAnswer interface {
	writeJSON(j tempoJSON)
	// writeProto writes the fields of the message, some at a time.
	writeProto(w *protoWriter)
}

// writeTempo writes an answer in the form that the client asks for.
func writeTempo(w http.ResponseWriter, r *http.Request, a tempoAnswer) error {
	if wantsProtobuf(r) {
		w.Header().Set("Content-Type", "application/protobuf")
		p := &protoWriter{w: w}
		a.writeProto(p)
		return p.flush()
	}
	w.Header().Set("Content-Type", "application/json")
	j := tempoJSON{otlpJSON{newJSON(w)}}
	a.writeJSON(j)
	return j.err
}

// tempoJSON writes messages of Tempo by protobuf's rules for JSON: 64-bit
// integers are strings, and fields that hold their default are left out.
type tempoJSON struct{ otlpJSON }

// string writes a text if it is not empty.
func (j tempoJSON) string(name, s string) {
	if s != "" {
		j.name(name)
		j.text(s)
	}
}

// big writes a 64-bit number if it is not 0.
func (j tempoJSON) big(name string, n uint64) {
	if n != 0 {
		j.name(name)
		j.quotedUint(n)
	}
}

// small writes a number of at most 32 bits if it is not 0.
func (j tempoJSON) small(name string, n uint64) {
	if n != 0 {
		j.name(name)
		j.unsigned(n)
	}
}

// texts writes a list of texts, an empty one too.
func (j tempoJSON) texts(name string, list []string) {
	j.name(name)
	j.array()
	for _, s := range list {
		j.text(s)
	}
	j.endArray()
}

// key writes the name of a member that comes from data, and may be no UTF-8.
func (j tempoJSON) key(s string) {
	quoted, _ := jsontext.AppendQuote(nil, s)
	j.value(quoted)
}

// keyValues writes a list of KeyValue if there are any.
func (j tempoJSON) keyValues(name string, list []traceql.NamedValue) {
	if len(list) == 0 {
		return
	}
	j.name(name)
	j.array()
	for _, v := range list {
		j.object()
		j.name("key")
		j.text(v.Name)
		j.name("value")
		j.any(tempoValue(v.Value))
		j.endObject()
	}
	j.endArray()
}

// cost is what an answer has cost.
type cost struct {
	traces uint64 // that were looked at
	stats  store.ScanStats
	jobs   jobs
}

// jobs is how far a query has come: chunks of the store.
type jobs struct{ done, total uint64 }

// allJobs are those of a query that has ended.
func allJobs(s store.ScanStats) jobs {
	n := s.ChunksRead + s.ChunksSkipped
	return jobs{n, n}
}

// metrics writes what the answer cost. It keeps to fields that Tempo has had for
// long, as Grafana refuses an instant answer with one that it does not know.
func (j tempoJSON) metrics(c cost) {
	j.name("metrics")
	j.object()
	j.small("inspectedTraces", min(c.traces, math.MaxUint32))
	j.big("inspectedBytes", c.stats.BytesRead)
	j.small("totalBlocks", min(c.stats.Blocks, math.MaxUint32))
	j.small("completedJobs", min(c.jobs.done, math.MaxUint32))
	j.small("totalJobs", min(c.jobs.total, math.MaxUint32))
	j.endObject()
}

// tempoValue returns a value as Tempo shows it: durations, words and nil as text.
func tempoValue(s traceql.Static) span.Value {
	v := span.Value{Num: s.Num, Str: s.Str}
	switch s.Type {
	case traceql.TypeInt:
		v.Type = span.Int
	case traceql.TypeFloat:
		v.Type = span.Float
	case traceql.TypeBool:
		v.Type = span.Bool
	case traceql.TypeString:
		v.Type = span.String
	case traceql.TypeBytes:
		v.Type = span.Bytes
	case traceql.TypeArray:
		v.Type = span.Array
	case traceql.TypeMap:
		v.Type = span.Map
	case traceql.TypeNil:
		return span.StringValue("nil")
	case traceql.TypeDuration:
		return span.StringValue(time.Duration(s.Int()).String())
	case traceql.TypeStatus, traceql.TypeKind:
		return span.StringValue(s.String())
	}
	return v
}
