package derive

import (
	"cmp"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// histogram counts durations in seconds, by weight, in classic and in native buckets.
type histogram struct {
	cfg     *Config
	bounds  []float64 // upper, ascending; shared
	classic []float64 // by bound, and one for what is above all
	native  nativeBuckets
	sum     float64
	created int64 // unix nanoseconds
	// exemplars are those of each classic bucket; nil: nothing was counted there.
	exemplars []*exemplarSlot
}

func newHistogram(cfg *Config, bounds []float64, now int64) *histogram {
	return &histogram{
		cfg: cfg, bounds: bounds, classic: make([]float64, len(bounds)+1), exemplars: make([]*exemplarSlot, len(bounds)+1),
		native: nativeBuckets{schema: nativeSchema}, created: now,
	}
}

// observe counts a duration; e is the span, with which it can be shown.
func (h *histogram) observe(seconds, weight float64, e *exemplar) {
	bucket := 0
	for bucket < len(h.bounds) && h.bounds[bucket] < seconds {
		bucket++
	}
	h.classic[bucket] += weight
	if h.cfg.Histograms != Classic {
		h.native.observe(seconds, weight)
	}
	h.sum += seconds * weight
	slot := h.exemplars[bucket]
	if slot == nil {
		slot = new(exemplarSlot)
		h.exemplars[bucket] = slot
	}
	slot.offer(e, seconds, h.cfg.Kept != nil)
}

const (
	// nativeSchema makes bounds grow by 2^(1/8), about 9 %.
	nativeSchema = 3
	// nativeLimit is how many neighbouring buckets a histogram has at most, empty
	// ones among them: 32 powers of two. Past it pairs of neighbours are joined.
	nativeLimit = 256
	// nativeZero is the bound of the bucket of what is about zero, in seconds.
	nativeZero = 1e-9
)

// nativeBuckets are those of Prometheus' native histograms: bucket i has the
// values above 2^((i-1)/2^schema), up to and including 2^(i/2^schema).
type nativeBuckets struct {
	schema int32
	first  int32     // the bucket of counts[0]
	counts []float64 // of neighbouring buckets
	zero   float64
}

func (n *nativeBuckets) observe(value, weight float64) {
	if value <= nativeZero {
		n.zero += weight
		return
	}
	i := nativeBucket(value)
	for schema := int32(nativeSchema); schema > n.schema; schema-- {
		i = joinedBucket(i)
	}
	if uint(i-n.first) >= uint(len(n.counts)) {
		i = n.cover(i)
	}
	n.counts[i-n.first] += weight
}

const (
	mantissaBits = 52
	bucketsOf2   = 1 << nativeSchema // buckets from one power of two to the next
)

// nativeMantissas are the mantissas of the bounds from 1 to 2, without 2.
var nativeMantissas = func() (bounds [bucketsOf2]uint64) {
	for i := range bounds {
		bounds[i] = math.Float64bits(math.Exp2(float64(i)/bucketsOf2)) & (1<<mantissaBits - 1)
	}
	return bounds
}()

// nativeBucket is the bucket of a value by nativeSchema, from its bits: the
// exponent gives the power of two, the mantissa is held against the bounds.
func nativeBucket(value float64) int32 {
	bits := math.Float64bits(value)
	mantissa := bits & (1<<mantissaBits - 1)
	// Bounds lie below where equal steps would: by at most one of eight.
	within := int32(mantissa >> (mantissaBits - nativeSchema))
	for within < bucketsOf2 && nativeMantissas[within] < mantissa {
		within++
	}
	exponent := int32(bits>>mantissaBits) - 1023
	return exponent<<nativeSchema + within
}

// joinedBucket is the bucket that has bucket i after a join: rounded up, as
// bounds belong to the bucket below.
func joinedBucket(i int32) int32 { return (i + 1) >> 1 }

// cover makes room for bucket i, by joining buckets if there would be too many, and returns where it is then.
func (n *nativeBuckets) cover(i int32) int32 {
	if len(n.counts) == 0 {
		n.first, n.counts = i, make([]float64, 1, 8)
		return i
	}
	for {
		first, end := min(n.first, i), max(n.first+int32(len(n.counts)), i+1)
		if end-first > nativeLimit {
			n.join()
			i = joinedBucket(i)
			continue
		}
		n.counts = append(n.counts, make([]float64, int(end-first)-len(n.counts))...)
		if before := int(n.first - first); before > 0 {
			copy(n.counts[before:], n.counts)
			clear(n.counts[:before])
		}
		n.first = first
		return i
	}
}

// join joins pairs of neighbours.
func (n *nativeBuckets) join() {
	first := joinedBucket(n.first)
	last := joinedBucket(n.first + int32(len(n.counts)) - 1)
	joined := make([]float64, last-first+1)
	for at, count := range n.counts {
		joined[joinedBucket(n.first+int32(at))-first] += count
	}
	n.schema--
	n.first, n.counts = first, joined
}

// write encodes the histogram, with the exemplars that may be shown since after a time, in unix nanoseconds.
func (h *histogram) write(after int64) *dto.Histogram {
	out := &dto.Histogram{SampleSum: proto.Float64(h.sum), CreatedTimestamp: timestamp(h.created)}
	total := h.count()
	if h.cfg.Histograms != Classic {
		// Prometheus wants the buckets to add up, in whole numbers too.
		total = h.native.write(out)
	}
	out.SampleCount = proto.Uint64(total)
	if h.cfg.Histograms != Native {
		h.writeClassic(out, total, after)
	}
	if h.cfg.Histograms != Classic {
		for _, slot := range h.exemplars {
			if e := slot.written(after); e != nil {
				out.Exemplars = append(out.Exemplars, e)
			}
		}
		slices.SortFunc(out.Exemplars, func(x, y *dto.Exemplar) int { // or Prometheus leaves some out
			return cmp.Or(cmp.Compare(x.Timestamp.AsTime().UnixMilli(), y.Timestamp.AsTime().UnixMilli()), cmp.Compare(x.GetValue(), y.GetValue()))
		})
	}
	return out
}

// above is the bound of what is above all bounds.
var above = math.Inf(1)

// writeClassic adds the classic buckets: a few large allocations, as there are many histograms.
func (h *histogram) writeClassic(out *dto.Histogram, total uint64, after int64) {
	n := len(h.classic)
	buckets, counts := make([]dto.Bucket, n), make([]uint64, n)
	out.Bucket = make([]*dto.Bucket, n)
	below := 0.0
	for i, count := range h.classic {
		below += count
		b := &buckets[i]
		b.UpperBound, counts[i] = &above, total
		if i < len(h.bounds) {
			b.UpperBound, counts[i] = &h.bounds[i], min(whole(below), total)
		}
		b.CumulativeCount = &counts[i]
		b.Exemplar = h.exemplars[i].written(after)
		out.Bucket[i] = b
	}
}

func (h *histogram) count() uint64 {
	sum := 0.0
	for _, count := range h.classic {
		sum += count
	}
	return whole(sum)
}

// write adds the buckets as spans of neighbours, each count as its difference to the one before, and returns the sum of the counts.
func (n *nativeBuckets) write(out *dto.Histogram) (total uint64) {
	total = whole(n.zero)
	out.Schema = proto.Int32(n.schema)
	out.ZeroThreshold = proto.Float64(nativeZero)
	out.ZeroCount = proto.Uint64(total)
	before, next := int64(0), int32(0)
	for at, exact := range n.counts {
		count, i := whole(exact), n.first+int32(at)
		if count == 0 {
			continue
		}
		if len(out.PositiveSpan) == 0 || i != next {
			out.PositiveSpan = append(out.PositiveSpan, &dto.BucketSpan{Offset: proto.Int32(i - next), Length: proto.Uint32(0)})
		}
		*out.PositiveSpan[len(out.PositiveSpan)-1].Length++
		out.PositiveDelta = append(out.PositiveDelta, int64(count)-before)
		before, next = int64(count), i+1
		total += count
	}
	if len(out.PositiveSpan) == 0 { // which says that the histogram is native all the same
		out.PositiveSpan = []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(0)}}
	}
	return total
}

// whole rounds what weights may have made a fraction.
func whole(n float64) uint64 { return uint64(math.Round(max(n, 0))) }
