package traceql

import (
	"errors"
	"testing"

	"github.com/clewhq/clew/store"
)

// TestSharedMemory: whatever becomes of a query, it gives back what it took; one that finds too little left is
// told to come again.
func TestSharedMemory(t *testing.T) {
	data := randomModel(t, false)
	for size := int64(1 << 10); size <= 1<<30; size *= 4 {
		m := NewMemory(size)
		refused, answered := 0, 0
		for _, text := range []string{
			"{ }", "{ } | by(name) | count() > 0", "{ } | rate() by (name, span.a)", "{ } | quantile_over_time(duration, .5, .9) by (name)",
			"{ } | compare({ status = error })", "({ } | rate()) / ({ } | rate())", "{ } | rate() by (name) | topk(2)",
		} {
			e := &Engine{Store: data, Shared: m}
			var err error
			if q := mustParse(t, text); q.Search != nil {
				_, err = e.Search(t.Context(), store.DefaultTenant, q, SearchOptions{Limit: -1})
			} else {
				_, err = e.Series(t.Context(), store.DefaultTenant, q, SeriesOptions{End: 100e9, Step: 1e9, Exemplars: 5})
			}
			var retry *store.RetryError
			switch {
			case err == nil:
				answered++
			case errors.As(err, &retry) && retry.Overload:
				refused++
			default:
				t.Errorf("%s with %d bytes: %v", text, size, err)
			}
			if left := m.left.Load(); left != size {
				t.Errorf("%s: %d of %d bytes are left behind it", text, left, size)
			}
		}
		if size == 1<<10 && answered > 0 || size == 1<<30 && refused > 0 {
			t.Errorf("with %d bytes %d queries are answered, %d refused", size, answered, refused)
		}
	}
}
