package analyze

import (
	"math/bits"
)

// durations counts durations in nanoseconds. Each octave has 64 buckets of one
// width, so the middle of a bucket is less than 0.8 % off; below 128 ns each
// has a bucket to itself.
type durations struct {
	total    uint64
	min, max uint64
	first    int // bucket of counts[0]
	counts   []uint64
}

const (
	bucketBits = 6 // of an octave
	// window is how many buckets counts grows by, or a multiple of it.
	window = 16
)

func bucketOf(ns uint64) int {
	shift := max(bits.Len64(ns)-bucketBits-1, 0)
	return shift<<bucketBits + int(ns>>shift)
}

// bucketMiddle returns the duration that stands for all in a bucket.
func bucketMiddle(bucket int) uint64 {
	shift := max(bucket>>bucketBits-1, 0)
	low := uint64(bucket-shift<<bucketBits) << shift
	return low + 1<<shift>>1
}

// add counts a duration; those that end before they start count as 0. It
// returns by how many bytes the memory grew.
func (d *durations) add(ns int64) (grown int) {
	v := uint64(max(ns, 0))
	if d.total == 0 {
		d.min = v
	}
	d.total++
	d.min, d.max = min(d.min, v), max(d.max, v)
	b := bucketOf(v)
	if uint(b-d.first) >= uint(len(d.counts)) {
		grown = d.grow(b, b+1)
	}
	d.counts[b-d.first]++
	return grown
}

// grow makes room for the buckets from lo up to hi.
func (d *durations) grow(lo, hi int) (grown int) {
	if len(d.counts) > 0 {
		lo, hi = min(lo, d.first), max(hi, d.first+len(d.counts))
	}
	lo, hi = lo&^(window-1), (hi+window-1)&^(window-1)
	counts := make([]uint64, hi-lo)
	copy(counts[max(d.first-lo, 0):], d.counts)
	grown = 8 * (len(counts) - len(d.counts))
	d.first, d.counts = lo, counts
	return grown
}

func (d *durations) merge(other *durations) {
	switch {
	case other.total == 0:
		return
	case d.total == 0:
		d.min = other.min
	}
	d.total += other.total
	d.min, d.max = min(d.min, other.min), max(d.max, other.max)
	d.grow(other.first, other.first+len(other.counts))
	for i, n := range other.counts {
		d.counts[other.first-d.first+i] += n
	}
}

func (d *durations) latency() Latency {
	return Latency{Count: d.total, P50: d.quantile(50), P95: d.quantile(95), P99: d.quantile(99), Max: d.max}
}

// quantile returns the duration of rank ceil(percent/100 n).
func (d *durations) quantile(percent uint64) uint64 {
	rank := (d.total*percent + 99) / 100
	if rank == d.total {
		return d.max
	}
	for i, n := range d.counts {
		if n >= rank {
			return min(max(bucketMiddle(d.first+i), d.min), d.max)
		}
		rank -= n
	}
	return d.max
}
