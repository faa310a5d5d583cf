package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// orderTrace is the shop's trace without its other roots, with messages of what failed.
func orderTrace() []span.Span {
	rows := shopTrace()[:7]
	rows[4].Message = "charge failed"
	rows[5].Events = []span.SpanEvent{{Name: "exception", Time: rows[5].Start + 5e6, Attrs: []span.KeyValue{
		{Key: "exception.type", Value: span.StringValue("IOException")}, {Key: "exception.message", Value: span.StringValue("connection\nreset")},
	}}}
	return rows
}

func TestExplainTrace(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, orderTrace()...)
	id := orderTrace()[0].TraceID.String()
	for name, test := range map[string]struct {
		options traceOptions
		screen  screen
	}{
		"trace_path.txt":              {traceOptions{path: true}, screen{}},
		"trace_path_narrow.txt":       {traceOptions{path: true, limit: 3}, screen{width: 60, color: true}},
		"trace_path.json":             {traceOptions{path: true, json: true}, screen{}},
		"trace_errors.txt":            {traceOptions{errors: true}, screen{}},
		"trace_errors_color.txt":      {traceOptions{errors: true}, screen{width: 60, color: true}},
		"trace_errors.json":           {traceOptions{errors: true, json: true}, screen{}},
		"trace_statistics.txt":        {traceOptions{by: []string{"service"}}, screen{width: 130}},
		"trace_statistics_two.txt":    {traceOptions{by: []string{"service", "name"}, limit: 6}, screen{}},
		"trace_statistics_narrow.txt": {traceOptions{by: []string{"span.nowhere"}}, screen{width: 1, color: true}},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.client = c
			golden(t, name, draw(t, test.options, test.screen, id))
		})
	}
	var answer api.StatisticsAnswer
	text := draw(t, traceOptions{client: c, by: []string{"status"}, json: true}, screen{}, id)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Groups) != 2 {
		t.Errorf("%v in %s", err, text)
	}
}

// TestExplainIsPrintable checks that nothing of a trace steers the terminal.
func TestExplainIsPrintable(t *testing.T) {
	rows := orderTrace()
	for i := range rows {
		rows[i].Name = "\x1b[31m\u202eevil\n"
		rows[i].Resource.Attrs[0].Value = span.StringValue("\x07bell")
		rows[i].Attrs = []span.KeyValue{{Key: "k", Value: span.StringValue("\x1b]0;title\x07")}}
	}
	c := serveSpans(t, store.DefaultTenant, rows...)
	for _, o := range []traceOptions{{path: true}, {errors: true}, {by: []string{"span.k", "name"}}} {
		o.client = c
		text := draw(t, o, screen{}, rows[0].TraceID.String())
		if strings.ContainsFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }) {
			t.Errorf("%+v: %q", o, text)
		}
	}
}

func TestExplainRefusals(t *testing.T) {
	c := serveSpans(t, store.DefaultTenant, orderTrace()...)
	for by, says := range map[string]string{
		"a b":                 "neither an attribute",
		"name,kind,status":    "at most 2 are possible",
		"service,span.x,name": "at most 2 are possible",
	} {
		o := traceOptions{client: c, by: strings.Split(by, ",")}
		err := showTrace(t.Context(), &o, orderTrace()[0].TraceID.String(), screen{Writer: &bytes.Buffer{}, width: 80, zone: time.UTC})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", by, err)
		}
	}
}
