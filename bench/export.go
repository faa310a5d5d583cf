package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // for --compression=gzip
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// exporter sends encoded requests.
type exporter interface {
	// export sends one request and returns how many of its spans the server
	// rejected. It returns a *retryError if the request may be sent again.
	export(ctx context.Context, worker int, request []byte) (rejected int64, err error)
	close() error
}

// retryError reports a request that the server would not take now.
type retryError struct {
	after time.Duration // as the server asked for; 0 if it did not
	code  string
	err   error
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// newExporter returns an exporter to target: a URL for OTLP/HTTP, or host:port
// for OTLP/gRPC. Requests share the connections of gRPC; HTTP opens one for each
// that is under way.
func newExporter(target, compression string, connections int) (exporter, error) {
	if strings.Contains(target, "://") {
		return newHTTPExporter(target, compression)
	}
	return newGRPCExporter(target, compression, connections)
}

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// rawCodec passes requests on as the bytes that they are, and answers to who wants them so. gRPC may hold them
// until the server has answered; they must not change before that.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if raw, ok := v.(*[]byte); ok {
		*raw = data.Materialize()
		return nil
	}
	return proto.Unmarshal(data.Materialize(), v.(proto.Message))
}

type grpcExporter struct {
	conns   []*grpc.ClientConn
	options []grpc.CallOption
}

func newGRPCExporter(target, compression string, connections int) (*grpcExporter, error) {
	e := &grpcExporter{options: []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}}
	switch compression {
	case "none":
	case "gzip":
		e.options = append(e.options, grpc.UseCompressor("gzip"))
	default:
		return nil, fmt.Errorf("compression %q over gRPC: use none or gzip", compression)
	}
	for range connections {
		c, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithWriteBufferSize(256<<10))
		if err != nil {
			return nil, errors.Join(err, e.close())
		}
		e.conns = append(e.conns, c)
	}
	return e, nil
}

func (e *grpcExporter) export(ctx context.Context, worker int, request []byte) (int64, error) {
	var resp tracecollector.ExportTraceServiceResponse
	err := e.conns[worker%len(e.conns)].Invoke(ctx, exportMethod, request, &resp, e.options...)
	if err == nil {
		return resp.GetPartialSuccess().GetRejectedSpans(), nil
	}
	if s := status.Convert(err); s.Code() == codes.ResourceExhausted || s.Code() == codes.Unavailable {
		r := &retryError{code: s.Code().String(), err: err}
		for _, d := range s.Details() {
			if info, ok := d.(*errdetails.RetryInfo); ok {
				r.after = info.GetRetryDelay().AsDuration()
			}
		}
		return 0, r
	}
	return 0, err
}

func (e *grpcExporter) close() error {
	var errs []error
	for _, c := range e.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

type httpExporter struct {
	client   *http.Client
	url      string
	encoding string // Content-Encoding
	compress func([]byte) ([]byte, error)
}

// maxIdle keeps all connections for the next request.
const maxIdle = 1000

func newHTTPExporter(target, compression string) (*httpExporter, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	e := &httpExporter{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxIdle}},
		url:    u.String(),
	}
	switch compression {
	case "none":
		e.compress = func(b []byte) ([]byte, error) { return b, nil }
	case "gzip":
		e.encoding, e.compress = compression, gzipped
	case "zstd":
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return nil, err
		}
		e.encoding = compression
		e.compress = func(b []byte) ([]byte, error) { return enc.EncodeAll(b, nil), nil }
	default:
		return nil, fmt.Errorf("compression %q over HTTP: use none, gzip or zstd", compression)
	}
	return e, nil
}

func gzipped(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close() // it writes the rest
	return buf.Bytes(), err
}

func (e *httpExporter) export(ctx context.Context, _ int, request []byte) (int64, error) {
	body, err := e.compress(request)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if e.encoding != "" {
		req.Header.Set("Content-Encoding", e.encoding)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return 0, err
		}
		return 0, &retryError{code: "no answer", err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, &retryError{code: "no answer", err: err}
	}
	switch resp.StatusCode {
	case http.StatusOK:
		var r tracecollector.ExportTraceServiceResponse
		if err := proto.Unmarshal(answer, &r); err != nil {
			return 0, fmt.Errorf("answer of %s: %w", e.url, err)
		}
		return r.GetPartialSuccess().GetRejectedSpans(), nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0, &retryError{
			after: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
			code:  strconv.Itoa(resp.StatusCode),
			err:   fmt.Errorf("%s: %s", e.url, resp.Status),
		}
	}
	return 0, fmt.Errorf("%s: %s: %.200q", e.url, resp.Status, answer)
}

// retryAfter reads an HTTP Retry-After header: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(value); err == nil {
		return max(0, time.Duration(s)*time.Second)
	}
	if t, err := http.ParseTime(value); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

func (e *httpExporter) close() error {
	e.client.CloseIdleConnections()
	return nil
}
