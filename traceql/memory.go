package traceql

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/clewhq/clew/store"
)

// Memory bounds what queries that run at once may take together, in bytes, beside the bound of each. It may
// be used concurrently, by several Engines; nil bounds nothing.
type Memory struct{ left atomic.Int64 }

// NewMemory returns a Memory of so many bytes.
func NewMemory(bytes int64) *Memory {
	m := new(Memory)
	m.left.Store(bytes)
	return m
}

// take takes memory; n may be below 0. It fails with a *store.RetryError, and has taken nothing then.
func (m *Memory) take(n int64) error {
	if m == nil {
		return nil
	}
	if m.left.Add(-n) < 0 && n > 0 {
		m.left.Add(n)
		return &store.RetryError{
			After: time.Second, Overload: true,
			Reason: errors.New("the queries that run now take all the memory that there is for queries: try again, or raise memory.query"),
		}
	}
	return nil
}

// give gives back what was taken.
func (m *Memory) give(n int64) {
	if m != nil {
		m.left.Add(n)
	}
}
