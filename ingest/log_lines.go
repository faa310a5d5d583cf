package ingest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/span"
)

// LinesAnswer says what became of lines of logs that were posted.
type LinesAnswer struct {
	Accepted       int64 `json:"accepted"`
	WithoutTraceID int64 `json:"withoutTraceId"` // not kept, as Clew is no store for all logs
	Malformed      int64 `json:"malformed"`      // not kept, as they cannot be read
	// Message says what is wrong with lines that are not kept, and where the first ones are; "" if all are.
	Message string `json:"message,omitempty"`
}

// LogLines returns a handler that takes log records as lines of JSON, of which each is one object. The parameter
// service names the service of lines that do not.
func (r *Receiver) LogLines() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer, err := r.exportLines(w, req)
		code := http.StatusOK
		var body any = answer
		if err != nil {
			f := r.failure(err)
			code = f.http
			f.setRetry(w.Header())
			body = map[string]any{"error": map[string]any{"code": code, "message": f.status.Message()}}
		}
		r.metrics.answered(protocolLines, req, code)
		w.Header().Set("Content-Type", mediaJSON)
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(body) // an error means that the sender is gone
	})
}

func (r *Receiver) exportLines(w http.ResponseWriter, req *http.Request) (*LinesAnswer, error) {
	tenant, err := r.tenant(req.Header.Values(span.TenantHeader))
	if err != nil {
		return nil, err
	}
	service := req.URL.Query().Get("service")
	for name := range req.URL.Query() {
		if name != "service" {
			return nil, invalid{fmt.Errorf("unknown parameter '%s'; there are service", name[:min(len(name), 40)])}
		}
	}
	l := r.inflight.lease()
	defer l.release()
	body, err := r.readBody(w, req, protocolLines, l)
	if err != nil {
		return nil, err
	}
	defer r.putBody(body)
	if err := l.grow(req.Context(), 2*len(*body)); err != nil { // what they become
		return nil, err
	}
	lines := newLogLines(service, time.Now())
	lines.read(*body)
	if lines.total > 0 && lines.malformed == lines.total {
		r.metrics.rejectedLogs.WithLabelValues(protocolLines, "malformed").Add(float64(lines.malformed))
		return nil, invalid{fmt.Errorf("no line is a JSON object: %s", lines.message())}
	}
	rejected, err := r.export(req.Context(), protocolLines, tenant, span.FormatLogsProto, lines.request())
	if err != nil {
		return nil, err
	}
	r.metrics.rejectedLogs.WithLabelValues(protocolLines, "malformed").Add(float64(lines.malformed))
	r.metrics.rejectedLogs.WithLabelValues(protocolLines, reasons[traceID]).Add(float64(lines.untraced))
	return &LinesAnswer{
		Accepted: lines.total - lines.malformed - lines.untraced - rejected.Count, Malformed: lines.malformed,
		WithoutTraceID: lines.untraced + rejected.Count, Message: lines.message(),
	}, nil
}

// logLines turns lines of JSON into an ExportLogsServiceRequest.
type logLines struct {
	service string    // of lines that name none
	now     time.Time // when they are observed

	total, malformed, untraced    int64
	firstMalformed, firstUntraced string // where and why
	services                      []string
	records                       map[string][]byte // by service: fields 2 of ScopeLogs

	reader jsonReader
	d      decoder // whose proto the attributes are built in
	line   logLine
}

func newLogLines(service string, now time.Time) *logLines {
	return &logLines{service: service, now: now, records: map[string][]byte{}}
}

// read reads all lines of a body. Those that are empty count for nothing.
func (s *logLines) read(body []byte) {
	number := 0
	for raw := range bytes.Lines(body) {
		number++
		if raw = bytes.TrimSpace(raw); len(raw) == 0 {
			continue
		}
		s.total++
		if err := s.line.read(&s.reader, raw); err != nil {
			if s.malformed++; s.malformed == 1 {
				s.firstMalformed = fmt.Sprintf("line %d: %v", number, err)
			}
			continue
		}
		if fault := s.line.traceFault(); fault != "" {
			if s.untraced++; s.untraced == 1 {
				s.firstUntraced = fmt.Sprintf("line %d has %s", number, fault)
			}
			continue
		}
		s.add()
	}
}

// add adds the line that was read to the records of its service.
func (s *logLines) add() {
	service := s.line.service
	if service == "" {
		service = s.service
	}
	if s.records[service] == nil {
		s.services = append(s.services, service)
	}
	s.d.proto = s.records[service]
	_ = s.d.messageJSON(2, func() error { // fails only if what it is given does
		s.d.proto = s.line.appendRecord(s.d.proto, s.now)
		return nil
	})
	s.records[service] = s.d.proto
}

// request returns the request that the lines make.
func (s *logLines) request() []byte {
	d := decoder{}
	nest := func(num byte, body func()) {
		_ = d.messageJSON(num, func() error { body(); return nil })
	}
	for _, service := range s.services {
		nest(1, func() { // ResourceLogs
			if service != "" {
				nest(1, func() { // Resource
					nest(1, func() { // KeyValue
						d.appendBytes(1, []byte("service.name"))
						nest(2, func() { d.appendBytes(1, []byte(service)) })
					})
				})
			}
			nest(2, func() { d.proto = append(d.proto, s.records[service]...) })
		})
	}
	return d.proto
}

// message says what was not kept and why.
func (s *logLines) message() string {
	var parts []string
	if s.malformed > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d lines cannot be read: %s", s.malformed, s.total, s.firstMalformed))
	}
	if s.untraced > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d lines are of no trace: %s%s", s.untraced, s.total, s.firstUntraced, logAdvice))
	}
	return strings.Join(parts, "; ")
}

// hexID reads the hex digits of an id, which may be shorter than it: then zeros lead. Of a text that is none it leaves the id as it is.
func hexID(dst []byte, text string) bool {
	if len(text) == 0 || len(text) > 2*len(dst) {
		return false
	}
	id, err := hex.DecodeString(strings.Repeat("0", 2*len(dst)-len(text)) + text)
	if err == nil {
		copy(dst, id)
	}
	return err == nil
}

// decimalID reads an id of 64 bits that is a decimal number.
func decimalID(dst []byte, text string) bool {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return false
	}
	binary.BigEndian.PutUint64(dst, n)
	return true
}
