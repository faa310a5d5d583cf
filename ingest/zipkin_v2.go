package ingest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/proto"
)

// zipkinV2 is a span of Zipkin's second version, from JSON or protobuf. As Zipkin does, it takes numbers as strings and
// the other way round, and leaves out addresses that are none.
type zipkinV2 struct {
	TraceID     string                 `json:"traceId"`
	ID          string                 `json:"id"`
	ParentID    string                 `json:"parentId"`
	Kind        string                 `json:"kind"`
	Name        string                 `json:"name"`
	Timestamp   zipkinMicros           `json:"timestamp"` // since 1970; 0: not known
	Duration    zipkinMicros           `json:"duration"`
	Debug       bool                   `json:"debug"`
	Shared      bool                   `json:"shared"`
	Local       *zipkinEndpoint        `json:"localEndpoint"`
	Remote      *zipkinEndpoint        `json:"remoteEndpoint"`
	Annotations []zipkinAnnotation     `json:"annotations"`
	Tags        map[string]*zipkinText `json:"tags"`

	Binary json.RawMessage `json:"binaryAnnotations"` // of spans of the first version, which are none
}

var errZipkinV1 = errors.New("it is one of version 1, which go to /api/v1/spans")

func zipkinJSON(body []byte) (ptrace.Traces, error) {
	var spans []*model.SpanModel
	err := eachSpan(body, func(s *zipkinV2) error {
		converted, err := s.model()
		spans = append(spans, converted)
		return err
	})
	if err != nil {
		return ptrace.Traces{}, err
	}
	return zipkinTraces(spans)
}

// eachSpan takes the spans of a list in JSON one by one, so that one that is refused ends it before the others take
// memory. A list, or an element, that is null is none.
func eachSpan[T any](body []byte, take func(*T) error) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	switch begin, err := dec.Token(); {
	case err != nil:
		return err
	case begin != nil && begin != json.Delim('['):
		return errors.New("it is not a list of spans")
	case begin != nil:
		for i := 1; dec.More(); i++ {
			var s *T
			err := dec.Decode(&s)
			if err == nil && s != nil {
				err = take(s)
			}
			if err != nil {
				return fmt.Errorf("span %d: %w", i, err)
			}
		}
		if _, err := dec.Token(); err != nil { // the end of the list
			return err
		}
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is something behind the list of spans")
	}
	return nil
}

// zipkinAnyJSON is for lists that do not come with a path that tells their version.
func zipkinAnyJSON(body []byte) (ptrace.Traces, error) {
	traces, err := zipkinJSON(body)
	if errors.Is(err, errZipkinV1) {
		return zipkinV1JSON(body)
	}
	return traces, err
}

// zipkinProto reads ListOfSpans { repeated Span 1 }, also one by one.
func zipkinProto(debug bool) translator {
	return func(body []byte) (ptrace.Traces, error) {
		var spans []*model.SpanModel
		for i := 0; i < len(body); {
			tag, v, end := field(body, i)
			if end < 0 {
				return ptrace.Traces{}, errWire[-end]
			}
			i = end
			if tag != 1<<3|length {
				if err := other(tag, 1); err != nil {
					return ptrace.Traces{}, err
				}
				continue
			}
			s, err := zipkinProtoSpan(body[end-int(v):end], debug)
			if err != nil {
				return ptrace.Traces{}, fmt.Errorf("span %d: %w", len(spans)+1, err)
			}
			spans = append(spans, s)
		}
		return zipkinTraces(spans)
	}
}

func zipkinProtoSpan(msg []byte, debug bool) (*model.SpanModel, error) {
	var s zipkin_proto3.Span
	if err := proto.Unmarshal(msg, &s); err != nil {
		return nil, err
	}
	if err := checkProtoIDs(&s); err != nil {
		return nil, err
	}
	s.Debug = s.Debug || debug
	return protoZipkin(&s).model()
}

// checkProtoIDs looks at the sizes of ids. One that is not there is found later.
func checkProtoIDs(s *zipkin_proto3.Span) error {
	for _, id := range []struct {
		name  string
		bytes []byte
	}{{"traceId", s.TraceId}, {"id", s.Id}, {"parentId", s.ParentId}} {
		if n := len(id.bytes); n != 0 && n != 8 && !(n == 16 && id.name == "traceId") {
			return fmt.Errorf("%s has %d bytes", id.name, n)
		}
	}
	return nil
}

func protoZipkin(s *zipkin_proto3.Span) *zipkinV2 {
	out := &zipkinV2{
		TraceID: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.Id), ParentID: hex.EncodeToString(s.ParentId),
		Name: s.Name, Timestamp: protoMicros(s.Timestamp), Duration: protoMicros(s.Duration), Debug: s.Debug, Shared: s.Shared,
		Local: protoEndpoint(s.LocalEndpoint), Remote: protoEndpoint(s.RemoteEndpoint), Tags: map[string]*zipkinText{},
	}
	if s.Kind != zipkin_proto3.Span_SPAN_KIND_UNSPECIFIED {
		out.Kind = s.Kind.String()
	}
	for _, a := range s.Annotations {
		out.Annotations = append(out.Annotations, zipkinAnnotation{Timestamp: protoMicros(a.Timestamp), Value: a.Value})
	}
	for key, value := range s.Tags {
		text := zipkinText(value)
		out.Tags[key] = &text
	}
	return out
}

func protoMicros(n uint64) zipkinMicros { return microsOf(int64(min(n, maxMicros))) }

