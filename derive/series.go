package derive

import (
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/clewhq/clew/span"
)

// histogram counts durations in seconds, by weight, in classic and in native buckets.
type histogram struct {
	bounds  []float64 // upper, ascending; shared
	classic []float64 // by bound, and one for what is above all
	native  nativeBuckets
	sum     float64
	count   float64
	// exemplars are the newest of each classic bucket.
	exemplars []exemplar
}

// exemplar is a span that stands for others in its bucket.
type exemplar struct {
	trace span.TraceID
	span  span.SpanID
	value float64
	at    uint64 // unix nanoseconds; 0: there is none
}

func newHistogram(bounds []float64) *histogram {
	return &histogram{
		bounds: bounds, classic: make([]float64, len(bounds)+1), exemplars: make([]exemplar, len(bounds)+1),
		native: nativeBuckets{schema: nativeSchema, counts: map[int32]float64{}},
	}
}

func (h *histogram) observe(seconds, weight float64, e exemplar) {
	bucket, _ := slices.BinarySearch(h.bounds, seconds)
	h.classic[bucket] += weight
	h.native.observe(seconds, weight)
	h.sum += seconds * weight
	h.count += weight
	e.value = seconds
	h.exemplars[bucket] = e
}

const (
	// nativeSchema makes bounds grow by 2^(1/8), about 9 %.
	nativeSchema = 3
	// nativeLimit is how many buckets a histogram has at most; past it neighbours are joined.
	nativeLimit = 160
	// nativeZero is the bound of the bucket of what is about zero, in seconds.
	nativeZero = 1e-9
)

// nativeBuckets are those of Prometheus' native histograms: bucket i has the
// values above 2^((i-1)/2^schema), up to and including 2^(i/2^schema).
type nativeBuckets struct {
	schema int32
	counts map[int32]float64
	zero   float64
}

func (n *nativeBuckets) observe(value, weight float64) {
	if value <= nativeZero {
		n.zero += weight
		return
	}
	n.counts[int32(math.Ceil(math.Ldexp(math.Log2(value), int(n.schema))))] += weight
	if len(n.counts) > nativeLimit {
		n.coarsen()
	}
}

// coarsen joins pairs of neighbours.
func (n *nativeBuckets) coarsen() {
	joined := make(map[int32]float64, len(n.counts)/2+1)
	for i, count := range n.counts {
		joined[(i+1)>>1] += count // rounded up, as bounds belong to the bucket below
	}
	n.schema--
	n.counts = joined
}

// write encodes the histogram. kept says of which traces exemplars may be shown.
func (h *histogram) write(form Histograms, kept func(span.TraceID) bool) *dto.Histogram {
	out := &dto.Histogram{SampleCount: proto.Uint64(whole(h.count)), SampleSum: proto.Float64(h.sum)}
	if form != Native {
		below := 0.0
		for i, count := range h.classic {
			below += count
			bound := math.Inf(1)
			if i < len(h.bounds) {
				bound = h.bounds[i]
			}
			out.Bucket = append(out.Bucket, &dto.Bucket{
				CumulativeCount: proto.Uint64(whole(below)), UpperBound: proto.Float64(bound), Exemplar: h.exemplars[i].write(kept),
			})
		}
	}
	if form != Classic {
		h.native.write(out)
		for _, e := range h.exemplars {
			if shown := e.write(kept); shown != nil {
				out.Exemplars = append(out.Exemplars, shown)
			}
		}
	}
	return out
}

// write adds the buckets as spans of neighbours, each count as its difference to the one before.
func (n *nativeBuckets) write(out *dto.Histogram) {
	out.Schema = proto.Int32(n.schema)
	out.ZeroThreshold = proto.Float64(nativeZero)
	out.ZeroCount = proto.Uint64(whole(n.zero))
	indexes := make([]int32, 0, len(n.counts))
	for i := range n.counts {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	var before int64
	next := int32(0)
	for at, i := range indexes {
		if at == 0 || i != next {
			out.PositiveSpan = append(out.PositiveSpan, &dto.BucketSpan{Offset: proto.Int32(i - next), Length: proto.Uint32(0)})
		}
		last := out.PositiveSpan[len(out.PositiveSpan)-1]
		*last.Length++
		count := int64(whole(n.counts[i]))
		out.PositiveDelta = append(out.PositiveDelta, count-before)
		before, next = count, i+1
	}
	if len(indexes) == 0 { // which says that the histogram is native all the same
		out.PositiveSpan = []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(0)}}
	}
}

func (e *exemplar) write(kept func(span.TraceID) bool) *dto.Exemplar {
	if e.at == 0 || !kept(e.trace) {
		return nil
	}
	return &dto.Exemplar{
		Label: []*dto.LabelPair{label("traceID", e.trace.String())}, Value: proto.Float64(e.value),
		Timestamp: timestamppb.New(time.Unix(0, int64(e.at))),
	}
}

func label(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: proto.String(name), Value: proto.String(value)}
}

// whole rounds what weights may have made a fraction.
func whole(n float64) uint64 { return uint64(math.Round(max(n, 0))) }

// labels are pairs of names and values, sorted by name when they are written.
type labels []*dto.LabelPair

func (l labels) sorted() labels {
	slices.SortFunc(l, func(x, y *dto.LabelPair) int { return strings.Compare(x.GetName(), y.GetName()) })
	return l
}
