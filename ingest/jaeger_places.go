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

// restoreSpans puts back where they were, as the translator does it for Jaeger's protobuf but not for all that
// clients send: the trace state and scope of spans, and that they failed, which some say with a text.
func restoreSpans(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				if state, ok := s.Attributes().Get(traceStateTag); ok && state.Type() == pcommon.ValueTypeStr {
					s.TraceState().FromRaw(state.Str())
					s.Attributes().Remove(traceStateTag)
				}
				if failed, ok := s.Attributes().Get("error"); ok && failed.Type() == pcommon.ValueTypeStr && failed.Str() == "true" {
					s.Status().SetCode(ptrace.StatusCodeError)
					s.Attributes().Remove("error")
				}
			}
		}
		restoreScopes(resource)
	}
}

// scopeKey names a scope.
type scopeKey struct{ name, version string }

// scopeTags are the keys of a scope's name and version, now and before.
var scopeTags = []scopeKey{{"otel.scope.name", "otel.scope.version"}, {"otel.library.name", "otel.library.version"}}

// restoreScopes moves spans that have no scope to that of their tags.
func restoreScopes(resource ptrace.ResourceSpans) {
	scopes := map[scopeKey]ptrace.SpanSlice{}
	for i := range resource.ScopeSpans().Len() { // those that come in between have all that they need
		from := resource.ScopeSpans().At(i)
		own := scopeKey{from.Scope().Name(), from.Scope().Version()}
		from.Spans().RemoveIf(func(s ptrace.Span) bool {
			key := takeScope(s.Attributes(), own)
			if key == own {
				return false
			}
			to, ok := scopes[key]
			if !ok {
				scope := resource.ScopeSpans().AppendEmpty()
				scope.Scope().SetName(key.name)
				scope.Scope().SetVersion(key.version)
				to = scope.Spans()
				scopes[key] = to
			}
			s.MoveTo(to.AppendEmpty())
			return true
		})
	}
	resource.ScopeSpans().RemoveIf(func(scope ptrace.ScopeSpans) bool { return scope.Spans().Len() == 0 })
}

// takeScope removes the tags that name the scope of a span, and returns it; own is what is known of it. Exporters that write the
// new tags write the old ones too.
func takeScope(tags pcommon.Map, own scopeKey) scopeKey {
	take := func(key string, known *string) bool {
		v, ok := tags.Get(key)
		if !ok || v.Type() != pcommon.ValueTypeStr || v.Str() == "" || *known != "" && *known != v.Str() {
			return false
		}
		*known = v.Str()
		tags.Remove(key)
		return true
	}
	for _, t := range scopeTags {
		if take(t.name, &own.name) {
			take(t.version, &own.version)
		}
	}
	return own
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