func protoEndpoint(e *zipkin_proto3.Endpoint) *zipkinEndpoint {
	if e == nil {
		return nil
	}
	out := &zipkinEndpoint{ServiceName: e.ServiceName}
	if e.Port > 0 && e.Port <= math.MaxUint16 {
		out.Port = zipkinPort(e.Port)
	}
	if len(e.Ipv4) == net.IPv4len {
		out.IPv4 = e.Ipv4
	}
	if len(e.Ipv6) == net.IPv6len {
		out.IPv6 = e.Ipv6
	}
	return out
}

func (s *zipkinV2) model() (_ *model.SpanModel, err error) {
	if s.Binary != nil {
		return nil, errZipkinV1
	}
	out := &model.SpanModel{
		Name: s.Name, Kind: model.Kind(strings.ToUpper(s.Kind)), Shared: s.Shared, Timestamp: s.Timestamp.time(), Duration: s.Duration.duration(),
		LocalEndpoint: s.Local.model(), RemoteEndpoint: s.Remote.model(),
	}
	if out.SpanContext, err = zipkinContext(s.TraceID, s.ID, s.ParentID, s.Debug); err != nil {
		return nil, err
	}
	if err := checkAnnotations(s.Annotations); err != nil {
		return nil, err
	}
	for _, a := range s.Annotations {
		out.Annotations = append(out.Annotations, model.Annotation{Timestamp: a.Timestamp.time(), Value: a.Value})
	}
	if len(s.Tags) > 0 {
		out.Tags = make(map[string]string, len(s.Tags))
	}
	for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
		if s.Tags[key] == nil {
			return nil, fmt.Errorf("tag %s has no value", clip([]byte(key)))
		}
		out.Tags[key] = string(*s.Tags[key])
	}
	return out, nil
}

// What spans of both versions have.

// zipkinContext reads the ids of a span. One that is its own parent has none, and neither has one whose parent is 0.
func zipkinContext(trace, id, parent string, debug bool) (c model.SpanContext, err error) {
	c.Debug = debug
	if c.TraceID, err = model.TraceIDFromHex(trace); err != nil {
		return c, fmt.Errorf("traceId %s: %w", clip([]byte(trace)), err)
	}
	if c.ID, err = zipkinID(id); err != nil {
		return c, fmt.Errorf("id %s: %w", clip([]byte(id)), err)
	}
	if c.TraceID.Empty() || c.ID == 0 {
		return c, fmt.Errorf("traceId %s, id %s: none of them may be 0", clip([]byte(trace)), clip([]byte(id)))
	}
	if parent == "" {
		return c, nil
	}
	of, err := zipkinID(parent)
	if err != nil {
		return c, fmt.Errorf("parentId %s: %w", clip([]byte(parent)), err)
	}
	if of != 0 && of != c.ID {
		c.ParentID = &of
	}
	return c, nil
}

func zipkinID(text string) (model.ID, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	return model.ID(n), err
}

// zipkinAnnotation is something that happened at a time.
type zipkinAnnotation struct {
	Timestamp zipkinMicros    `json:"timestamp"`
	Value     string          `json:"value"`
	Endpoint  *zipkinEndpoint `json:"endpoint"` // only in version 1
}

func checkAnnotations(list []zipkinAnnotation) error {
	for i, a := range list {
		if a.Timestamp == 0 || a.Value == "" {
			return fmt.Errorf("annotation %d is incomplete: it needs a timestamp and a value", i+1)
		}
	}
	return nil
}

// zipkinMicros is a number of microseconds from 0, which stands for none, to maxMicros.
type zipkinMicros int64

const maxMicros = math.MaxInt64 / 1000 // in nanoseconds it has 63 bits

// microsOf returns what comes nearest.
func microsOf(n int64) zipkinMicros { return zipkinMicros(min(max(n, 0), maxMicros)) }

func (m *zipkinMicros) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // as languages without whole numbers may write them
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%s is no number of microseconds", clip(b))
		}
		n = int64(min(max(f, 0), maxMicros+1))
	}
	if n > maxMicros {
		return fmt.Errorf("%s is too much for a number of microseconds", clip(b))
	}
	*m = microsOf(n)
	return nil
}

func (m zipkinMicros) duration() time.Duration { return time.Duration(m) * time.Microsecond }

// time returns the time since 1970, which is zero if there is none.
func (m zipkinMicros) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m))
}

// zipkinText is a value that need not be a text in JSON.
type zipkinText string

func (t *zipkinText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	*t = zipkinText(b)
	return nil
}

type zipkinEndpoint struct {
	ServiceName string     `json:"serviceName"`
	IPv4        zipkinIP   `json:"ipv4"`
	IPv6        zipkinIP   `json:"ipv6"`
	Port        zipkinPort `json:"port"`
}

// model returns nil if nothing is known.
func (e *zipkinEndpoint) model() *model.Endpoint {
	if e == nil || e.ServiceName == "" && e.IPv4 == nil && e.IPv6 == nil && e.Port == 0 {
		return nil
	}
	return &model.Endpoint{ServiceName: e.ServiceName, IPv4: net.IP(e.IPv4), IPv6: net.IP(e.IPv6), Port: uint16(e.Port)}
}

// zipkinIP is an address; a text that is none is left out.
type zipkinIP net.IP

func (ip *zipkinIP) UnmarshalText(text []byte) error {
	*ip = zipkinIP(net.ParseIP(string(text)))
	return nil
}

// zipkinPort is a number, which may be written as a string; 0 if there is none.
type zipkinPort uint16

func (p *zipkinPort) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" || text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxUint16 {
		return fmt.Errorf("%s is no port", clip(b))
	}
	*p = zipkinPort(max(n, 0))
	return nil
}
