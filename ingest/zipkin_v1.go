package ingest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	"github.com/openzipkin/zipkin-go/model"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Spans of Zipkin's first version are made into those of the second, as Zipkin
// does: kind and times are annotations there, and one span may have what
// client and server both say of a call.

// zipkinV1 is a span of the first version, from JSON or Thrift.
type zipkinV1 struct {
	TraceID     string             `json:"traceId"`
	ID          string             `json:"id"`
	ParentID    string             `json:"parentId"`
	Name        string             `json:"name"`
	Timestamp   int64              `json:"timestamp"` // unix microseconds; 0: not known
	Duration    int64              `json:"duration"`  // microseconds
	Debug       bool               `json:"debug"`
	Annotations []zipkinAnnotation `json:"annotations"`
	Binary      []zipkinBinary     `json:"binaryAnnotations"`
}

type zipkinAnnotation struct {
	Timestamp int64           `json:"timestamp"`
	Value     string          `json:"value"`
	Endpoint  *zipkinEndpoint `json:"endpoint"`
}

type zipkinBinary struct {
	Key      string          `json:"key"`
	Value    zipkinText      `json:"value"`
	Endpoint *zipkinEndpoint `json:"endpoint"`
}

// zipkinText is a value that need not be a text in JSON: addresses are true.
type zipkinText string

func (t *zipkinText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	*t = zipkinText(b)
	return nil
}

type zipkinEndpoint struct {
	ServiceName string   `json:"serviceName"`
	IPv4        zipkinIP `json:"ipv4"`
	IPv6        zipkinIP `json:"ipv6"`
	Port        int      `json:"port"`
}

// zipkinIP is an address; a text that is none is left out.
type zipkinIP net.IP

func (ip *zipkinIP) UnmarshalText(text []byte) error {
	*ip = zipkinIP(net.ParseIP(string(text)))
	return nil
}

func (e *zipkinEndpoint) model() *model.Endpoint {
	if e == nil {
		return nil
	}
	return &model.Endpoint{ServiceName: e.ServiceName, IPv4: net.IP(e.IPv4), IPv6: net.IP(e.IPv6), Port: uint16(e.Port)}
}

func zipkinV1JSON(body []byte) (ptrace.Traces, error) {
	var list []*zipkinV1
	if err := json.Unmarshal(body, &list); err != nil {
		return ptrace.Traces{}, err
	}
	return zipkinV1Traces(list)
}

// zipkinV1Thrift reads a list of spans in Thrift's binary protocol.
func zipkinV1Thrift(body []byte) (ptrace.Traces, error) {
	ctx, p := context.Background(), thriftOf(body, binaryThrift)
	kind, n, err := p.ReadListBegin(ctx)
	if err != nil {
		return ptrace.Traces{}, err
	}
	if kind != thrift.STRUCT && n > 0 {
		return ptrace.Traces{}, fmt.Errorf("it is a list of %v, not of spans", kind)
	}
	var list []*zipkincore.Span
	for i := range n {
		s := zipkincore.NewSpan()
		if err := s.Read(ctx, p); err != nil {
			return ptrace.Traces{}, fmt.Errorf("span %d: %w", i+1, err)
		}
		list = append(list, s)
	}
	return zipkinThriftSpans(list)
}

func zipkinThriftSpans(list []*zipkincore.Span) (ptrace.Traces, error) {
	spans := make([]*zipkinV1, len(list))
	for i, s := range list {
		spans[i] = thriftZipkin(s)
	}
	return zipkinV1Traces(spans)
}

func zipkinV1Traces(list []*zipkinV1) (ptrace.Traces, error) {
	var spans []*model.SpanModel
	for i, s := range list {
		if s == nil {
			continue
		}
		converted, err := s.model()
		if err != nil {
			return ptrace.Traces{}, fmt.Errorf("span %d: %w", i+1, err)
		}
		spans = append(spans, converted...)
	}
	return zipkinTraces(spans)
}

