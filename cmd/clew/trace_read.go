package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clewhq/clew/span"
)

// traceSpan is what a waterfall shows of a span.
type traceSpan struct {
	id, parent span.SpanID
	start, end uint64 // unix nanoseconds
	service    string
	name       string
	failed     bool
}

// readSpans reads OTLP JSON as it streams in and keeps what a waterfall shows,
// so that a trace of a million spans does not need to fit in memory as text.
func readSpans(r io.Reader) ([]traceSpan, error) {
	in := &spanReader{
		Decoder: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true)),
		texts:   map[string]string{},
	}
	err := in.object(func(name string) error {
		if name == "resourceSpans" {
			return in.array(in.resourceSpans)
		}
		return in.SkipValue()
	})
	return in.spans, err
}

type spanReader struct {
	*jsontext.Decoder
	spans []traceSpan
	texts map[string]string // names and services, each once
}

func (in *spanReader) resourceSpans() error {
	var resource struct {
		Attributes []struct {
			Key   string `json:"key"`
			Value struct {
				StringValue string `json:"stringValue"`
			} `json:"value"`
		} `json:"attributes"`
	}
	from := len(in.spans)
	err := in.object(func(name string) error {
		switch name {
		case "resource":
			return json.UnmarshalDecode(in.Decoder, &resource)
		case "scopeSpans":
			return in.array(in.scopeSpans)
		}
		return in.SkipValue()
	})
	for _, a := range resource.Attributes {
		if a.Key == "service.name" {
			for i := range in.spans[from:] {
				in.spans[from+i].service = a.Value.StringValue
			}
			break
		}
	}
	return err
}

func (in *spanReader) scopeSpans() error {
	return in.object(func(name string) error {
		if name == "spans" {
			return in.array(in.span)
		}
		return in.SkipValue()
	})
}

func (in *spanReader) span() error {
	var s struct {
		SpanID string `json:"spanId"`
		Parent string `json:"parentSpanId"`
		Name   string `json:"name"`
		Start  uint64 `json:"startTimeUnixNano,string"`
		End    uint64 `json:"endTimeUnixNano,string"`
		Status struct {
			Code int `json:"code"`
		} `json:"status"`
	}
	if err := json.UnmarshalDecode(in.Decoder, &s); err != nil {
		return err
	}
	id, err := span.ParseSpanID(s.SpanID)
	if err != nil {
		return err
	}
	var parent span.SpanID
	if s.Parent != "" {
		if parent, err = span.ParseSpanID(s.Parent); err != nil {
			return err
		}
	}
	const statusError = 2
	in.spans = append(in.spans, traceSpan{
		id: id, parent: parent, start: s.Start, end: s.End,
		name: in.text(s.Name), failed: s.Status.Code == statusError,
	})
	return nil
}

func (in *spanReader) text(s string) string {
	known, ok := in.texts[s]
	if !ok {
		known = s
		in.texts[s] = s
	}
	return known
}

var errShape = errors.New("not OTLP JSON")

// object calls f for each member, which has to read the member's value.
func (in *spanReader) object(f func(name string) error) error {
	return in.members(jsontext.BeginObject, func() error {
		name, err := in.ReadToken()
		if err != nil {
			return err
		}
		return f(name.String())
	})
}

// array calls f for each element, which has to read it.
func (in *spanReader) array(f func() error) error { return in.members(jsontext.BeginArray, f) }

func (in *spanReader) members(begin jsontext.Token, f func() error) error {
	t, err := in.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != begin.Kind() {
		return fmt.Errorf("%w: found %s at byte %d", errShape, t.Kind(), in.InputOffset())
	}
	for {
		switch in.PeekKind() {
		case jsontext.KindEndObject, jsontext.KindEndArray:
			_, err := in.ReadToken()
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
}
