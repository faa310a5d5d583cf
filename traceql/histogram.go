package traceql

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// histogram counts numbers in the buckets of a base-2 exponential histogram of scale 6: the bounds of a
// bucket have the ratio 2^(1/64), so there is a number in it that is less than 0.6 % off from all others.
//
// It is a hash table by the number of the bucket, with linear probing. Numbers that are near to each other lie
// in neighbouring buckets, so the number itself is the hash: once the table is larger than
// their span nothing collides, and what is counted together lies together.
type histogram struct {
	table    []bucketCount // the length is a power of two
	used     int
	min, max float64
	// fractions is set if not all numbers are integers. Quantiles of integers are
	// integers, which makes small ones exact.
	fractions bool
}

type bucketCount struct {
	bucket int32 // noBucket: free
	count  float64
}

const (
	bucketsPerOctave = 64
	noBucket         = math.MinInt32
	minHistogram     = 4

	histogramBytes   = 64 // of a histogram by itself
	bucketCountBytes = 16
)

// The bits of a float64 are its sign, 11 of the exponent and 52 of the fraction; the least
// numbers, below 2^-1022, have an exponent of 0 and no implied first bit.
const (
	fractionBits = 52
	fractionMask = 1<<fractionBits - 1
	// tinyOctaves is how many octaves there are below 2^-1022.
	tinyOctaves = fractionBits
)

// bucketBounds are the lower bounds of the buckets of [1, 2), as fraction bits, and the end of the last.
var bucketBounds = func() (bounds [bucketsPerOctave + 1]uint64) {
	for i := range bucketsPerOctave {
		bounds[i] = math.Float64bits(math.Exp2(float64(i)/bucketsPerOctave)) & fractionMask
	}
	bounds[bucketsPerOctave] = fractionMask + 1
	return bounds
}()

// guessBits of a fraction give ranges smaller than any bucket, so each meets two buckets at most.
const guessBits = 7

// bucketGuess has the bucket of the least fraction that starts with the given bits.
var bucketGuess = func() (guess [1 << guessBits]uint8) {
	b := 0
	for i := range guess {
		for bucketBounds[b+1] <= uint64(i)<<(fractionBits-guessBits) {
			b++
		}
		guess[i] = uint8(b)
	}
	return guess
}()

// bucketOf returns the bucket of a number, which is not NaN: 0 for 0, ascending with
// the number, and for -x the negative of that of x.
func bucketOf(x float64) int32 {
	b := math.Float64bits(x)
	sign := int32(int64(b) >> 63) // 0 or -1
	b &^= 1 << 63
	exponent := int32(b >> fractionBits)
	if exponent == 0 {
		if b == 0 {
			return 0
		}
		shift := bits.LeadingZeros64(b) - (63 - fractionBits)
		b <<= shift
		exponent = 1 - int32(shift)
	}
	fraction := b & fractionMask
	guess := bucketGuess[fraction>>(fractionBits-guessBits)]
	bucket := (exponent+tinyOctaves)*bucketsPerOctave + int32(guess)
	if fraction >= bucketBounds[guess+1] {
		bucket++
	}
	return (bucket ^ sign) - sign
}

// bucketValue returns the number that stands for all of a bucket: the one with the same
// relative distance from both bounds.
func bucketValue(bucket int32) float64 {
	if bucket == 0 {
		return 0
	}
	abs := max(bucket, -bucket)
	exponent := int(abs/bucketsPerOctave) - tinyOctaves - 1023
	lo := math.Float64frombits(1023<<fractionBits | bucketBounds[abs%bucketsPerOctave])
	ratio := math.Exp2(1.0 / bucketsPerOctave)
	return math.Copysign(math.Ldexp(lo*2*ratio/(1+ratio), exponent), float64(bucket))
}

func newHistogram() *histogram {
	h := &histogram{min: math.Inf(1), max: math.Inf(-1)}
	h.resize(minHistogram)
	return h
}

// add counts a number, which is not NaN, weight times.
func (h *histogram) add(x, weight float64) {
	if x < h.min {
		h.min = x
	}
	if x > h.max {
		h.max = x
	}
	h.count(bucketOf(x), weight)
}

func (h *histogram) count(bucket int32, n float64) {
	table := h.table
	for i := uint32(bucket); ; i++ {
		slot := &table[i&uint32(len(table)-1)]
		if slot.bucket == bucket {
			slot.count += n
			return
		}
		if slot.bucket == noBucket {
			*slot = bucketCount{bucket, n}
			if h.used++; 4*h.used > 3*len(table) {
				h.resize(2 * len(table))
			}
			return
		}
	}
}

func (h *histogram) resize(n int) {
	old := h.table
	h.table, h.used = make([]bucketCount, n), 0
	for i := range h.table {
		h.table[i].bucket = noBucket
	}
	for _, slot := range old {
		if slot.bucket != noBucket {
			h.count(slot.bucket, slot.count)
		}
	}
}

// merge adds what another histogram has counted.
func (h *histogram) merge(other *histogram) {
	h.min, h.max = min(h.min, other.min), max(h.max, other.max)
	h.fractions = h.fractions || other.fractions
	for _, slot := range other.table {
		if slot.bucket != noBucket {
			h.count(slot.bucket, slot.count)
		}
	}
}

// bytes returns the memory held.
func (h *histogram) bytes() int64 { return histogramBytes + bucketCountBytes*int64(len(h.table)) }

// quantiles sets values to the given quantiles of all numbers, at least one. The quantile q of n numbers
// is the one of rank max(1, ceil(q n)). The sorted buckets are left in scratch, for the next call.
func (h *histogram) quantiles(qs, values []float64, scratch []bucketCount) []bucketCount {
	sorted := scratch[:0]
	total := 0.0
	for _, slot := range h.table {
		if slot.bucket != noBucket {
			sorted = append(sorted, slot)
			total += slot.count
		}
	}
	slices.SortFunc(sorted, func(a, b bucketCount) int { return cmp.Compare(a.bucket, b.bucket) })
	for i, q := range qs {
		values[i] = h.ranked(sorted, math.Ceil(q*total), total)
	}
	return sorted
}

// ranked returns the number of a rank. Weights are 1 at least, so the first and the last rank
// are those of the minimum and the maximum.
func (h *histogram) ranked(sorted []bucketCount, rank, total float64) float64 {
	if rank <= 1 {
		return h.min
	}
	if rank > total-1 {
		return h.max
	}
	for _, slot := range sorted {
		if rank -= slot.count; rank <= 0 {
			v := bucketValue(slot.bucket)
			if !h.fractions {
				v = math.Round(v)
			}
			return min(max(v, h.min), h.max)
		}
	}
	return h.max
}

// powerBound returns the bound of the bucket of a number in a histogram of powers of two: the least of
// them that is not below it, or 0 if it is not above 0. The number is not NaN.
func powerBound(x float64) float64 {
	if x <= 0 || math.IsInf(x, 1) {
		return max(x, 0)
	}
	fraction, exponent := math.Frexp(x) // 0.5 to 1
	if fraction == 0.5 {
		return x
	}
	return math.Ldexp(1, exponent)
}
