package ingest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"

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
	Timestamp   zipkinMicros       `json:"timestamp"` // since 1970; 0: not known
	Duration    zipkinMicros       `json:"duration"`
	Debug       bool               `json:"debug"`
	Annotations []zipkinAnnotation `json:"annotations"`
	Binary      []zipkinBinary     `json:"binaryAnnotations"`

	// Of spans of the second version, which are none.
	Tags   json.RawMessage `json:"tags"`
	Local  json.RawMessage `json:"localEndpoint"`
	Remote json.RawMessage `json:"remoteEndpoint"`
}

type zipkinBinary struct {
	Key      string          `json:"key"`
	Value    zipkinText      `json:"value"`
	Endpoint *zipkinEndpoint `json:"endpoint"`
}

func zipkinV1JSON(body []byte) (ptrace.Traces, error) {
	var spans []*model.SpanModel
	err := eachSpan(body, func(s *zipkinV1) error {
		if s.Tags != nil || s.Local != nil || s.Remote != nil {
			return errors.New("it is one of version 2, which go to /api/v2/spans")
		}
		if err := checkAnnotations(s.Annotations); err != nil {
			return err
		}
		converted, err := s.model()
		spans = append(spans, converted...)
		return err
	})
	if err != nil {
		return ptrace.Traces{}, err
	}
	return zipkinTraces(spans)
}

