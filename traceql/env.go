package traceql

import (
	"github.com/clewhq/clew/store"
)

// planner collects, while a query is compiled, what the store has to be asked for. What it hands out
// (pipelines, columns) is evaluated on an env of the same planner.
type planner struct {
	needs   []store.Predicate
	where   []store.Predicate
	columns []store.Field
	// traces is set if something needs all spans of a trace together.
	traces bool
}

// chunkQuery returns what the store is asked for.
func (p *planner) chunkQuery(r store.TimeRange) *store.ChunkQuery {
	return &store.ChunkQuery{Range: r, Needs: p.needs, Where: p.where, Columns: p.columns, EachSpan: !p.traces}
}

// pipeline compiles a pipeline. Its needs become the store's if it is the only one of the query.
func (p *planner) pipeline(q *Pipeline) (*pipeline, error) { panic("not there yet") }

// filter compiles a filter on its own, as compare() has one.
func (p *planner) filter(f *Filter) (*filter, error) { panic("not there yet") }

// attribute registers an attribute whose column will be asked for.
func (p *planner) attribute(a *Attribute) { panic("not there yet") }

// env evaluates what a planner compiled on one chunk after the other. It belongs to one worker.
type env struct {
	chunk store.Chunk
}

func (p *planner) env() *env { panic("not there yet") }

// begin turns to the next chunk.
func (e *env) begin(c store.Chunk) { panic("not there yet") }

// column returns the values of an attribute on the rows of the chunk.
func (e *env) column(a *Attribute) *column { panic("not there yet") }

type (
	pipeline struct{}
	filter   struct{}
)

// rows returns the rows that are in some spanset which the pipeline leaves, of all traces of the chunk.
// The caller may change the bitmap.
func (p *pipeline) rows(e *env) (store.Bitmap, error) { panic("not there yet") }

// rows returns the rows on which the filter holds. The caller may change the bitmap.
func (f *filter) rows(e *env) store.Bitmap { panic("not there yet") }

// column has an attribute's values on the rows of a chunk: as numbers, as codes into a dictionary, or,
// if both are nil, none. Of several values on a row (events, links) it has the first.
type column struct {
	typ  Type         // of nums
	nums []uint64     // bits of each row's value
	has  store.Bitmap // rows that have a number; nil means all

	codes []uint32 // for each row its code, or store.NoCode
	dict  statics
}

// statics is a list of values by code, not always distinct. Two that are equal (==) are the same list,
// also for different chunks.
type statics interface {
	Len() int
	At(code uint32) Static
}

// value returns the value of a row; TypeNil if it has none.
func (c *column) value(row int) Static {
	switch {
	case c.nums != nil && (c.has == nil || c.has.Has(row)):
		return Static{Type: c.typ, Num: c.nums[row]}
	case c.codes != nil && c.codes[row] != store.NoCode:
		return c.dict.At(c.codes[row])
	}
	return Static{}
}
