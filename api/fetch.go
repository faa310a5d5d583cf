package api

import (
	"context"
	"fmt"
	"sync"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// readAhead is how many traces a search reads at the same time, and so how
// many it holds in memory.
const readAhead = 4

// traceRef is a trace to read, with a hint where in time it lies.
type traceRef struct {
	id   span.TraceID
	hint store.TimeRange
}

type fetched struct {
	ref   traceRef
	trace *store.Trace
	err   error
}

// fetch reads traces and calls yield for each, in order, until yield returns
// an error. Nothing of it runs on when it returns.
func fetch(ctx context.Context, r store.Reader, tenant string, refs []traceRef, yield func(fetched) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	next := 0
	var ahead []chan fetched // the traces being read, in order
	for {
		for len(ahead) < readAhead && next < len(refs) {
			result := make(chan fetched, 1)
			ref := refs[next]
			running.Go(func() { result <- readTrace(ctx, r, tenant, ref) })
			ahead = append(ahead, result)
			next++
		}
		if len(ahead) == 0 {
			return nil
		}
		result := <-ahead[0]
		ahead = ahead[1:]
		if err := yield(result); err != nil {
			return err
		}
	}
}

func readTrace(ctx context.Context, r store.Reader, tenant string, ref traceRef) (result fetched) {
	result.ref = ref
	defer func() {
		if p := recover(); p != nil { // nobody above recovers in this goroutine
			result.err = fmt.Errorf("panic while reading trace %s: %v", ref.id, p)
		}
	}()
	result.trace, result.err = r.Trace(ctx, tenant, ref.id, ref.hint)
	return result
}