// thriftZipkin is a span of Thrift's.
func thriftZipkin(s *zipkincore.Span) *zipkinV1 {
	hex := func(high, low int64) string { return fmt.Sprintf("%016x%016x", uint64(high), uint64(low)) }
	out := &zipkinV1{
		TraceID: hex(s.GetTraceIDHigh(), s.TraceID), ID: hex(0, s.ID)[16:], Name: s.Name,
		Timestamp: s.GetTimestamp(), Duration: s.GetDuration(), Debug: s.Debug,
	}
	if s.ParentID != nil {
		out.ParentID = hex(0, *s.ParentID)[16:]
	}
	for _, a := range s.Annotations {
		out.Annotations = append(out.Annotations, zipkinAnnotation{a.Timestamp, a.Value, thriftEndpoint(a.Host)})
	}
	for _, b := range s.BinaryAnnotations {
		out.Binary = append(out.Binary, zipkinBinary{b.Key, zipkinText(binaryText(b.AnnotationType, b.Value)), thriftEndpoint(b.Host)})
	}
	return out
}

func thriftEndpoint(e *zipkincore.Endpoint) *zipkinEndpoint {
	if e == nil {
		return nil
	}
	out := &zipkinEndpoint{ServiceName: e.ServiceName, Port: int(uint16(e.Port))}
	if e.Ipv4 != 0 {
		out.IPv4 = binary.BigEndian.AppendUint32(nil, uint32(e.Ipv4))
	}
	if len(e.Ipv6) == net.IPv6len {
		out.IPv6 = e.Ipv6
	}
	return out
}

// binaryText is a value of Thrift's as a text; one that is too short for its type is taken as bytes.
func binaryText(kind zipkincore.AnnotationType, value []byte) string {
	size := map[zipkincore.AnnotationType]int{zipkincore.AnnotationType_I16: 2, zipkincore.AnnotationType_I32: 4,
		zipkincore.AnnotationType_I64: 8, zipkincore.AnnotationType_DOUBLE: 8}[kind]
	switch {
	case kind == zipkincore.AnnotationType_STRING:
		return string(value)
	case kind == zipkincore.AnnotationType_BOOL:
		return strconv.FormatBool(bytes.Equal(value, []byte{1}))
	case size == 0 || len(value) != size:
		return base64.StdEncoding.EncodeToString(value)
	}
	wide := make([]byte, 8)
	copy(wide[8-size:], value)
	n := int64(binary.BigEndian.Uint64(wide)) << (64 - 8*size) >> (64 - 8*size) // with its sign
	if kind == zipkincore.AnnotationType_DOUBLE {
		return strconv.FormatFloat(math.Float64frombits(uint64(n)), 'g', -1, 64)
	}
	return strconv.FormatInt(n, 10)
}

// zipkinSide is what annotations tell of one side of a call.
type zipkinSide struct {
	kind       model.Kind
	begin, end string // the annotations of its times
	address    string // the binary annotation that has the other side's endpoint

	seen        bool
	endpoint    *zipkinEndpoint
	first, last int64 // times of these annotations, unix microseconds; 0: not known
}

func zipkinSides() []zipkinSide {
	return []zipkinSide{
		{kind: model.Client, begin: "cs", end: "cr", address: "sa"}, {kind: model.Server, begin: "sr", end: "ss", address: "ca"},
		{kind: model.Producer, begin: "ms", end: "ws", address: "ma"}, {kind: model.Consumer, begin: "mr", end: "wr", address: "ma"},
	}
}

// model returns the span, or two of them if it has both sides of a call.
func (s *zipkinV1) model() ([]*model.SpanModel, error) {
	base := model.SpanModel{Name: s.Name, SpanContext: model.SpanContext{Debug: s.Debug}}
	var err error
	if base.TraceID, err = model.TraceIDFromHex(s.TraceID); err != nil {
		return nil, fmt.Errorf("traceId %s: %w", clip([]byte(s.TraceID)), err)
	}
	if base.ID, err = zipkinID(s.ID); err != nil {
		return nil, fmt.Errorf("id %s: %w", clip([]byte(s.ID)), err)
	}
	if s.ParentID != "" {
		parent, err := zipkinID(s.ParentID)
		if err != nil {
			return nil, fmt.Errorf("parentId %s: %w", clip([]byte(s.ParentID)), err)
		}
		if parent != 0 && parent != base.ID {
			base.ParentID = &parent
		}
	}
	sides := s.sides()
	spans := make([]*model.SpanModel, len(sides))
	for i := range sides {
		spans[i] = s.side(base, &sides[i], i == 0)
	}
	s.addTags(sides, spans)
	return spans, nil
}

