package storetest

import (
	"fmt"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

func TestModelScan(t *testing.T) {
	m := smallModel(t)
	kind := store.Of(store.Kind)
	client := store.Compare{Field: kind, Op: store.Equal, Value: number(3)}
	server := store.Compare{Field: kind, Op: store.Equal, Value: number(2)}
	newer := store.MakeCursor(15*second, span.TraceID{15: 2})
	for _, c := range []struct {
		q    store.Query
		want string
		next store.Cursor
	}{
		{store.Query{}, "2@15: 2@15 1@20; 1@10: 1@10;", ""},
		{store.Query{Where: client}, "2@15: 2@15;", ""},
		{store.Query{Where: client, Whole: true}, "2@15: 2@15 1@20-;", ""},
		{store.Query{Where: server}, "2@15: 1@20; 1@10: 1@10;", ""}, // starts with the whole trace
		{store.Query{Where: server, Columns: []store.Field{kind}}, "2@15: 1@20[2]; 1@10: 1@10[2];", ""},
		{store.Query{Where: server, Limit: 1}, "2@15: 1@20;", newer},
		{store.Query{Where: server, Limit: 2}, "2@15: 1@20; 1@10: 1@10;", ""},
		{store.Query{Where: client, Limit: 1}, "2@15: 2@15;", ""},
		{store.Query{After: newer}, "1@10: 1@10;", ""},
		{store.Query{After: store.MakeCursor(15*second, span.TraceID{15: 3})}, "2@15: 2@15 1@20; 1@10: 1@10;", ""},
		{store.Query{After: store.MakeCursor(0, span.TraceID{})}, "", ""},
		{store.Query{Range: store.TimeRange{Start: 20 * second}}, "2@15: 1@20;", ""},
		{store.Query{Range: store.TimeRange{Start: 20 * second}, Whole: true}, "2@15: 2@15- 1@20;", ""},
		{store.Query{Range: store.TimeRange{End: 15 * second}}, "1@10: 1@10;", ""},
		{store.Query{Where: store.Or{}}, "", ""},
	} {
		got := ""
		result, err := m.Scan(t.Context(), tenant, &c.q, func(m *store.Match) bool {
			got += fmt.Sprintf("%d@%d:", m.TraceID[15], m.Start/second)
			for _, row := range m.Spans {
				got += fmt.Sprintf(" %d@%d", row.SpanID[7], row.Start/second)
				for _, values := range row.Values {
					got += formatValues(values)
				}
				if !row.Matched {
					got += "-"
				}
			}
			got += "; "
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 {
			got = got[:len(got)-1]
		}
		if got != c.want || result.Next != c.next {
			t.Errorf("Scan(%s)\n  = %s next %q\nwant %s next %q", formatQuery(&c.q), got, result.Next, c.want, c.next)
		}
	}
}
