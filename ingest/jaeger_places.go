package ingest

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The tags of a span in which Clew's API tells Jaeger's clients what Jaeger has no place for.
const (
	scopeTagPrefix    = "otel.scope.attributes."
	linkTagPrefix     = "otel.link."
	linkTagAttributes = ".attributes."
	traceStateTag     = "w3c.tracestate"
)

// restoreTraceState puts the trace state of spans back where it was, which the translator does for Jaeger's protobuf
// but not for Thrift.
func restoreTraceState(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				if state, ok := s.Attributes().Get(traceStateTag); ok && state.Type() == pcommon.ValueTypeStr {
					s.TraceState().FromRaw(state.Str())
					s.Attributes().Remove(traceStateTag)
				}
			}
		}
	}
}

// replaceTags puts attributes of scopes and links back where they were.
func replaceTags(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				replaceLinkTags(s)
			}
			replaceScopeTags(scope)
		}
	}
}

func replaceLinkTags(s ptrace.Span) {
	links := s.Links()
	s.Attributes().RemoveIf(func(tag string, v pcommon.Value) bool {
		rest, ok := strings.CutPrefix(tag, linkTagPrefix)
		if !ok {
			return false
		}
		number, key, _ := strings.Cut(rest, linkTagAttributes)
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || key == "" || int(n) >= links.Len() {
			return false
		}
		v.CopyTo(links.At(int(n)).Attributes().PutEmpty(key))
		return true
	})
}

// replaceScopeTags leaves the tags where they are unless all spans of the scope have the same.
func replaceScopeTags(scope ptrace.ScopeSpans) {
	var first pcommon.Map
	for i, s := range scope.Spans().All() {
		attrs := pcommon.NewMap()
		for tag, v := range s.Attributes().All() {
			if key, ok := strings.CutPrefix(tag, scopeTagPrefix); ok {
				v.CopyTo(attrs.PutEmpty(key))
			}
		}
		if i == 0 {
			first = attrs
		}
		if attrs.Len() == 0 || !attrs.Equal(first) {
			return
		}
	}
	if scope.Spans().Len() == 0 {
		return
	}
	first.CopyTo(scope.Scope().Attributes())
	for _, s := range scope.Spans().All() {
		s.Attributes().RemoveIf(func(tag string, _ pcommon.Value) bool { return strings.HasPrefix(tag, scopeTagPrefix) })
	}
}
