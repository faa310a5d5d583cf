package sample

import (
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// viewer finds what tells traces of a chunk apart. It belongs to one worker.
type viewer struct {
	chunk   store.Chunk
	columns map[store.Field]*hashedColumn
	parents []int32

	summaries []store.Summary // of the chunk; nil: not asked for yet
	numbers   []uint64
	lengths   map[store.Field]*lengthColumn
}

// begin turns to the next chunk.
func (v *viewer) begin(c store.Chunk) {
	v.chunk, v.parents, v.summaries = c, nil, nil
	if v.columns == nil {
		v.columns = map[store.Field]*hashedColumn{}
		v.lengths = map[store.Field]*lengthColumn{}
	}
	for _, h := range v.columns {
		h.column = nil
	}
}

// hashedColumn has a number for the value of each row.
type hashedColumn struct {
	column *store.Column
	dict   store.Values
	byCode []uint64 // 0 is not known yet
}

// hashes returns the values of a field as numbers.
func (v *viewer) hashes(f store.Field) *hashedColumn {
	h := v.columns[f]
	if h == nil {
		h = &hashedColumn{}
		v.columns[f] = h
	}
	if h.column == nil {
		h.column = v.chunk.Column(f)
		if c := h.column; c.Codes != nil && (h.dict != c.Dict || len(h.byCode) != c.Dict.Len()) {
			h.dict = c.Dict
			h.byCode = sized(h.byCode, c.Dict.Len())
			clear(h.byCode)
		}
	}
	return h
}

// at returns the number of a row's value; 1 is that of none.
func (h *hashedColumn) at(row int) uint64 {
	c := h.column
	switch {
	case c.Codes == nil:
		if value, ok := c.Value(row); ok {
			return hashOf(value) | 2
		}
		return 1
	case c.Codes[row] == store.NoCode:
		return 1
	}
	code := c.Codes[row]
	if h.byCode[code] == 0 {
		h.byCode[code] = hashOf(c.Dict.At(code)) | 2
	}
	return h.byCode[code]
}

func (v *viewer) parentsOf() []int32 {
	if v.parents == nil {
		v.parents = v.chunk.Parents()
	}
	return v.parents
}

// root returns the row of the first span without a parent, or else of the first span.
func (v *viewer) root(run store.TraceRun) int {
	parents := v.parentsOf()
	for row := run.Lo; row < run.Hi; row++ {
		if parents[row] == store.NoParent {
			return row
		}
	}
	return run.Lo
}

// shape returns a number that tells the set of paths from the root to each span, as store.Pattern has it.
func (v *viewer) shape(run store.TraceRun) uint64 {
	if v.summaries == nil {
		v.summaries = store.Summaries(v.chunk)
	}
	i, _ := slices.BinarySearchFunc(v.chunk.Traces(), run.Lo, func(r store.TraceRun, lo int) int { return r.Lo - lo })
	return v.summaries[i].Shape
}

// lengthColumn has the bytes of the values of a dictionary.
type lengthColumn struct {
	dict   store.Values
	byCode []uint32 // length plus 1; 0 is not known yet
}

// What a span takes in OTLP, about: ids, times, kind, status and its part of what surrounds it; and
// an attribute besides its key and value.
const (
	bytesOfSpan      = 75
	bytesOfAttribute = 8
	bytesOfNumber    = 8
)

// sizes returns about how many bytes each row takes in OTLP: what all spans have, its name, and the keys and values of its attributes,
// of several values of a key the first. What many spans share, as their resource, is left out.
func (v *viewer) sizes(memory []uint64) []uint64 {
	sizes := sized(memory, v.chunk.Len())
	for i := range sizes {
		sizes[i] = bytesOfSpan
	}
	v.addSizes(sizes, fieldName, 0)
	for _, f := range v.chunk.Attributes() {
		if f.Scope != store.ResourceScope && f.Scope != store.InstrumentationScope {
			v.addSizes(sizes, f, uint64(len(f.Key))+bytesOfAttribute)
		}
	}
	return sizes
}

func (v *viewer) addSizes(sizes []uint64, f store.Field, each uint64) {
	c := v.chunk.Column(f)
	if c.Codes == nil {
		for row := range sizes {
			if c.Nums != nil && (c.Has == nil || c.Has.Has(row)) {
				sizes[row] += each + bytesOfNumber
			}
		}
		return
	}
	l := v.lengths[f]
	if l == nil {
		l = &lengthColumn{}
		if len(v.lengths) < maxLengthColumns {
			v.lengths[f] = l
		}
	}
	if l.dict != c.Dict || len(l.byCode) != c.Dict.Len() {
		l.dict = c.Dict
		l.byCode = sized(l.byCode, c.Dict.Len())
		clear(l.byCode)
	}
	for row, code := range c.Codes[:len(sizes)] {
		if int(code) >= len(l.byCode) { // none, or of no trace
			continue
		}
		if l.byCode[code] == 0 {
			l.byCode[code] = uint32(lengthOf(c.Dict.At(code))) + 1
		}
		sizes[row] += each + uint64(l.byCode[code]-1)
	}
}

// maxLengthColumns bounds how many attributes' lengths are remembered from chunk to chunk.
const maxLengthColumns = 200

func lengthOf(v span.Value) int {
	if v.Type.InDict() {
		return len(v.Str)
	}
	return bytesOfNumber
}
