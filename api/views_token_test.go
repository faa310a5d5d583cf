package api

import (
	"encoding/binary"
	"testing"

	"github.com/clewhq/clew/span"
)

// tokenSpan has something everywhere.
func tokenSpan() *span.Span {
	attrs := func(key string) []span.KeyValue {
		return []span.KeyValue{{Key: key, Value: span.StringValue("v")}, {Key: key + ".n", Value: span.IntValue(1)}}
	}
	return &span.Span{
		TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Parent: span.SpanID{7: 2}, Start: 10, End: 20,
		Name: "name", Kind: 2, Status: 1, Message: "message", TraceState: "k=v", Flags: 1, Attrs: attrs("span"),
		Resource: span.SpanResource{Attrs: attrs("resource"), SchemaURL: "r"},
		Scope:    span.SpanScope{Name: "scope", Version: "1", SchemaURL: "s", Attrs: attrs("scope")},
		Events:   []span.SpanEvent{{Time: 11, Name: "event", Attrs: attrs("event")}},
		Links:    []span.SpanLink{{TraceID: span.TraceID{15: 2}, SpanID: span.SpanID{7: 3}, TraceState: "l=v", Flags: 1, Attrs: attrs("link")}},
	}
}

// TestTokensTellContent: whatever changes in a span changes the hash of a batch, and how texts are numbered does not.
func TestTokensTellContent(t *testing.T) {
	hash := func(dict []string, s *span.Span) uint64 {
		var b span.Batch
		for _, text := range dict {
			b.Dict.InternString(text)
		}
		b.Append(&span.Span{})
		b.Append(s)
		return contentHash(&b)
	}
	same := hash(nil, tokenSpan())
	if hash([]string{"other", "message", "v"}, tokenSpan()) != same {
		t.Error("the numbers of texts change the hash")
	}
	value := span.StringValue("w")
	seen := map[uint64]string{same: "nothing"}
	for what, change := range map[string]func(*span.Span){
		"trace id":           func(s *span.Span) { s.TraceID[0] = 1 },
		"span id":            func(s *span.Span) { s.SpanID[0] = 1 },
		"parent":             func(s *span.Span) { s.Parent[0] = 1 },
		"start":              func(s *span.Span) { s.Start++ },
		"end":                func(s *span.Span) { s.End++ },
		"name":               func(s *span.Span) { s.Name = "x" },
		"kind":               func(s *span.Span) { s.Kind++ },
		"status":             func(s *span.Span) { s.Status++ },
		"message":            func(s *span.Span) { s.Message = "x" },
		"state":              func(s *span.Span) { s.TraceState = "x" },
		"flags":              func(s *span.Span) { s.Flags++ },
		"dropped attributes": func(s *span.Span) { s.Dropped.Attrs++ },
		"dropped events":     func(s *span.Span) { s.Dropped.Events++ },
		"dropped links":      func(s *span.Span) { s.Dropped.Links++ },
		"key":                func(s *span.Span) { s.Attrs[0].Key = "x" },
		"value":              func(s *span.Span) { s.Attrs[0].Value = value },
		"number":             func(s *span.Span) { s.Attrs[1].Value = span.IntValue(2) },
		"type":               func(s *span.Span) { s.Attrs[1].Value.Type = span.Float },
		"resource":           func(s *span.Span) { s.Resource.Attrs[0].Value = value },
		"resource's schema":  func(s *span.Span) { s.Resource.SchemaURL = "x" },
		"resource's dropped": func(s *span.Span) { s.Resource.DroppedAttrs++ },
		"resource's entity":  func(s *span.Span) { s.Resource.EntityRefs = "\x1a\x00" },
		"scope":              func(s *span.Span) { s.Scope.Name = "x" },
		"scope's version":    func(s *span.Span) { s.Scope.Version = "x" },
		"scope's schema":     func(s *span.Span) { s.Scope.SchemaURL = "x" },
		"scope's dropped":    func(s *span.Span) { s.Scope.DroppedAttrs++ },
		"scope's attribute":  func(s *span.Span) { s.Scope.Attrs[0].Value = value },
		"event":              func(s *span.Span) { s.Events[0].Name = "x" },
		"event's time":       func(s *span.Span) { s.Events[0].Time++ },
		"event's dropped":    func(s *span.Span) { s.Events[0].DroppedAttrs++ },
		"event's attribute":  func(s *span.Span) { s.Events[0].Attrs[0].Value = value },
		"no event":           func(s *span.Span) { s.Events = nil },
		"link's trace":       func(s *span.Span) { s.Links[0].TraceID[0] = 1 },
		"link's span":        func(s *span.Span) { s.Links[0].SpanID[0] = 1 },
		"link's state":       func(s *span.Span) { s.Links[0].TraceState = "x" },
		"link's flags":       func(s *span.Span) { s.Links[0].Flags++ },
		"link's dropped":     func(s *span.Span) { s.Links[0].DroppedAttrs++ },
		"link's attribute":   func(s *span.Span) { s.Links[0].Attrs[0].Value = value },
		"no link":            func(s *span.Span) { s.Links = nil },
	} {
		s := tokenSpan()
		change(s)
		h := hash(nil, s)
		if other, ok := seen[h]; ok {
			t.Errorf("%s: the hash is as with %s changed", what, other)
		}
		seen[h] = what
	}
}

func BenchmarkContentHash(b *testing.B) {
	var batch span.Batch
	s := tokenSpan()
	for i := range 1_000_000 {
		binary.BigEndian.PutUint64(s.SpanID[:], uint64(i))
		batch.Append(s)
	}
	for b.Loop() {
		contentHash(&batch)
	}
}
