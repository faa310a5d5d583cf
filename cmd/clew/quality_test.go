package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// qualitySpans are two services: one says all that it should, the other has a secret and a name from outside.
func qualitySpans() []span.Span {
	at := uint64(queryAt.Add(-10 * time.Minute).UnixNano())
	text := func(pairs ...string) (list []span.KeyValue) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, span.KeyValue{Key: pairs[i], Value: span.StringValue(pairs[i+1])})
		}
		return list
	}
	return []span.Span{
		{
			TraceID: span.TraceID{15: 1}, SpanID: span.SpanID{7: 1}, Name: "work", Kind: 1, Start: at, End: at + 1e9,
			Resource: span.SpanResource{Attrs: text("service.name", "good", "service.version", "1", "service.instance.id", "a", "deployment.environment.name", "test")},
		},
		{
			TraceID: span.TraceID{15: 2}, SpanID: span.SpanID{7: 2}, Name: "work", Kind: 1, Start: at + 1, End: at + 1e9,
			Attrs: text("note\x1b[2J", "password=hunter2", "http.method", "GET"),
			Resource: span.SpanResource{Attrs: text("service.name", "bad\x1b[31m", "service.version", "1", "service.instance.id", "b", "deployment.environment.name", "test",
				"telemetry.sdk.language", "java")},
		},
	}
}

func TestQualityGolden(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, qualitySpans()...)
	for name, test := range map[string]struct {
		service string
		out     screen
		notes   string
	}{
		"quality.txt":     {notes: "the scores are not complete: 13 rules cannot be judged, see --json\n"},
		"quality_one.txt": {service: "bad\x1b[31m", out: screen{color: true}, notes: "the scores are not complete: 13 rules cannot be judged, see --json\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var text, notes bytes.Buffer
			test.out.Writer, test.out.zone, test.out.width = &text, time.UTC, fallbackWidth
			o := qualityOptions{client: c, times: times{since: "1h"}}
			if err := o.run(t.Context(), test.service, queryAt, test.out, screen{Writer: &notes}); err != nil || notes.String() != test.notes {
				t.Errorf("%v, notes %q", err, &notes)
			}
			if strings.Contains(text.String(), "hunter2") || !test.out.color && strings.Contains(text.String(), "\x1b") {
				t.Errorf("%q", &text)
			}
			golden(t, name, text.String())
		})
	}
	var notes bytes.Buffer
	o := qualityOptions{client: c, times: times{since: "1m"}}
	if err := o.run(t.Context(), "", queryAt, screen{Writer: &notes}, screen{Writer: &notes}); err != nil || notes.String() != "no spans found in 1m; --since looks further back\n" {
		t.Errorf("%v, notes %q", err, &notes)
	}
	var text bytes.Buffer
	o = qualityOptions{client: c, times: times{since: sinceAll}, json: true}
	if err := o.run(t.Context(), "good", queryAt, screen{Writer: &text}, screen{Writer: &notes}); err != nil || !strings.Contains(text.String(), `"score":100`) {
		t.Errorf("%v, %q", err, &text)
	}
}
