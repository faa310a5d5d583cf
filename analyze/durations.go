package analyze

import (
	"math"
	"math/bits"
)

// Latency is a distribution of durations, in nanoseconds.
type Latency struct {
	Count         uint64 // if it is 0, so is the rest
	P50, P95, P99 uint64
	Max           uint64
}

// durations counts durations in nanoseconds, each by a weight of 1 or more. Each
// octave has 64 buckets of one width, so the middle of a bucket is less than 0.8 %
// off; below 128 ns each has a bucket to itself.
type durations struct {
	// coarse halves the number of buckets, and doubles that error, so many times.
	coarse   uint8
	total    float64
	min, max uint64
	first    int // bucket of counts[0]
	counts   []float64
}

// Durations is a distribution of durations that are added one by one. The zero value has none.
type Durations struct{ durations }

// Add counts a duration in nanoseconds as often as weight says, which is 1 or more.
func (d *Durations) Add(ns int64, weight float64) { d.add(ns, weight) }

// Latency returns the distribution as it is now. Its quantiles are less than 0.8 % off.
func (d *Durations) Latency() Latency { return d.latency() }

const (
	bucketBits = 6 // of an octave, if it is not coarse
	// window is how many buckets counts grows by, or a multiple of it.
	window = 16
)

// bucketOf returns the bucket of a duration among those of 1<<octave an octave.
func bucketOf(ns uint64, octave uint8) int {
	shift := max(bits.Len64(ns)-int(octave)-1, 0)
	return shift<<octave + int(ns>>shift)
}

// bucketMiddle returns the duration that stands for all in a bucket.
func bucketMiddle(bucket int, octave uint8) uint64 {
	shift := max(bucket>>octave-1, 0)
	low := uint64(bucket-shift<<octave) << shift
	return low + 1<<shift>>1
}

func (d *durations) octave() uint8 { return bucketBits - d.coarse }

// add counts a duration; those that end before they start count as 0. It
// returns by how many bytes the memory grew.
func (d *durations) add(ns int64, weight float64) (grown int) {
	v := uint64(max(ns, 0))
	if d.total == 0 {
		d.min = v
	}
	d.total += weight
	d.min, d.max = min(d.min, v), max(d.max, v)
	b := bucketOf(v, d.octave())
	if uint(b-d.first) >= uint(len(d.counts)) {
		grown = d.grow(b, b+1)
	}
	d.counts[b-d.first] += weight
	return grown
}

// grow makes room for the buckets from lo up to hi.
func (d *durations) grow(lo, hi int) (grown int) {
	if len(d.counts) > 0 {
		lo, hi = min(lo, d.first), max(hi, d.first+len(d.counts))
	}
	lo, hi = lo&^(window-1), (hi+window-1)&^(window-1)
	counts := make([]float64, hi-lo)
	copy(counts[max(d.first-lo, 0):], d.counts)
	grown = 8 * (len(counts) - len(d.counts))
	d.first, d.counts = lo, counts
	return grown
}

// merge adds what another one counted that is as coarse.
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
	return Latency{
		Count: uint64(math.Round(d.total)), P50: d.quantile(50), P95: d.quantile(95), P99: d.quantile(99), Max: d.max,
	}
}

// quantile returns the duration of rank ceil(percent/100 n).
func (d *durations) quantile(percent float64) uint64 {
	rank := math.Ceil(d.total * percent / 100)
	if rank > d.total-1 {
		return d.max
	}
	for i, n := range d.counts {
		if n >= rank {
			return min(max(bucketMiddle(d.first+i, d.octave()), d.min), d.max)
		}
		rank -= n
	}
	return d.max
}
