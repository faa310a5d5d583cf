package api

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/span"
)

// uploadReader gathers the spans of an upload by trace.
type uploadReader struct {
	traces   map[span.TraceID]*span.Batch
	items    int // that may still come
	rejected ingest.Rejected
	zipkin   []jsontext.Value // spans that are still to be decoded
}

func newUploadReader() *uploadReader {
	return &uploadReader{traces: map[span.TraceID]*span.Batch{}, items: maxTransformItems}
}

// readJSON reads one JSON document or several, as those on the lines of a JSONL file.
func (u *uploadReader) readJSON(body []byte) error {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	in := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for n := 0; ; n++ {
		value, err := in.ReadValue()
		if err == io.EOF && n > 0 {
			return u.endZipkin()
		}
		if err != nil {
			return badRequest("%s: %v", positionOf(body, err), jsonReason(err))
		}
		start := int(in.InputOffset()) - len(value)
		if err := u.document(value); err != nil {
			return badRequest("document that begins in line %d: %v", 1+bytes.Count(body[:start], []byte{'\n'}), err)
		}
	}
}

// positionOf says where the syntax of a text is wrong.
func positionOf(text []byte, err error) string {
	at := len(text)
	if s := (*jsontext.SyntacticError)(nil); errors.As(err, &s) {
		at = min(int(s.ByteOffset), len(text))
	}
	line := 1 + bytes.Count(text[:at], []byte{'\n'})
	return fmt.Sprintf("line %d, column %d", line, at-bytes.LastIndexByte(text[:at], '\n'))
}

func jsonReason(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	if s := (*jsontext.SyntacticError)(nil); errors.As(err, &s) {
		err = cmp.Or(s.Err, err)
	}
	return fmt.Errorf("this is no JSON: %w", err)
}

// knownUploads says what can be uploaded.
const knownUploads = "known are OTLP (resourceSpans), Jaeger (data, or traceID and spans), and Zipkin v2 (a list of spans with traceId and id)"

// document reads one document, or an element of one.
func (u *uploadReader) document(value jsontext.Value) error {
	switch value.Kind() {
	case jsontext.KindBeginArray:
		return u.each(value)
	case jsontext.KindBeginObject:
		return u.object(value)
	}
	return fmt.Errorf("a %v is no trace; %s", value.Kind(), knownUploads)
}

func (u *uploadReader) each(list jsontext.Value) error {
	var elements []jsontext.Value
	if err := json.Unmarshal(list, &elements, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return err
	}
	for i, e := range elements {
		if err := u.document(e); err != nil {
			return fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return nil
}

func (u *uploadReader) object(value jsontext.Value) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(value, &members, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return err
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return members[name] == nil })
	}
	switch {
	case has("resourceSpans"):
		return u.decode(value, otlpJSONDecoder)
	case has("batches"): // as Tempo has it
		return u.decode(slices.Concat([]byte(`{"resourceSpans":`), members["batches"], []byte{'}'}), otlpJSONDecoder)
	case has("data"):
		return u.document(members["data"])
	case has("spans", "processes"), has("spans", "traceID"):
		return u.decode(value, ingest.DecodeJaegerUI)
	case has("traceId", "id"):
		u.zipkin = append(u.zipkin, value)
		return nil
	case has("result"): // as Jaeger's third API has it
		return u.document(members["result"])
	case has("trace"):
		return u.document(members["trace"])
	}
	names := slices.Sorted(maps.Keys(members))
	return fmt.Errorf("an object with %q is no trace; %s", clip(strings.Join(names, ", ")), knownUploads)
}

// endZipkin decodes the spans of Zipkin together, as those that share an id are about each other.
func (u *uploadReader) endZipkin() error {
	if len(u.zipkin) == 0 {
		return nil
	}
	list := append([]byte{'['}, u.zipkin[0]...)
	for _, s := range u.zipkin[1:] {
		list = append(append(list, ','), s...)
	}
	if err := u.decode(append(list, ']'), ingest.DecodeZipkin); err != nil {
		return badRequest("spans of Zipkin: %v", err)
	}
	return nil
}

// decoder is one of those of ingest.
type decoder func(body []byte, b *span.Batch, lim ingest.Limits) (ingest.Rejected, error)

func otlpJSONDecoder(body []byte, b *span.Batch, lim ingest.Limits) (ingest.Rejected, error) {
	return ingest.DecodeOTLP(span.FormatOTLPJSON, body, b, lim)
}

func otlpProtoDecoder(body []byte, b *span.Batch, lim ingest.Limits) (ingest.Rejected, error) {
	return ingest.DecodeOTLP(span.FormatOTLPProto, body, b, lim)
}

// decode decodes spans and adds them to their traces.
func (u *uploadReader) decode(body []byte, d decoder) error {
	var b span.Batch
	rejected, err := d(body, &b, ingest.Limits{Items: max(1, u.items)})
	if err != nil {
		return err
	}
	u.items -= b.Len() + len(b.Events) + len(b.Links) + len(b.Values)
	u.rejected.Count += rejected.Count
	u.rejected.Message = cmp.Or(u.rejected.Message, rejected.Message)
	for trace := range tracesOf(&b) {
		to := u.traces[trace.TraceIDs[0]]
		if to == nil {
			to = new(span.Batch)
			u.traces[trace.TraceIDs[0]] = to
		}
		for i := range trace.Len() {
			s := trace.Span(i)
			to.Append(&s)
		}
	}
	return nil
}
