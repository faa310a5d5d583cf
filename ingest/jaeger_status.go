package ingest

import (
	"slices"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The translator makes one attribute, http.status_code, of tags of both names. They pass it as they are,
// as the status of a span may follow from them, and a second time under keys that it leaves alone,
// from which they are put back.
const (
	oldHTTPStatus = "http.status_code"
	newHTTPStatus = "http.response.status_code"
	keptHTTPMark  = "\x00"
)

// protoToTraces translates a batch, whose tags it may add to.
func protoToTraces(batch *model.Batch) (ptrace.Traces, error) {
	keep := func(tags *[]model.KeyValue) bool {
		return keepHTTPStatus(tags, func(t model.KeyValue) string { return t.Key }, func(t model.KeyValue, key string) model.KeyValue {
			t.Key = key
			return t
		})
	}
	kept := batch.Process != nil && keep(&batch.Process.Tags)
	for _, s := range batch.Spans {
		if s == nil {
			continue
		}
		kept = keep(&s.Tags) || kept
		if s.Process != nil {
			kept = keep(&s.Process.Tags) || kept
		}
		for i := range s.Logs {
			kept = keep(&s.Logs[i].Fields) || kept
		}
	}
	traces, err := jaeger.ProtoToTraces([]*model.Batch{batch})
	if err != nil {
		return traces, err
	}
	if kept {
		restoreHTTPStatus(traces)
	}
	restoreSpans(traces)
	return traces, nil
}

// thriftToTraces translates a batch, whose tags it may add to.
func thriftToTraces(batch *thriftjaeger.Batch) (ptrace.Traces, error) {
	keep := func(tags *[]*thriftjaeger.Tag) bool {
		return keepHTTPStatus(tags, (*thriftjaeger.Tag).GetKey, func(t *thriftjaeger.Tag, key string) *thriftjaeger.Tag {
			again := *t
			again.Key = key
			return &again
		})
	}
	kept := keep(&batch.Process.Tags)
	for _, s := range batch.Spans {
		kept = keep(&s.Tags) || kept
		for _, l := range s.Logs {
			kept = keep(&l.Fields) || kept
		}
	}
	traces, err := jaeger.ThriftToTraces(batch)
	if err != nil {
		return traces, err
	}
	if kept {
		restoreHTTPStatus(traces)
	}
	restoreSpans(traces)
	return traces, nil
}

// keepHTTPStatus adds the tags of both names once more if there is one of the new name, and reports whether there is.
func keepHTTPStatus[T any](tags *[]T, keyOf func(T) string, withKey func(T, string) T) bool {
	has := func(key string) bool {
		return slices.ContainsFunc(*tags, func(t T) bool { return keyOf(t) == key })
	}
	if !has(newHTTPStatus) {
		return false
	}
	if has(keptHTTPMark + newHTTPStatus) {
		return true // a process that several spans share
	}
	for _, t := range *tags {
		if key := keyOf(t); key == oldHTTPStatus || key == newHTTPStatus {
			*tags = append(*tags, withKey(t, keptHTTPMark+key))
		}
	}
	return true
}

func restoreHTTPStatus(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		restoreAttributes(resource.Resource().Attributes())
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				restoreAttributes(s.Attributes())
				for _, e := range s.Events().All() {
					restoreAttributes(e.Attributes())
				}
			}
		}
	}
}

func restoreAttributes(m pcommon.Map) {
	if _, ok := m.Get(keptHTTPMark + newHTTPStatus); !ok {
		return
	}
	m.Remove(oldHTTPStatus)
	for _, key := range []string{oldHTTPStatus, newHTTPStatus} {
		if v, ok := m.Get(keptHTTPMark + key); ok {
			v.CopyTo(m.PutEmpty(key))
			m.Remove(keptHTTPMark + key)
		}
	}
}