func zipkinID(text string) (model.ID, error) {
	n, err := strconv.ParseUint(text, 16, 64)
	return model.ID(n), err
}

// sides returns the sides of which there is an annotation; one without a kind if there is none.
func (s *zipkinV1) sides() []zipkinSide {
	all := zipkinSides()
	for _, a := range s.Annotations {
		for i := range all {
			side := &all[i]
			if a.Value != side.begin && a.Value != side.end {
				continue
			}
			side.seen = true
			if side.endpoint == nil {
				side.endpoint = a.Endpoint
			}
			if a.Value == side.begin {
				side.first = a.Timestamp
			} else {
				side.last = a.Timestamp
			}
		}
	}
	var sides []zipkinSide
	for _, side := range all {
		if side.seen {
			sides = append(sides, side)
		}
	}
	if sides == nil {
		sides = []zipkinSide{{endpoint: s.anyEndpoint()}}
	}
	return sides
}

// anyEndpoint returns the first endpoint that is not the address of somebody else.
func (s *zipkinV1) anyEndpoint() *zipkinEndpoint {
	for _, a := range s.Annotations {
		if a.Endpoint != nil {
			return a.Endpoint
		}
	}
	for _, b := range s.Binary {
		if b.Endpoint != nil && !isZipkinAddress(b.Key) {
			return b.Endpoint
		}
	}
	return nil
}

func isZipkinAddress(key string) bool { return key == "sa" || key == "ca" || key == "ma" }

// side is the span of one side. The first one has the times of the span itself, if it has any; others share its id.
func (s *zipkinV1) side(base model.SpanModel, side *zipkinSide, first bool) *model.SpanModel {
	base.Kind, base.LocalEndpoint, base.Shared = side.kind, side.endpoint.model(), !first
	begin, length := side.first, int64(0)
	if side.first > 0 && side.last > side.first {
		length = side.last - side.first
	}
	if first {
		begin, length = cmp.Or(s.Timestamp, begin, side.last, s.earliest()), cmp.Or(s.Duration, length)
	}
	if begin = cmp.Or(begin, side.last); begin > 0 {
		base.Timestamp = time.UnixMicro(begin)
	}
	base.Duration = time.Duration(max(length, 0)) * time.Microsecond
	for _, b := range s.Binary {
		if b.Endpoint != nil && isZipkinAddress(b.Key) && (b.Key == side.address || side.kind == "") {
			base.RemoteEndpoint = b.Endpoint.model()
		}
	}
	return &base
}

func (s *zipkinV1) earliest() int64 {
	earliest := int64(0)
	for _, a := range s.Annotations {
		if a.Timestamp > 0 && (earliest == 0 || a.Timestamp < earliest) {
			earliest = a.Timestamp
		}
	}
	return earliest
}

// addTags gives each annotation and tag to the side whose service says it, the first if in doubt.
func (s *zipkinV1) addTags(sides []zipkinSide, spans []*model.SpanModel) {
	of := func(e *zipkinEndpoint) *model.SpanModel {
		for i, side := range sides {
			if e != nil && side.endpoint != nil && e.ServiceName == side.endpoint.ServiceName {
				return spans[i]
			}
		}
		return spans[0]
	}
	times := map[string]bool{}
	for _, side := range zipkinSides() {
		times[side.begin], times[side.end] = true, true
	}
	for _, a := range s.Annotations {
		if a.Value != "" && !times[a.Value] {
			to := of(a.Endpoint)
			to.Annotations = append(to.Annotations, model.Annotation{Timestamp: time.UnixMicro(a.Timestamp), Value: a.Value})
		}
	}
	for _, b := range s.Binary {
		if b.Key == "" || isZipkinAddress(b.Key) && b.Endpoint != nil {
			continue
		}
		to := of(b.Endpoint)
		if to.Tags == nil {
			to.Tags = map[string]string{}
		}
		to.Tags[b.Key] = string(b.Value)
	}
}
