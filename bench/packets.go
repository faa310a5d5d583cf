package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clewhq/clew/internal/recording"
)

// packet is a call of emitBatch in Thrift's compact protocol.
type packet struct {
	data  []byte
	spans int
}

// client is one process that sends spans: its packets have those of its own alone.
type client struct {
	process *thriftjaeger.Process
	spans   []*thriftjaeger.Span
	empty   int // bytes of a packet without spans, or a few more
	size    int // of the spans, in bytes
}

// packetOverhead is more than what a packet has besides process and spans.
const packetOverhead = 100

// newPackets returns spans of the sequence as Jaeger's clients would send them: a client
// fills a packet with its spans, and sends it when the next one does not fit.
func newPackets(g *recording.Generator, first, spans uint64, maxBytes, perPacket int) ([]packet, error) {
	const atOnce = 1000
	var packets []packet
	clients := map[uint64]*client{} // by the hash of their process
	var order []*client
	for spans > 0 {
		n := min(atOnce, spans)
		traces, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(g.Append(nil, first, n))
		if err != nil {
			return nil, err
		}
		for _, batch := range jaeger.ProtoFromTraces(traces) {
			id, err := model.HashCode(batch.Process)
			if err != nil {
				return nil, err
			}
			c := clients[id]
			if c == nil {
				c = &client{process: thriftProcess(batch.Process)}
				process, err := compact(c.process.Write)
				if err != nil {
					return nil, err
				}
				c.empty = len(process) + packetOverhead
				clients[id], order = c, append(order, c)
			}
			for _, s := range batch.Spans {
				full, err := c.add(thriftSpan(s), maxBytes, perPacket)
				if err != nil {
					return nil, err
				}
				packets = append(packets, full...)
			}
		}
		first, spans = first+n, spans-n
	}
	for _, c := range order {
		rest, err := c.flush()
		if err != nil {
			return nil, err
		}
		packets = append(packets, rest...)
	}
	return packets, nil
}

// add adds a span, and returns the packet that had no room for it.
func (c *client) add(s *thriftjaeger.Span, maxBytes, perPacket int) (full []packet, err error) {
	encoded, err := compact(s.Write)
	if err != nil {
		return nil, err
	}
	if c.empty+len(encoded) > maxBytes {
		return nil, fmt.Errorf("a span has %d bytes, which is too much for a packet of %d", len(encoded), maxBytes)
	}
	if c.empty+c.size+len(encoded) > maxBytes || len(c.spans) == perPacket && perPacket > 0 {
		if full, err = c.flush(); err != nil {
			return nil, err
		}
	}
	c.spans, c.size = append(c.spans, s), c.size+len(encoded)
	return full, nil
}

// flush returns what there is as a packet, if there is anything.
func (c *client) flush() ([]packet, error) {
	if len(c.spans) == 0 {
		return nil, nil
	}
	args := agent.AgentEmitBatchArgs{Batch: &thriftjaeger.Batch{Process: c.process, Spans: c.spans}}
	data, err := compact(func(ctx context.Context, p thrift.TProtocol) error {
		return errors.Join(p.WriteMessageBegin(ctx, "emitBatch", thrift.ONEWAY, 1), args.Write(ctx, p), p.WriteMessageEnd(ctx))
	})
	full := packet{data, len(c.spans)}
	c.spans, c.size = nil, 0
	return []packet{full}, err
}

func compact(write func(context.Context, thrift.TProtocol) error) ([]byte, error) {
	buffer := thrift.NewTMemoryBuffer()
	p := thrift.NewTCompactProtocolConf(buffer, nil)
	err := errors.Join(write(context.Background(), p), p.Flush(context.Background()))
	return buffer.Bytes(), err
}

func thriftProcess(p *model.Process) *thriftjaeger.Process {
	return &thriftjaeger.Process{ServiceName: p.ServiceName, Tags: thriftTags(p.Tags)}
}

func thriftSpan(s *model.Span) *thriftjaeger.Span {
	out := &thriftjaeger.Span{
		TraceIdLow: int64(s.TraceID.Low), TraceIdHigh: int64(s.TraceID.High), SpanId: int64(s.SpanID), ParentSpanId: int64(s.ParentSpanID()),
		OperationName: s.OperationName, Flags: 1, // sampled
		StartTime: s.StartTime.UnixMicro(), Duration: s.Duration.Microseconds(), Tags: thriftTags(s.Tags),
	}
	for _, l := range s.Logs {
		out.Logs = append(out.Logs, &thriftjaeger.Log{Timestamp: l.Timestamp.UnixMicro(), Fields: thriftTags(l.Fields)})
	}
	for _, r := range s.References {
		kind := thriftjaeger.SpanRefType_CHILD_OF
		if r.RefType == model.FollowsFrom {
			kind = thriftjaeger.SpanRefType_FOLLOWS_FROM
		}
		out.References = append(out.References, &thriftjaeger.SpanRef{
			RefType: kind, TraceIdLow: int64(r.TraceID.Low), TraceIdHigh: int64(r.TraceID.High), SpanId: int64(r.SpanID),
		})
	}
	return out
}

func thriftTags(list []model.KeyValue) []*thriftjaeger.Tag {
	tags := make([]*thriftjaeger.Tag, len(list))
	for i, kv := range list {
		t := &thriftjaeger.Tag{Key: kv.Key}
		switch kv.VType {
		case model.StringType:
			t.VType, t.VStr = thriftjaeger.TagType_STRING, &kv.VStr
		case model.BoolType:
			t.VType, t.VBool = thriftjaeger.TagType_BOOL, &kv.VBool
		case model.Int64Type:
			t.VType, t.VLong = thriftjaeger.TagType_LONG, &kv.VInt64
		case model.Float64Type:
			t.VType, t.VDouble = thriftjaeger.TagType_DOUBLE, &kv.VFloat64
		default:
			t.VType, t.VBinary = thriftjaeger.TagType_BINARY, kv.VBinary
		}
		tags[i] = t
	}
	return tags
}
