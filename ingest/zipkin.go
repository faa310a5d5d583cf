package ingest

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"github.com/openzipkin/zipkin-go/model"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Zipkin returns the handler of spans that Zipkin's clients post: those of
// version 1, in JSON or Thrift, to a path with api/v1/spans; those of version 2,
// in JSON or protobuf, to any other.
func (r *Receiver) Zipkin() http.Handler {
	choose := func(req *http.Request) translator {
		media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
		v1 := strings.Contains(req.URL.Path, "api/v1/spans")
		switch { // as the Collector's receiver does: what names no other type is JSON
		case v1 && media == "application/x-thrift":
			return zipkinV1Thrift
		case v1:
			return zipkinV1JSON
		case media == mediaProto || media == mediaProto2:
			return zipkinProto(req.Header.Get("X-B3-Flags") == "1")
		}
		return zipkinJSON
	}
	return r.post(protocolZipkin, func(req *http.Request) (translator, error) {
		translate := choose(req)
		return func(body []byte) (ptrace.Traces, error) {
			if len(body) == 0 { // Zipkin takes it for no spans
				return ptrace.NewTraces(), nil
			}
			return translate(body)
		}, nil
	})
}

// statusWords are the values that the translator knows for those that
// OpenTelemetry's exporters of Zipkin write.
var statusWords = map[string]string{"OK": "STATUS_CODE_OK", "ERROR": "STATUS_CODE_ERROR"}

func zipkinTraces(spans []*model.SpanModel) (ptrace.Traces, error) {
	const tag = "otel.status_code"
	marked := false
	for _, s := range spans {
		if s == nil {
			continue
		}
		if statusWords[s.Tags[tag]] != "" {
			s.Tags[tag] = statusWords[s.Tags[tag]]
		}
		marked = markZipkin(s) || marked
	}
	traces, err := zipkinv2.ToTranslator{}.ToTraces(spans)
	if err == nil && marked {
		restoreZipkin(traces)
	}
	return traces, err
}

// The translator renames the tag http.status_code. It takes annotations with bars for events of
// OpenTelemetry's exporter, NAME|ATTRIBUTES|DROPPED, and cuts off or fails if they are none.
// Both pass it with marks, and are put back. So do the fields that it leaves out, which become attributes.
const (
	markedStatus = "\x00" + oldHTTPStatus
	markedBar    = "\x00bar\x00"
	fieldMark    = "\x00"
)

// The attributes of spans that have Zipkin's fields for which OTLP has none; they are true.
const (
	zipkinShared = "zipkin.shared" // it has the id of its caller's span
	zipkinDebug  = "zipkin.debug"
)

// markZipkin reports whether there is anything to put back.
func markZipkin(s *model.SpanModel) (marked bool) {
	if status, ok := s.Tags[oldHTTPStatus]; ok {
		delete(s.Tags, oldHTTPStatus)
		s.Tags[markedStatus], marked = status, true
	}
	for field, set := range map[string]bool{zipkinShared: s.Shared, zipkinDebug: s.Debug} {
		if !set {
			continue
		}
		if s.Tags == nil {
			s.Tags = map[string]string{}
		}
		s.Tags[fieldMark+field], marked = "true", true
	}
	for i, a := range s.Annotations {
		if strings.Contains(a.Value, "|") && !isZipkinEvent(a.Value) {
			s.Annotations[i].Value, marked = strings.ReplaceAll(a.Value, "|", markedBar), true
		}
	}
	return marked
}

func isZipkinEvent(text string) bool {
	_, rest, _ := strings.Cut(text, "|")
	at := strings.LastIndexByte(rest, '|')
	if at < 0 {
		return false
	}
	var attributes map[string]any
	_, err := strconv.ParseUint(rest[at+1:], 10, 32)
	return err == nil && json.Unmarshal([]byte(rest[:at]), &attributes) == nil
}

func restoreZipkin(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				if status, ok := s.Attributes().Get(markedStatus); ok {
					status.CopyTo(s.Attributes().PutEmpty(oldHTTPStatus))
					s.Attributes().Remove(markedStatus)
				}
				for _, field := range []string{zipkinShared, zipkinDebug} {
					if s.Attributes().Remove(fieldMark + field) {
						s.Attributes().PutBool(field, true)
					}
				}
				for _, e := range s.Events().All() {
					e.SetName(strings.ReplaceAll(e.Name(), markedBar, "|"))
				}
			}
		}
	}
}