// zipkinV1Thrift reads a list of spans in Thrift's binary protocol.
func zipkinV1Thrift(body []byte) (ptrace.Traces, error) {
	ctx, p := context.Background(), thriftOf(body, binaryThrift)
	kind, n, err := p.ReadListBegin(ctx)
	if err != nil {
		return ptrace.Traces{}, err
	}
	if kind != thrift.STRUCT && kind != thrift.STRING && n > 0 { // old reporters for Java say STRING
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
	var spans []*model.SpanModel
	for i, s := range list {
		converted, err := thriftZipkin(s).model()
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
		Timestamp: microsOf(s.GetTimestamp()), Duration: microsOf(s.GetDuration()), Debug: s.Debug,
	}
	if s.ParentID != nil {
		out.ParentID = hex(0, *s.ParentID)[16:]
	}
	for _, a := range s.Annotations {
		out.Annotations = append(out.Annotations, zipkinAnnotation{microsOf(a.Timestamp), a.Value, thriftEndpoint(a.Host)})
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
	out := &zipkinEndpoint{ServiceName: e.ServiceName, Port: zipkinPort(e.Port)}
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
	must       string // the one of them without which there is no such side; "": any will do
	address    string // the binary annotation that has the other side's endpoint

	seen        bool
	endpoint    *zipkinEndpoint
	first, last zipkinMicros // times of these annotations
}

func zipkinSides() []zipkinSide {
	return []zipkinSide{
		{kind: model.Client, begin: "cs", end: "cr", address: "sa"}, {kind: model.Server, begin: "sr", end: "ss", address: "ca"},
		{kind: model.Producer, begin: "ms", end: "ws", must: "ms", address: "ma"}, {kind: model.Consumer, begin: "wr", end: "mr", must: "mr", address: "ma"},
	}
}

// model returns the span, or two of them if it has both sides of a call.
func (s *zipkinV1) model() ([]*model.SpanModel, error) {
	context, err := zipkinContext(s.TraceID, s.ID, s.ParentID, s.Debug)
	if err != nil {
		return nil, err
	}
	sides := s.sides()
	spans := make([]*model.SpanModel, len(sides))
	for i := range sides {
		spans[i] = s.side(model.SpanModel{Name: s.Name, SpanContext: context}, &sides[i], i == 0)
	}
	s.addTags(sides, spans)
	return spans, nil
}

// sides returns the sides of which there are annotations; one without a kind if there are none.
func (s *zipkinV1) sides() []zipkinSide {
	all := zipkinSides()
	for _, a := range s.Annotations {
		for i := range all {
			side := &all[i]
			if a.Value != side.begin && a.Value != side.end {
				continue
			}
			side.seen = side.seen || side.must == "" || side.must == a.Value
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
		if !side.seen {
			continue
		}
		if side.kind == model.Consumer && (side.first == 0 || side.last < side.first) {
			side.first, side.last = side.last, side.first
		}
		sides = append(sides, side)
	}
	if sides == nil {
		sides = []zipkinSide{s.sideByAddress()}
	}
	return sides
}

// sideByAddress is the side of a span whose annotations tell none: a server's if the client is all that it names.
func (s *zipkinV1) sideByAddress() zipkinSide {
	side := zipkinSide{endpoint: s.anyEndpoint()}
	client, server := s.address("ca"), s.address("sa")
	switch {
	case client == nil:
	case server == nil:
		side.kind, side.address = model.Server, "ca"
	case side.endpoint == nil:
		side.endpoint = client
	}
	return side
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

// address returns the endpoint that a binary annotation names, or nil.
func (s *zipkinV1) address(key string) *zipkinEndpoint {
	for _, b := range slices.Backward(s.Binary) {
		if b.Key == key && b.Endpoint != nil {
			return b.Endpoint
		}
	}
	return nil
}

// side is the span of one side. The first one has the times of the span itself, if it has any; others share its id. So does a
// server whose times are left to the client.
func (s *zipkinV1) side(out model.SpanModel, side *zipkinSide, first bool) *model.SpanModel {
	out.Kind, out.LocalEndpoint, out.RemoteEndpoint = side.kind, side.endpoint.model(), s.peer(side)
	begin, length := side.first, zipkinMicros(0)
	if side.first > 0 && side.last > side.first {
		length = side.last - side.first
	}
	if first {
		begin, length = cmp.Or(s.Timestamp, begin, side.last, s.earliest()), cmp.Or(s.Duration, length)
	}
	out.Shared = !first || side.kind == model.Server && side.first > 0 && (s.Timestamp == 0 || side.last > 0 && s.Duration == 0)
	out.Timestamp, out.Duration = cmp.Or(begin, side.last).time(), length.duration()
	return &out
}

// peer returns the endpoint of the other side. Finagle's servers have themselves for their clients: they may only tell its socket.
func (s *zipkinV1) peer(side *zipkinSide) *model.Endpoint {
	if side.kind == "" {
		return cmp.Or(s.address("sa"), s.address("ma"), s.address("ca")).model()
	}
	peer := s.address(side.address).model()
	if own := side.endpoint.model(); side.kind == model.Server && own != nil && peer != nil && peer.ServiceName == own.ServiceName {
		if peer.IPv4.Equal(own.IPv4) && peer.IPv6.Equal(own.IPv6) && peer.Port == own.Port {
			return nil
		}
		peer.ServiceName = ""
	}
	return peer
}

func (s *zipkinV1) earliest() zipkinMicros {
	earliest := zipkinMicros(0)
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
	times := s.times(sides)
	for _, a := range s.Annotations {
		if a.Value != "" && !times[a.Value] {
			to := of(a.Endpoint)
			to.Annotations = append(to.Annotations, model.Annotation{Timestamp: a.Timestamp.time(), Value: a.Value})
		}
	}
	for _, b := range s.Binary {
		if b.Key == "" || isZipkinAddress(b.Key) && b.Endpoint != nil || b.Key == "lc" && b.Value == "" {
			continue
		}
		to := of(b.Endpoint)
		if to.Tags == nil {
			to.Tags = map[string]string{}
		}
		to.Tags[b.Key] = string(b.Value)
	}
}

// times has the annotations that are told as the times of sides. An end is not if it is no end of the span, whose begin is not known.
func (s *zipkinV1) times(sides []zipkinSide) map[string]bool {
	times := map[string]bool{}
	for _, side := range sides {
		if side.kind == "" || side.must == "" && side.seen && side.first == 0 && (s.Duration == 0 || s.Timestamp+s.Duration != side.last) {
			continue
		}
		times[side.begin], times[side.end] = true, true
	}
	return times
}
