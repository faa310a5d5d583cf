package traceql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

// matching returns what is left by a query of the spans of a store, as trace:span ids, sorted.
func matching(t *testing.T, m *storetest.Model, text string) []string {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p := &planner{}
	pl, err := p.pipeline(q.Search)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var mu sync.Mutex
	var found []string
	envs := map[int]*env{}
	_, err = m.Scan(context.Background(), store.DefaultTenant, p.chunkQuery(store.TimeRange{}), func(worker int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		e := envs[worker]
		if e == nil {
			e = p.env()
			envs[worker] = e
		}
		e.begin(c)
		rows, err := pl.rows(e)
		if err != nil {
			return err
		}
		for _, run := range c.Traces() {
			for row := rows.Next(run.Lo); row >= 0 && row < run.Hi; row = rows.Next(row + 1) {
				found = append(found, fmt.Sprintf("%x:%x", run.ID[15], c.SpanIDs()[row][7]))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	slices.Sort(found)
	return found
}

// tree makes the spans of a trace of lines such as "1 0 name": id and parent, and a name that has an attribute n.
func tree(trace byte, lines string) []span.Span {
	var list []span.Span
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var id, parent byte
		var name string
		fmt.Sscan(line, &id, &parent, &name)
		s := span.Span{
			TraceID: span.TraceID{15: trace}, SpanID: span.SpanID{7: id}, Parent: span.SpanID{7: parent}, Name: name,
			Start: 1000 + uint64(i), End: 2000 + uint64(10*i),
			Attrs: []span.KeyValue{{Key: "n", Value: span.IntValue(int64(id))}},
		}
		list = append(list, s)
	}
	return list
}

func write(t *testing.T, m *storetest.Model, spans ...span.Span) {
	t.Helper()
	var b span.Batch
	for i := range spans {
		b.Append(&spans[i])
	}
	if err := m.Write(context.Background(), store.DefaultTenant, &b); err != nil {
		t.Fatal(err)
	}
}

func TestPipelines(t *testing.T) {
	m := &storetest.Model{}
	write(t, m, tree(1, `
		1 0 a
		2 1 b
		3 1 b
		4 2 c
		5 4 b`)...)
	write(t, m, tree(2, `
		1 9 a
		2 1 c
		3 9 b`)...)
	for query, want := range map[string]string{
		`{ }`:                                             "1:1 1:2 1:3 1:4 1:5 2:1 2:2 2:3",
		`{ false }`:                                       "",
		`{ name = "a" }`:                                  "1:1 2:1",
		`{ name = "a" } > { name = "b" }`:                 "1:2 1:3",
		`{ name = "a" } >> { name = "b" }`:                "1:2 1:3 1:5",
		`{ name = "c" } << { name = "b" }`:                "1:2",
		`{ name = "c" } < { }`:                            "1:2 2:1",
		`{ name = "a" } ~ { name = "b" }`:                 "2:3",
		`{ } ~ { }`:                                       "1:2 1:3 2:1 2:3",
		`{ } !> { }`:                                      "1:1 2:1 2:3",
		`{ } !< { }`:                                      "1:3 1:5 2:2 2:3",
		`{ name = "c" } &>> { name = "b" }`:               "1:4 1:5",
		`{ name = "a" } && { name = "b" }`:                "1:1 1:2 1:3 1:5 2:1 2:3",
		`{ .n = 5 } && { name = "a" }`:                    "1:1 1:5",
		`{ .n = 5 } || { name = "c" }`:                    "1:4 1:5 2:2",
		`{ nestedSetParent < 0 }`:                         "1:1 2:1 2:3",
		`{ nestedSetLeft = 2 }`:                           "1:2 2:2",
		`{ nestedSetRight > 8 }`:                          "1:1 1:3",
		`{ span:childCount = 2 }`:                         "1:1",
		`{ span:parentID = nil }`:                         "1:1",
		`{ parent.n = 2 }`:                                "1:4",
		`{ parent.n = nil }`:                              "1:1 2:1 2:3",
		`{ .n + 1 = parent.n * 3 }`:                       "1:2 2:2",
		`{ rootName = "a" }`:                              "1:1 1:2 1:3 1:4 1:5",
		`{ rootName =~ "<root.*" }`:                       "2:1 2:2 2:3",
		`{ } | count() > 3`:                               "1:1 1:2 1:3 1:4 1:5",
		`{ } | by(name) | count() > 1`:                    "1:2 1:3 1:5",
		`{ } | by(name) | sum(.n) = 10`:                   "1:2 1:3 1:5",
		`{ } | by(.n % 2) | avg(.n) = 3`:                  "1:1 1:2 1:3 1:4 1:5",
		`({name="a"} | count()) = ({name="c"} | count())`: "1:1 1:4 2:1 2:2",
		`({name="a"} | count()) > ({.n=5} | count())`:     "2:1",
		`{ (.n = 1) = (name = "a") && !(.n = 1) }`:        "1:2 1:3 1:4 1:5 2:2 2:3",
		`{ } | by(.n) | { .n = 1 } > { .n = 2 }`:          "",
		`{ } | by(.n > 2) | { .n = 1 } > { .n = 2 }`:      "1:2 2:2",
	} {
		if got := strings.Join(matching(t, m, query), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

// Both sides of a call may have one id, spans may be their own ancestors, and parents may come later than children.
func TestStructureOfOddTraces(t *testing.T) {
	m := &storetest.Model{}
	shared := tree(1, "1 0 a\n2 1 send\n2 1 receive\n3 2 c\n2 0 other")
	shared[1].Kind, shared[2].Kind = kindClient, kindServer
	write(t, m, shared...)
	write(t, m, tree(2, "1 3 a\n2 1 b\n3 2 c\n4 3 d\n5 5 e")...)
	write(t, m, tree(3, "9 8 late\n8 7 later\n7 0 root\n6 9 leaf")...)
	for query, want := range map[string]string{
		`{ name = "a" } > { }`:                        "1:2 2:2",
		`{ name = "send" } > { }`:                     "1:2",
		`{ name = "receive" } > { }`:                  "1:3",
		`{ name = "other" } > { }`:                    "",
		`{ nestedSetParent < 0 }`:                     "1:1 1:2 2:1 2:5 3:7",
		`{ name = "c" } >> { }`:                       "2:4",
		`{ name = "d" } << { }`:                       "2:1 2:2 2:3",
		`{ name = "e" } &>> { }`:                      "",
		`{ name = "a" || name = "e" } ~ { }`:          "1:2",
		`{ nestedSetLeft = 1 && nestedSetRight = 8 }`: "1:1 2:1 3:7",
		`{ name = "root" } >> { }`:                    "3:6 3:8 3:9",
		`{ name = "leaf" } << { }`:                    "3:7 3:8 3:9",
		`{ parent.n = 8 }`:                            "3:9",
		`{ span:childCount > 0 }`:                     "1:1 1:2 1:2 2:1 2:2 2:3 3:7 3:8 3:9",
	} {
		if got := strings.Join(matching(t, m, query), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestPipelineEndsWithContext(t *testing.T) {
	p := &planner{}
	pl, err := p.pipeline(parsed(t, `{ } >> { } | count() > 0`).Search)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	e := p.env()
	e.ctx = ctx
	e.begin(newBenchChunk())
	if _, err := pl.rows(e); !errors.Is(err, context.Canceled) {
		t.Errorf("rows with a context that ended: %v", err)
	}
}
