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
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	maxPacket = 65_535 // bytes: the largest datagram that there is
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
	queue    *packetQueue
	workers  sync.WaitGroup

	mu   sync.Mutex
	conn net.PacketConn // while it serves
	done bool           // no more is served
	lost uint32         // what the kernel has dropped and we have counted
}

// JaegerCompact returns the agent that speaks Thrift's compact protocol.
func (r *Receiver) JaegerCompact() *JaegerAgent {
	return r.newAgent(protocolJaegerCompact, compactThrift)
}

// JaegerBinary returns the agent that speaks Thrift's binary protocol.
func (r *Receiver) JaegerBinary() *JaegerAgent { return r.newAgent(protocolJaegerBinary, binaryThrift) }

func (r *Receiver) newAgent(protocol string, encoding thriftProtocol) *JaegerAgent {
	a := &JaegerAgent{receiver: r, protocol: protocol, thrift: encoding, queue: newPacketQueue()}
	r.metrics.agents.add(a)
	return a
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
	defer a.queue.end()
	defer a.end()
	return a.receive(conn)
}

// receive queues packets until the deadline that Shutdown sets.
func (a *JaegerAgent) receive(conn net.PacketConn) error {
	received := a.receiver.metrics.receivedBytes.WithLabelValues(a.protocol)
	full := a.receiver.metrics.dropped.WithLabelValues(a.protocol, "queue_full")
	packet := make([]byte, maxPacket)
	for {
		n, _, err := conn.ReadFrom(packet)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return err
		}
		received.Add(float64(n))
		if !a.queue.add(packet[:n]) {
			full.Inc()
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

// end counts for the last time what the kernel has dropped.
func (a *JaegerAgent) end() {
	a.countLost()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conn = nil
}

// countLost counts what the kernel has dropped since the last time, as nobody took it in time.
func (a *JaegerAgent) countLost() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn == nil {
		return
	}
	if lost, ok := socketDrops(a.conn); ok {
		a.receiver.metrics.dropped.WithLabelValues(a.protocol, "socket_full").Add(float64(lost - a.lost))
		a.lost = lost
	}
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

// work stores packets. Those that came while it was busy are stored together,
// which is what keeps up with many small ones.
func (a *JaegerAgent) work() {
	m, log := a.receiver.metrics, a.receiver.cfg.Logger
	for batch := a.queue.take(); batch != nil; batch = a.queue.take() {
		good, err := a.export(batch)
		if bad := batch.len() - good; bad > 0 {
			m.dropped.WithLabelValues(a.protocol, "malformed").Add(float64(bad))
		}
		if err == nil {
			m.requests.WithLabelValues(a.protocol, "ok").Add(float64(good))
		} else {
			m.dropped.WithLabelValues(a.protocol, "not_stored").Add(float64(good))
			log.Warn("packets were dropped", "listener", a.protocol, "packets", good, "err", err)
		}
		a.queue.release(batch)
	}
}

// export stores the packets that can be read, and returns how many these are.
func (a *JaegerAgent) export(batch *packetBatch) (good int, err error) {
	ctx, r := context.Background(), a.receiver
	l := r.inflight.lease()
	defer l.release()
	if err := l.grow(ctx, (1+translatedSize)*len(batch.data)); err != nil {
		return batch.len(), err
	}
	all := ptrace.NewTraces()
	for packet := range batch.packets {
		traces, err := r.translate(a.protocol, packet, a.translate)
		if err != nil {
			r.cfg.Logger.Debug("a packet was dropped", "listener", a.protocol, "err", err)
			continue
		}
		good++
		traces.ResourceSpans().MoveAndAppendTo(all.ResourceSpans())
	}
	if good == 0 {
		return 0, nil
	}
	return good, r.exportTraces(ctx, a.protocol, r.cfg.DefaultTenant, all)
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

func (e *emission) EmitZipkinBatch(_ context.Context, spans []*zipkincore.Span) (err error) {
	e.traces, err = zipkinThriftSpans(spans)
	return err
}
