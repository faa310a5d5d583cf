package ingest

import (
	"sync"
)

const (
	// packetBatchBytes is how many bytes of packets are stored together, unless one has more.
	packetBatchBytes = 256 << 10
	// packetQueueBatches is how many batches wait for a worker: 16 MiB. What comes on
	// top is dropped, as senders cannot be told to wait.
	packetQueueBatches = 64
	// packetsKept is how many empty batches are kept for reuse.
	packetsKept = 4
)

// packetBatch is packets one behind the other.
type packetBatch struct {
	data []byte
	ends []int // of each packet in data
}

func (b *packetBatch) len() int { return len(b.ends) }

// packets yields each packet.
func (b *packetBatch) packets(yield func([]byte) bool) {
	start := 0
	for _, end := range b.ends {
		if !yield(b.data[start:end:end]) {
			return
		}
		start = end
	}
}

// packetQueue has the packets that wait for a worker. The last batch is filled until one takes it.
type packetQueue struct {
	mu      sync.Mutex
	ready   sync.Cond // there are batches, or it has ended
	batches []*packetBatch
	empty   []*packetBatch
	ended   bool
}

func newPacketQueue() *packetQueue {
	q := &packetQueue{}
	q.ready.L = &q.mu
	return q
}

// add copies a packet into the queue, and reports false if it is full.
func (q *packetQueue) add(packet []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.batches)
	if n == 0 || len(q.batches[n-1].data)+len(packet) > packetBatchBytes {
		if n == packetQueueBatches {
			return false
		}
		q.batches = append(q.batches, q.newBatch())
	}
	last := q.batches[len(q.batches)-1]
	last.data = append(last.data, packet...)
	last.ends = append(last.ends, len(last.data))
	q.ready.Signal()
	return true
}

func (q *packetQueue) newBatch() *packetBatch {
	if n := len(q.empty); n > 0 {
		b := q.empty[n-1]
		q.empty = q.empty[:n-1]
		return b
	}
	return &packetBatch{}
}

// take waits for packets and returns the oldest; nil when the queue has ended and is empty.
func (q *packetQueue) take() *packetBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.batches) == 0 {
		if q.ended {
			return nil
		}
		q.ready.Wait()
	}
	b := q.batches[0]
	q.batches = append(q.batches[:0], q.batches[1:]...)
	return b
}

// release takes back a batch of which nothing is used any more.
func (q *packetQueue) release(b *packetBatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.empty) < packetsKept {
		b.data, b.ends = b.data[:0], b.ends[:0]
		q.empty = append(q.empty, b)
	}
}

// end lets workers end when the queue is empty.
func (q *packetQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.ready.Broadcast()
}
