package ingest

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clewhq/clew/span"
)

// translator turns a request of another protocol into OTLP.
type translator func(body []byte) (ptrace.Traces, error)

// translatedSize is how much a request takes while it is translated, as a
// multiple of its own size: the protocol's model, OTLP's, and OTLP's bytes.
const translatedSize = 6

// exportTranslated turns a request into OTLP and hands it on as any other. l is
// the request's lease, which covers body.
func (r *Receiver) exportTranslated(ctx context.Context, protocol, tenant string, body []byte, l *lease, t translator) error {
	if err := l.grow(ctx, translatedSize*len(body)); err != nil {
		return err
	}
	traces, err := r.translate(protocol, body, t)
	if err != nil {
		return invalid{fmt.Errorf("malformed request: %w", err)}
	}
	return r.exportTraces(ctx, protocol, tenant, traces)
}

// exportTraces hands on what was translated as any other request.
func (r *Receiver) exportTraces(ctx context.Context, protocol, tenant string, traces ptrace.Traces) error {
	raw, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		return invalid{fmt.Errorf("the request cannot be told in OTLP: %w", err)}
	}
	_, err = r.export(ctx, protocol, tenant, span.FormatOTLPProto, raw)
	return err
}

// translate calls t, which is not ours: where it panics, the request is to blame.
func (r *Receiver) translate(protocol string, body []byte, t translator) (traces ptrace.Traces, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.cfg.Logger.Error("a request broke its translator", "protocol", protocol, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("it cannot be translated: %v", p)
		}
	}()
	return t(body)
}

// post handles requests that are answered with 202 or with a line of text that
// says what is wrong; choose picks their translator.
func (r *Receiver) post(protocol string, choose func(*http.Request) (translator, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		code := http.StatusAccepted
		if err := r.exportPosted(w, req, protocol, choose); err != nil {
			f := r.failure(err)
			code = f.http
			f.setRetry(w.Header())
			http.Error(w, f.status.Message(), code)
		} else {
			w.WriteHeader(code)
		}
		r.metrics.answered(protocol, req, code)
	}
}

func (r *Receiver) exportPosted(w http.ResponseWriter, req *http.Request, protocol string, choose func(*http.Request) (translator, error)) error {
	t, err := choose(req)
	if err != nil {
		return err
	}
	tenant, err := r.tenant(req.Header.Values(span.TenantHeader))
	if err != nil {
		return err
	}
	l := r.inflight.lease()
	defer l.release()
	body, err := r.readBody(w, req, protocol, l)
	if err != nil {
		return err
	}
	defer r.putBody(body)
	return r.exportTranslated(req.Context(), protocol, tenant, *body, l, t)
}

// DecodeZipkin is DecodeOTLP for a list of Zipkin's spans of version 2, in JSON.
func DecodeZipkin(body []byte, b *span.Batch, lim Limits) (Rejected, error) {
	return decodeTranslated(body, b, lim, zipkinJSON)
}

// DecodeJaegerUI is DecodeOTLP for one trace in the JSON that Jaeger's UI reads and downloads.
func DecodeJaegerUI(body []byte, b *span.Batch, lim Limits) (Rejected, error) {
	return decodeTranslated(body, b, lim, jaegerUI)
}

func decodeTranslated(body []byte, b *span.Batch, lim Limits, t translator) (_ Rejected, err error) {
	defer func() {
		if p := recover(); p != nil { // of t, which is not ours
			err = fmt.Errorf("it cannot be translated: %v", p)
		}
	}()
	traces, err := t(body)
	if err != nil {
		return Rejected{}, err
	}
	raw, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		return Rejected{}, err
	}
	return DecodeOTLP(span.FormatOTLPProto, raw, b, lim)
}
