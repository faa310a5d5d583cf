package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// dependency is how often a service called another one.
type dependency struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Calls  uint64 `json:"callCount"`
	Errors uint64 `json:"errorCount,omitempty"`
}

func (z *zipkin) dependencies(w http.ResponseWriter, r *http.Request) error {
	tenant, err := tenantOf(r)
	if err != nil {
		return err
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	if p.Get("endTs") == "" {
		return badRequest("parameter 'endTs' is required")
	}
	within, err := z.parseRange(p)
	if err != nil {
		return err
	}
	list, gaps, err := findDependencies(r.Context(), z.store, tenant, within)
	if err != nil {
		return err
	}
	tellGaps(w, gaps)
	return writeJSON(w, list)
}

// findDependencies counts the calls that spans which start within a time tell
// of, and returns what could not be looked at. The list is sorted.
func findDependencies(ctx context.Context, r store.Reader, tenant string, within store.TimeRange) ([]dependency, []string, error) {
	q := &store.Query{
		Range:   within,
		Columns: append(peerFields(), serviceField, store.Of(store.Kind), store.Of(store.Status)),
	}
	linkers := make([]*linker, callers())
	result, err := r.Scan(ctx, tenant, q, func(worker int, c store.Chunk) error {
		if linkers[worker] == nil {
			linkers[worker] = newLinker(within)
		}
		return linkers[worker].observe(c)
	})
	if err != nil {
		return nil, nil, err
	}
	total := map[[2]string]calls{}
	for _, l := range linkers {
		if l == nil {
			continue
		}
		if l.names.full {
			return nil, nil, errTooManyNames
		}
		for e, n := range l.edges {
			key := [2]string{l.names.name(e.parent), l.names.name(e.child)}
			sum := total[key]
			total[key] = calls{sum.all + n.all, sum.failed + n.failed}
		}
	}
	list := make([]dependency, 0, len(total))
	for key, n := range total {
		list = append(list, dependency{key[0], key[1], n.all, n.failed})
	}
	slices.SortFunc(list, func(a, b dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return list, result.Gaps, nil
}

var serviceField = store.Attr(store.ResourceScope, "service.name")

// linker finds the calls between services in the traces of chunks. It belongs
// to one goroutine.
//
// A call is counted once, at the span of who took it: a server's span tells of
// a call from the service of the nearest span above it that is not internal. A
// client's span counts if none below it tells of the call, and its attributes
// name who was called: a database, or a service that sends no spans. Messages
// are counted to their broker and from it; if its name is not known, from the
// producer to the consumer.
type linker struct {
	within   store.TimeRange
	names    nameList
	services nameColumn
	peers    peerColumns
	edges    map[edge]*calls

	// Of the chunk, by row.
	starts   []uint64
	ids      []span.SpanID
	statuses *store.Column
	rows     []linkerRow
	answered store.Bitmap // clients below which a span tells of their call

	halves map[span.SpanID]halves
	path   []int32
}

// linkerRow is a span.
type linkerRow struct {
	kind      int32  // 0: it tells of no call
	own, peer uint32 // numbers of the names of the span's service, and of whom it names as the other one
	parent    int32
	above     int32 // the nearest row above that tells of a call; noRow, or notLooked
}

// Values of linkerRow.above that are no rows.
const (
	noRow     = -1
	notLooked = -2
)

// edge is a pair of services, by the numbers of their names.
type edge struct{ parent, child uint32 }

type calls struct{ all, failed uint64 }

// halves are the first rows of a trace that sent, and that received, with the
// same span id.
type halves struct{ sender, receiver int32 }

func newLinker(within store.TimeRange) *linker {
	return &linker{
		within: within, services: nameColumn{field: serviceField}, peers: newPeerColumns(),
		edges: map[edge]*calls{}, halves: map[span.SpanID]halves{},
	}
}

func (l *linker) observe(c store.Chunk) error {
	kinds, parents := c.Column(store.Of(store.Kind)), c.Parents()
	l.statuses = c.Column(store.Of(store.Status))
	l.services.begin(c)
	l.peers.begin(c)
	l.starts, l.ids = c.Starts(), c.SpanIDs()
	if c.Err() != nil {
		return nil // it is told as a gap
	}
	l.answered = store.NewBitmap(c.Len())
	l.rows = slices.Grow(l.rows[:0], c.Len())[:c.Len()]
	for _, run := range c.Traces() {
		if !l.within.Overlaps(run.Start, l.starts[run.Hi-1]) {
			continue
		}
		for row := run.Lo; row < run.Hi; row++ {
			l.rows[row] = l.read(row, kindAt(kinds, row), parents[row])
		}
		l.trace(run)
		if len(l.edges) > maxNames {
			return errTooManyNames
		}
	}
	return nil
}

// read makes a row. An internal span that names its peer counts as a client's.
func (l *linker) read(row int, kind, parent int32) linkerRow {
	r := linkerRow{parent: parent, above: notLooked, own: l.services.at(row, &l.names), peer: l.peers.at(row, kind, &l.names)}
	if r.parent == int32(row) {
		r.parent = noRow
	}
	switch {
	case kind == kindServer || sendsOrTakes(kind):
		r.kind = kind
	case r.peer != 0:
		r.kind = kindClient
	}
	return r
}

func (l *linker) trace(run store.TraceRun) {
	l.joinHalves(run)
	for row := run.Lo; row < run.Hi; row++ {
		if l.rows[row].kind != 0 {
			l.findAbove(int32(row))
		}
	}
	for row := run.Lo; row < run.Hi; row++ {
		if !l.answers(row) {
			continue
		}
		for a := int(l.rows[row].above); a >= 0 && a != row && l.rows[a].kind == kindClient && !l.answered.Has(a); a = int(l.rows[a].above) {
			l.answered.Set(a)
		}
	}
	for row := run.Lo; row < run.Hi; row++ {
		if l.within.Contains(l.starts[row]) {
			l.count(row)
		}
	}
}

// answers reports whether a row tells of the call of a client above it.
func (l *linker) answers(row int) bool {
	r := &l.rows[row]
	switch r.kind {
	case kindServer, kindConsumer:
		return true
	case kindClient:
		return r.peer != 0 || r.above >= 0 && r.own != l.rows[r.above].own
	}
	return false
}

// joinHalves deals with spans whose id a client and a server share, as
// Zipkin's instrumentation does it: the server's becomes the child of the
// client's, and the children of both become the server's.
func (l *linker) joinHalves(run store.TraceRun) {
	clear(l.halves)
	for row := run.Lo; row < run.Hi; row++ {
		if k := l.rows[row].kind; k == kindClient || k == kindProducer {
			if _, ok := l.halves[l.ids[row]]; !ok {
				l.halves[l.ids[row]] = halves{int32(row), noRow}
			}
		}
	}
	shared := false
	for row := run.Lo; row < run.Hi; row++ {
		if k := l.rows[row].kind; k == kindServer || k == kindConsumer {
			if h, ok := l.halves[l.ids[row]]; ok {
				shared = true
				l.rows[row].parent = h.sender
				if h.receiver < 0 {
					l.halves[l.ids[row]] = halves{h.sender, int32(row)}
				}
			}
		}
	}
	for row := run.Lo; shared && row < run.Hi; row++ {
		if p := l.rows[row].parent; p >= 0 && l.ids[p] != l.ids[row] {
			if h, ok := l.halves[l.ids[p]]; ok && h.receiver >= 0 {
				l.rows[row].parent = h.receiver
			}
		}
	}
}

// findAbove finds the nearest row above that tells of a call, for a row and
// all between the two.
func (l *linker) findAbove(row int32) {
	l.path = l.path[:0]
	found := int32(noRow)
	for at := row; ; at = l.rows[at].parent {
		r := &l.rows[at]
		if r.above != notLooked {
			found = r.above
			break
		}
		r.above = noRow // where a circle of parents ends
		l.path = append(l.path, at)
		if r.parent < 0 {
			break
		}
		if l.rows[r.parent].kind != 0 {
			found = r.parent
			break
		}
	}
	for _, at := range l.path {
		l.rows[at].above = found
	}
}

// count counts the calls that a row tells of.
func (l *linker) count(row int) {
	r := &l.rows[row]
	var above linkerRow
	if r.above >= 0 {
		above = l.rows[r.above]
	}
	switch r.kind {
	case kindServer:
		failed := l.failed(row)
		if above.kind == kindClient && r.parent == r.above {
			failed = failed || l.failed(int(r.above))
		}
		l.add(cmp.Or(above.own, r.peer), r.own, failed)
	case kindClient:
		if above.own != r.own { // the server's span between them is missing
			l.add(above.own, r.own, false)
		}
		if !l.answered.Has(row) {
			l.add(r.own, r.peer, l.failed(row))
		}
	case kindProducer:
		l.add(r.own, r.peer, l.failed(row))
	case kindConsumer:
		l.add(cmp.Or(r.peer, above.own), r.own, l.failed(row))
	}
}

// add counts a call, unless it is not known from whom or to whom.
func (l *linker) add(parent, child uint32, failed bool) {
	if parent == 0 || child == 0 {
		return
	}
	n := l.edges[edge{parent, child}]
	if n == nil {
		n = &calls{}
		l.edges[edge{parent, child}] = n
	}
	n.all++
	if failed {
		n.failed++
	}
}

func (l *linker) failed(row int) bool {
	v, _ := l.statuses.Value(row)
	return v.Int() == statusError
}
