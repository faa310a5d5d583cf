package traceql

import (
	"context"

	"github.com/clewhq/clew/store"
)

// LookOptions says where RowsOf looks and what of it is asked.
type LookOptions struct {
	Range    store.TimeRange // as of store.Query
	Columns  []store.Field
	Progress func(store.Progress)
}

// RowsOf is told of each chunk of a look through the store. It finds the rows of the chunk that are in a spanset of a search's
// answer, by the search's place among those asked for; they are valid until the next chunk, and may be changed. When it fails, what
// was made of the chunk is to be dropped and the error returned.
type RowsOf func(search int) (store.Bitmap, error)

// Look hands out whole traces with the rows that searches leave of them, in chunks as store.Reader.Scan does. Of traces that none of the
// searches is about some may be left out. Errors are as those of Search.
func (e *Engine) Look(ctx context.Context, tenant string, searches []*Query, opts LookOptions, yield func(worker int, c store.Chunk, rows RowsOf) error) (*store.ScanResult, error) {
	plan := &planner{}
	plan.structural()
	var pipelines []*pipeline
	for _, q := range searches {
		if q.Search == nil {
			return nil, newError(q.String(), 0, "a metrics query gives series, not spans")
		}
		compiled, err := plan.pipeline(q.Search)
		if err != nil {
			return nil, err
		}
		pipelines = append(pipelines, compiled)
	}
	for _, f := range opts.Columns {
		plan.field(f)
	}
	ask := plan.chunkQuery(opts.Range)
	ask.Progress = opts.Progress
	envs := make([]*env, workers())
	return e.Store.Scan(ctx, tenant, ask, func(worker int, c store.Chunk) error {
		if envs[worker] == nil {
			envs[worker] = plan.env()
			envs[worker].ctx = ctx
		}
		env := envs[worker]
		env.begin(c)
		err := yield(worker, c, func(search int) (store.Bitmap, error) { return pipelines[search].rows(env) })
		return dropped(c, err)
	})
}

// Mentioned returns the attributes that the filters of a search mention, each once, in order.
func (q *Query) Mentioned() []*Attribute {
	if q.Search == nil {
		return nil
	}
	return mentionedBy(q.Search)
}
