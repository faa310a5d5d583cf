package ingest

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv1"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Zipkin returns the handler of spans that Zipkin's clients post: those of
// version 1, in JSON or Thrift, to a path with api/v1/spans; those of version 2,
// in JSON or protobuf, to any other.
func (r *Receiver) Zipkin() http.Handler {
	return r.post(protocolZipkin, func(req *http.Request) (translator, error) {
		media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
		v1 := strings.Contains(req.URL.Path, "api/v1/spans")
		switch { // as the Collector's receiver does: what names no other type is JSON
		case v1 && media == "application/x-thrift":
			return zipkinV1Thrift, nil
		case v1:
			return zipkinV1JSON, nil
		case media == mediaProto || media == mediaProto2:
			return zipkinProto(req.Header.Get("X-B3-Flags") == "1"), nil
		}
		return zipkinJSON, nil
	})
}

func zipkinV1Thrift(body []byte) (ptrace.Traces, error) {
	return zipkinv1.NewThriftTracesUnmarshaler().UnmarshalTraces(body)
}

func zipkinV1JSON(body []byte) (ptrace.Traces, error) {
	return zipkinv1.NewJSONTracesUnmarshaler(false).UnmarshalTraces(body)
}

func zipkinJSON(body []byte) (ptrace.Traces, error) {
	var spans []*model.SpanModel
	if err := json.Unmarshal(body, &spans); err != nil {
		return ptrace.Traces{}, err
	}
	return zipkinTraces(spans)
}

func zipkinProto(debug bool) translator {
	return func(body []byte) (ptrace.Traces, error) {
		spans, err := zipkin_proto3.ParseSpans(body, debug)
		if err != nil {
			return ptrace.Traces{}, err
		}
		return zipkinTraces(spans)
	}
}

// statusWords are the values that the translator knows for those that
// OpenTelemetry's exporters of Zipkin write.
var statusWords = map[string]string{"OK": "STATUS_CODE_OK", "ERROR": "STATUS_CODE_ERROR"}

func zipkinTraces(spans []*model.SpanModel) (ptrace.Traces, error) {
	const tag = "otel.status_code"
	for _, s := range spans {
		if s != nil && statusWords[s.Tags[tag]] != "" {
			s.Tags[tag] = statusWords[s.Tags[tag]]
		}
	}
	return zipkinv2.ToTranslator{}.ToTraces(spans)
}
