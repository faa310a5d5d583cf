package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

// maxAnswer bounds the answers that are read into memory.
const maxAnswer = 256 << 20

// httpError is an answer with an unexpected status.
type httpError struct {
	url, status string
	code        int
	body        []byte
}

func (e *httpError) Error() string { return fmt.Sprintf("GET %s: %s: %.200q", e.url, e.status, e.body) }

// newClient returns a client with at most n connections, which are kept.
func newClient(n int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxConnsPerHost: n, MaxIdleConnsPerHost: n, DisableCompression: true}}
}

// get returns the body of a successful answer.
func get(ctx context.Context, client *http.Client, url, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", url, err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("GET %s: the answer is larger than %d bytes", url, maxAnswer)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &httpError{url: url, status: resp.Status, code: resp.StatusCode, body: body}
	}
	return body, nil
}

// traceReader fetches traces by id.
type traceReader struct {
	client *http.Client
	prefix string // the URL without the id
	accept string
	parse  func(body []byte, id span.TraceID, dst []span.SpanID) ([]span.SpanID, error)
}

// newTraceReader returns a reader for one of the APIs that servers have: tempo
// (v2, protobuf), tempo-v1 (protobuf) or jaeger (JSON).
func newTraceReader(api, base string, connections int) (*traceReader, error) {
	r := &traceReader{client: newClient(connections), prefix: strings.TrimSuffix(base, "/") + "/api/traces/"}
	switch api {
	case "tempo":
		r.prefix = strings.TrimSuffix(base, "/") + "/api/v2/traces/"
		r.accept, r.parse = "application/protobuf", parseTempoV2
	case "tempo-v1":
		r.accept, r.parse = "application/protobuf", parseTempoV1
	case "jaeger":
		r.parse = parseJaeger
	default:
		return nil, fmt.Errorf("unknown API %q for traces by id: use tempo, tempo-v1 or jaeger", api)
	}
	return r, nil
}

// spans appends the ids of all spans of a trace to dst; none if the server does not know the trace.
func (r *traceReader) spans(ctx context.Context, id span.TraceID, dst []span.SpanID) ([]span.SpanID, error) {
	body, err := get(ctx, r.client, r.prefix+id.String(), r.accept)
	if h := (*httpError)(nil); errors.As(err, &h) && h.code == http.StatusNotFound {
		return dst, nil
	}
	if err != nil {
		return dst, err
	}
	dst, err = r.parse(body, id, dst)
	if err != nil {
		return dst, fmt.Errorf("trace %v: %w", id, err)
	}
	return dst, nil
}

// parseTempoV2 reads TraceByIDResponse { Trace trace = 1; … }.
func parseTempoV2(body []byte, id span.TraceID, dst []span.SpanID) ([]span.SpanID, error) {
	err := messages(body, 1, func(trace []byte) (err error) {
		dst, err = parseTempoV1(trace, id, dst)
		return err
	})
	return dst, err
}

// parseTempoV1 reads Trace { repeated ResourceSpans = 1 }, ResourceSpans {
// repeated ScopeSpans = 2 }, ScopeSpans { repeated Span = 2 }.
func parseTempoV1(body []byte, id span.TraceID, dst []span.SpanID) ([]span.SpanID, error) {
	err := messages(body, 1, func(rs []byte) error {
		return messages(rs, 2, func(ss []byte) error {
			return messages(ss, 2, func(s []byte) (err error) {
				dst, err = parseSpan(s, id, dst)
				return err
			})
		})
	})
	return dst, err
}

// parseSpan reads Span { bytes trace_id = 1; bytes span_id = 2; … }.
func parseSpan(msg []byte, id span.TraceID, dst []span.SpanID) ([]span.SpanID, error) {
	var traceID, spanID []byte
	for num, out := range map[protowire.Number]*[]byte{1: &traceID, 2: &spanID} {
		if err := messages(msg, num, func(b []byte) error { *out = b; return nil }); err != nil {
			return dst, err
		}
	}
	if string(traceID) != string(id[:]) {
		return dst, fmt.Errorf("the answer has a span of trace %x", traceID)
	}
	if len(spanID) != len(span.SpanID{}) {
		return dst, fmt.Errorf("the answer has span id %x", spanID)
	}
	return append(dst, span.SpanID(spanID)), nil
}

// messages calls f with each length-delimited field num of an encoded message.
func messages(msg []byte, num protowire.Number, f func([]byte) error) error {
	for len(msg) > 0 {
		got, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return protowire.ParseError(n)
		}
		size := protowire.ConsumeFieldValue(got, typ, msg[n:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		if got == num && typ == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(msg[n:])
			if err := f(body); err != nil {
				return err
			}
		}
		msg = msg[n+size:]
	}
	return nil
}

func parseJaeger(body []byte, id span.TraceID, dst []span.SpanID) ([]span.SpanID, error) {
	var answer struct {
		Data []struct {
			Spans []struct {
				TraceID string `json:"traceID"`
				SpanID  string `json:"spanID"`
			} `json:"spans"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return dst, err
	}
	for _, t := range answer.Data {
		for _, s := range t.Spans {
			traceID, err := span.ParseTraceID(s.TraceID)
			if err != nil {
				return dst, err
			}
			if traceID != id {
				return dst, fmt.Errorf("the answer has a span of trace %v", traceID)
			}
			spanID, err := span.ParseSpanID(s.SpanID)
			if err != nil {
				return dst, err
			}
			dst = append(dst, spanID)
		}
	}
	return dst, nil
}
