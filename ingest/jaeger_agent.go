package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	thriftjaeger "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/zipkincore"
	zipkinthrift "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinthriftconverter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv1"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	maxPacket = 65_535 // bytes: the largest datagram that there is
	// agentQueue is how many packets wait for a worker; more are dropped, as
	// their senders cannot be told to wait.
	agentQueue = 1000
	// agentSocketBytes is what the kernel is asked to hold while we are busy.
	agentSocketBytes = 8 << 20
	// agentDrain is how long a stop goes on reading what the kernel holds.
	agentDrain = 100 * time.Millisecond
)

// JaegerAgent takes the packets that Jaeger's clients send to their agent, by
// UDP. Nobody is told when one cannot be taken; it is counted.
type JaegerAgent struct {
	receiver *Receiver
	protocol string // as metrics call it
	thrift   thriftProtocol
	queue    chan *[]byte // a packet each
	packets  sync.Pool    // of *[]byte with maxPacket bytes
	workers  sync.WaitGroup

	mu   sync.Mutex
	conn net.PacketConn // while it serves
	done bool           // no more is served
}

// JaegerCompact returns the agent that speaks Thrift's compact protocol.
func (r *Receiver) JaegerCompact() *JaegerAgent {
	return r.newAgent(protocolJaegerCompact, compactThrift)
}

// JaegerBinary returns the agent that speaks Thrift's binary protocol.
func (r *Receiver) JaegerBinary() *JaegerAgent { return r.newAgent(protocolJaegerBinary, binaryThrift) }

func (r *Receiver) newAgent(protocol string, encoding thriftProtocol) *JaegerAgent {
	return &JaegerAgent{
		receiver: r, protocol: protocol, thrift: encoding,
		queue:   make(chan *[]byte, agentQueue),
		packets: sync.Pool{New: func() any { p := make([]byte, maxPacket); return &p }},
	}
}

// ServePacket takes packets until Shutdown, and closes conn.
func (a *JaegerAgent) ServePacket(conn net.PacketConn) error {
	defer conn.Close()
	if !a.begin(conn) {
		return nil
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		if err := udp.SetReadBuffer(agentSocketBytes); err != nil {
			a.receiver.cfg.Logger.Warn("packets may be lost while there are many", "listener", a.protocol, "err", err)
		}
	}
	defer a.workers.Wait()
	defer close(a.queue)
	return a.receive(conn)
}

// receive queues packets until the deadline that Shutdown sets.
func (a *JaegerAgent) receive(conn net.PacketConn) error {
	for {
		packet := a.packets.Get().(*[]byte)
		n, _, err := conn.ReadFrom((*packet)[:maxPacket])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		*packet = (*packet)[:n]
		a.receiver.metrics.receivedBytes.WithLabelValues(a.protocol).Add(float64(n))
		select {
		case a.queue <- packet:
		default:
			a.drop(packet, "queue_full")
		}
	}
}

// begin starts the workers, unless there is nothing to serve any more.
func (a *JaegerAgent) begin(conn net.PacketConn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done {
		return false
	}
	a.conn = conn
	for range runtime.GOMAXPROCS(0) {
		a.workers.Go(a.work)
	}
	return true
}

// Shutdown takes what has come already, and waits until it is stored, or for ctx.
func (a *JaegerAgent) Shutdown(ctx context.Context) error {
	a.mu.Lock()
	if !a.done && a.conn != nil {
		a.conn.SetReadDeadline(time.Now().Add(agentDrain)) // fails if it is closed, which ends it too
	}
	a.done = true
	a.mu.Unlock()
	done := make(chan struct{})
	go func() { a.workers.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *JaegerAgent) drop(packet *[]byte, reason string) {
	a.receiver.metrics.dropped.WithLabelValues(a.protocol, reason).Inc()
	a.packets.Put(packet)
}

func (a *JaegerAgent) work() {
	for packet := range a.queue {
		err := a.export(*packet)
		var bad invalid
		switch {
		case err == nil:
			a.receiver.metrics.requests.WithLabelValues(a.protocol, "ok").Inc()
			a.packets.Put(packet)
		case errors.As(err, &bad):
			a.drop(packet, "malformed")
			a.receiver.cfg.Logger.Debug("a packet was dropped", "listener", a.protocol, "err", err)
		default:
			a.drop(packet, "not_stored")
			a.receiver.cfg.Logger.Warn("a packet was dropped", "listener", a.protocol, "err", err)
		}
	}
}

func (a *JaegerAgent) export(packet []byte) error {
	ctx := context.Background()
	l := a.receiver.inflight.lease()
	defer l.release()
	if err := l.grow(ctx, len(packet)); err != nil {
		return err
	}
	return a.receiver.exportTranslated(ctx, a.protocol, a.receiver.cfg.DefaultTenant, packet, l, a.translate)
}

// translate reads a call of emitBatch or emitZipkinBatch.
func (a *JaegerAgent) translate(packet []byte) (ptrace.Traces, error) {
	var emitted emission
	if _, err := agent.NewAgentProcessor(&emitted).Process(context.Background(), thriftOf(packet, a.thrift), thriftOf(nil, a.thrift)); err != nil {
		return ptrace.Traces{}, err
	}
	return emitted.traces, nil
}

// emission is the handler of one call.
type emission struct{ traces ptrace.Traces }

func (e *emission) EmitBatch(_ context.Context, batch *thriftjaeger.Batch) (err error) {
	if batch == nil {
		return fmt.Errorf("there is no batch in the packet")
	}
	e.traces, err = thriftBatch(batch)
	return err
}

func (e *emission) EmitZipkinBatch(ctx context.Context, spans []*zipkincore.Span) error {
	body, err := zipkinthrift.SerializeThrift(ctx, spans) // the translator wants bytes
	if err != nil {
		return err
	}
	e.traces, err = zipkinv1.NewThriftTracesUnmarshaler().UnmarshalTraces(body)
	return err
}
