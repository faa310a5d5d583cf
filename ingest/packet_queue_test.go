package ingest

import (
	"bytes"
	"context"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/clewhq/clew/span"
)

// Packets come out as they went in, together, and what is too much is refused.
func TestPacketQueue(t *testing.T) {
	q := newPacketQueue()
	large := bytes.Repeat([]byte{7}, maxPacket)
	for _, p := range [][]byte{[]byte("a"), {}, []byte("bc"), large} {
		if !q.add(p) {
			t.Fatal("the queue is full")
		}
	}
	b := q.take()
	var got [][]byte
	for p := range b.packets {
		got = append(got, p)
	}
	if len(got) != 4 || b.len() != 4 || string(got[0]) != "a" || len(got[1]) != 0 || string(got[2]) != "bc" || !bytes.Equal(got[3], large) {
		t.Errorf("%d packets: %.20q", len(got), got)
	}
	q.release(b)
	if again := q.newBatch(); again != b || again.len() != 0 {
		t.Error("the batch is not used again, empty")
	}
	n := 0
	for q.add(large) {
		n++
	}
	if want := packetQueueBatches * (packetBatchBytes / maxPacket); n != want {
		t.Errorf("there is room for %d packets, want %d", n, want)
	}
	q.end()
	for b := q.take(); b != nil; b = q.take() {
		n -= b.len()
	}
	if n != 0 {
		t.Errorf("%d packets are left after the end", n)
	}
}

// What came while the store was busy is stored together; a packet that cannot be read spoils no other.
func TestJaegerAgentStoresTogether(t *testing.T) {
	var batches []int
	s := sinkFunc(func(_ context.Context, _ string, b *span.Batch) error {
		batches = append(batches, b.Len())
		return nil
	})
	a := newTestReceiver(t, s, nil).JaegerCompact()
	for _, p := range [][]byte{emitBatch(t, compactThrift, shopBatch()), []byte("hello"), emitBatch(t, compactThrift, shopBatch()), emitBatch(t, compactThrift, shopBatch())} {
		a.queue.add(p)
	}
	a.queue.end()
	a.work()
	if len(batches) != 1 || batches[0] != 6 {
		t.Errorf("stored %v spans, want 6 at once", batches)
	}
	dropped := a.receiver.metrics.dropped.WithLabelValues(protocolJaegerCompact, "malformed")
	taken := a.receiver.metrics.requests.WithLabelValues(protocolJaegerCompact, "ok")
	if bad, good := testutil.ToFloat64(dropped), testutil.ToFloat64(taken); bad != 1 || good != 3 {
		t.Errorf("%v packets are malformed, %v good", bad, good)
	}
}

// Packets that the kernel drops are counted, as far as it tells.
func TestSocketDrops(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := socketDrops(conn); !ok {
		t.Skip("the system does not tell")
	}
	reg := prometheus.NewRegistry()
	r, err := New(Config{DefaultTenant: testTenant, Metrics: reg}, discard{})
	if err != nil {
		t.Fatal(err)
	}
	a := r.JaegerCompact()
	a.conn = conn // nobody reads from
	if err := conn.(*net.UDPConn).SetReadBuffer(1); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 100 {
		if _, err := client.Write(make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // each is counted once
		if n := testutil.ToFloat64(&onlyDrops{reg}); n < 50 || n > 100 {
			t.Errorf("%v packets are counted", n)
		}
	}
	a.end()
	if n := testutil.ToFloat64(&onlyDrops{reg}); n < 50 || n > 100 {
		t.Errorf("%v packets are counted in the end", n)
	}
}

// onlyDrops collects the counter of dropped packets from a registry.
type onlyDrops struct{ reg *prometheus.Registry }

func (o *onlyDrops) Describe(chan<- *prometheus.Desc) {}

func (o *onlyDrops) Collect(ch chan<- prometheus.Metric) {
	families, _ := o.reg.Gather()
	for _, f := range families {
		if f.GetName() == "clew_ingest_dropped_packets_total" {
			for _, m := range f.Metric {
				ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("drops", "", nil, nil), prometheus.CounterValue, m.Counter.GetValue())
			}
		}
	}
}
