package ingest

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/cors"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/span"
)

// Where OTLP/HTTP takes traces and log records.
const (
	tracesPath = "/v1/traces"
	logsPath   = "/v1/logs"
)

// Media types of requests; an answer has the type of its request.
const (
	mediaProto  = "application/x-protobuf"
	mediaProto2 = "application/protobuf"
	mediaJSON   = "application/json"
)

// HTTP returns the handler of OTLP/HTTP. The http.Server around it should
// bound the time that a sender may take.
func (r *Receiver) HTTP() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", r.serveHTTP)
	if len(r.cfg.AllowedOrigins) == 0 {
		return mux
	}
	return cors.New(cors.Options{
		AllowedOrigins: r.cfg.AllowedOrigins,
		AllowedMethods: []string{http.MethodPost},
		AllowedHeaders: []string{"*"},
		// navigator.sendBeacon, which browser SDKs use, always asks for it.
		AllowCredentials: !slices.ContainsFunc(r.cfg.AllowedOrigins, isAnyHost),
		MaxAge:           7200, // seconds
	}).Handler(mux)
}

// isAnyHost reports whether the * of an allowed origin can stand for more than a subdomain.
func isAnyHost(origin string) bool {
	before, after, wild := strings.Cut(origin, "*")
	return wild && !(strings.HasSuffix(before, "://") && strings.HasPrefix(after, "."))
}

func (r *Receiver) serveHTTP(w http.ResponseWriter, req *http.Request) {
	media, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	format, rejected, err := r.exportHTTP(w, req, media)
	switch media {
	case mediaProto, mediaProto2, mediaJSON:
	default:
		media = mediaProto
		if accept, _, _ := mime.ParseMediaType(req.Header.Get("Accept")); accept == mediaJSON {
			media = mediaJSON
		}
	}
	code, body := http.StatusOK, []byte(nil)
	if err == nil {
		body = encodeResponse(format, &rejected)
	} else {
		f := r.failure(err)
		code = f.http
		f.setRetry(w.Header())
		body = encodeStatus(media, f.status.Proto())
	}
	r.metrics.answered(protocolHTTP, req, code)
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	w.Write(body) // an error means that the sender is gone
}

func (r *Receiver) exportHTTP(w http.ResponseWriter, req *http.Request, media string) (format span.Format, rejected Rejected, err error) {
	if format, err = r.formatOf(w, req, media); err != nil {
		return format, Rejected{}, err
	}
	tenant, err := r.tenant(req.Header.Values(span.TenantHeader))
	if err != nil {
		return format, Rejected{}, err
	}
	l := r.inflight.lease()
	defer l.release()
	body, err := r.readBody(w, req, protocolHTTP, l)
	if err != nil {
		return format, Rejected{}, err
	}
	defer r.putBody(body)
	rejected, err = r.export(req.Context(), protocolHTTP, tenant, format, *body)
	return format, rejected, err
}

// formatOf tells by path and media type what a request holds.
func (r *Receiver) formatOf(w http.ResponseWriter, req *http.Request, media string) (span.Format, error) {
	proto, json, there := span.FormatOTLPProto, span.FormatOTLPJSON, "traces go to "+tracesPath
	if r.cfg.Logs != nil {
		there += ", logs to " + logsPath
	}
	switch {
	case req.URL.Path == tracesPath:
	case req.URL.Path == logsPath && r.cfg.Logs != nil:
		proto, json = span.FormatLogsProto, span.FormatLogsJSON
	default:
		return 0, refusal{http.StatusNotFound, fmt.Sprintf("there is nothing at %q; %s", req.URL.Path, there)}
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return 0, refusal{http.StatusMethodNotAllowed, "method " + req.Method + " is not allowed; traces and logs are sent with POST"}
	}
	switch media {
	case mediaProto, mediaProto2:
		return proto, nil
	case mediaJSON:
		return json, nil
	}
	return 0, refusal{http.StatusUnsupportedMediaType, fmt.Sprintf(
		"content type %q is not supported; %s and %s are", req.Header.Get("Content-Type"), mediaProto, mediaJSON)}
}

// encodeResponse encodes the ExportTraceServiceResponse or ExportLogsServiceResponse to a request, which is empty if
// nothing was rejected.
func encodeResponse(format span.Format, rejected *Rejected) []byte {
	switch {
	case format == span.FormatOTLPJSON, format == span.FormatLogsJSON:
		return encodeResponseJSON(format, rejected)
	case rejected.Count == 0:
		return nil
	}
	// ExportTracePartialSuccess { int64 rejected_spans 1; string error_message 2 } as field 1, and its like for logs
	partial := protowire.AppendVarint([]byte{1<<3 | varint}, uint64(rejected.Count))
	partial = protowire.AppendString(append(partial, 2<<3|length), rejected.Message)
	return protowire.AppendBytes([]byte{1<<3 | length}, partial)
}

func encodeResponseJSON(format span.Format, rejected *Rejected) []byte {
	type partialSuccess struct {
		RejectedSpans      int64  `json:"rejectedSpans,string,omitempty"`
		RejectedLogRecords int64  `json:"rejectedLogRecords,string,omitempty"`
		ErrorMessage       string `json:"errorMessage"`
	}
	var response struct {
		PartialSuccess *partialSuccess `json:"partialSuccess,omitempty"`
	}
	switch {
	case rejected.Count == 0:
	case format == span.FormatLogsJSON:
		response.PartialSuccess = &partialSuccess{RejectedLogRecords: rejected.Count, ErrorMessage: rejected.Message}
	default:
		response.PartialSuccess = &partialSuccess{RejectedSpans: rejected.Count, ErrorMessage: rejected.Message}
	}
	body, _ := json.Marshal(&response) // numbers and a string can always be marshalled
	return body
}

// encodeStatus encodes the google.rpc.Status that every error comes with.
func encodeStatus(media string, status proto.Message) []byte {
	marshal := proto.Marshal
	if media == mediaJSON {
		marshal = protojson.Marshal
	}
	body, err := marshal(status)
	if err != nil { // its details are of our own making; its message may not be UTF-8
		return nil
	}
	return body
}
