package traceql

import (
	"context"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// memoryChunk is a chunk that costs nothing to read.
type memoryChunk struct {
	runs    []store.TraceRun
	live    store.Bitmap
	starts  []uint64
	parents []int32
	ids     []span.SpanID
	columns map[store.Field]*store.Column
	fields  []store.Field // attributes
}

type memoryValues []span.Value

func (v *memoryValues) Len() int                  { return len(*v) }
func (v *memoryValues) At(code uint32) span.Value { return (*v)[code] }

func (c *memoryChunk) Len() int                                       { return len(c.starts) }
func (c *memoryChunk) Traces() []store.TraceRun                       { return c.runs }
func (c *memoryChunk) Live() store.Bitmap                             { return c.live }
func (c *memoryChunk) Starts() []uint64                               { return c.starts }
func (c *memoryChunk) Ends() []uint64                                 { return c.starts }
func (c *memoryChunk) SpanIDs() []span.SpanID                         { return c.ids }
func (c *memoryChunk) Parents() []int32                               { return c.parents }
func (c *memoryChunk) Values(store.Field, int, func(span.Value) bool) {}
func (c *memoryChunk) Attributes() []store.Field                      { return c.fields }
func (c *memoryChunk) Err() error                                     { return nil }
func (c *memoryChunk) Bounds() (lo, hi uint64)                        { return c.starts[0], c.starts[len(c.starts)-1] }
func (c *memoryChunk) Column(f store.Field) *store.Column {
	if column := c.columns[f]; column != nil {
		return column
	}
	return &store.Column{}
}

// Where answers for status = error only.
func (c *memoryChunk) Where(int) store.Bitmap {
	rows := store.NewBitmap(c.Len())
	for row, status := range c.columns[store.Of(store.Status)].Nums {
		if status == 2 {
			rows.Set(row)
		}
	}
	return rows
}

// memoryStore is a store that has each of some chunks several times. It has no traces to look up.
type memoryStore struct {
	store.Reader
	chunks []*memoryChunk
	times  int
}

func (s *memoryStore) Scan(_ context.Context, _ string, _ *store.Query, yield func(int, store.Chunk) error) (*store.ScanResult, error) {
	for _, c := range s.chunks {
		for range s.times {
			if err := yield(0, c); err != nil {
				return nil, err
			}
		}
	}
	return &store.ScanResult{}, nil
}

func (s *memoryStore) Trace(context.Context, string, span.TraceID, store.TimeRange) (*store.Trace, error) {
	return nil, store.ErrNotFound
}
