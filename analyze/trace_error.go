package analyze

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/clewhq/clew/span"
)

// Failure is where an error began: a span that failed and has nothing below it that did.
type Failure struct {
	Origin int32
	// Path has the rows from the origin up to the highest of those above it that failed too; those between
	// which did not fail are in it.
	Path    []int32
	Service string
	Name    string
	Message string // "" if the span does not say
	Time    uint64 // unix nanoseconds: of the exception, else the end of the span
	// Count is how many failures of the trace have the same service, name and message.
	Count int
}

const (
	// maxFailures is the most failures that are told of one by one.
	maxFailures = 100
	// maxErrorPath is the most rows of a Failure's Path.
	maxErrorPath = 1000
)

// markErrors sets ErrorOrigin and ErrorWay.
func (t *Trace) markErrors() {
	below := make([]bool, t.Len()) // something below failed
	for row := int32(t.Len()) - 1; row >= 0; row-- {
		failed := t.Failed(row)
		switch {
		case failed && below[row]:
			t.Flags[row] |= ErrorWay
		case failed:
			t.Flags[row] |= ErrorOrigin
		}
		if up := t.Parent[row]; up != NoRow && (failed || below[row]) {
			below[up] = true
		}
	}
}

// Failures returns where errors began and how many such places there are; of very many the list has the
// first. One of each kind comes before others of the same kind; else those come first that reached
// highest, then the earliest, then the deepest.
func (t *Trace) Failures() (list []Failure, total int) {
	type kind struct {
		service, name uint32
		message       string
	}
	counts, kinds := map[kind]int{}, []kind{}
	for row, f := range t.Flags {
		if f&ErrorOrigin == 0 {
			continue
		}
		message, at := t.failure(int32(row))
		k := kind{t.Service(int32(row)), t.Spans.Names[t.At[row]], message}
		counts[k]++
		kinds = append(kinds, k)
		list = append(list, Failure{Origin: int32(row), Message: message, Time: at})
	}
	total = len(list)
	highest := t.highestErrors()
	place := make([]int, total)
	for i := range place {
		place[i] = i
	}
	slices.SortStableFunc(place, func(i, j int) int {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(t.reach(highest[a.Origin]), t.reach(highest[b.Origin])),
			cmp.Compare(a.Time, b.Time), cmp.Compare(t.Depth[b.Origin], t.Depth[a.Origin]))
	})
	seen := map[kind]bool{}
	var first, again []Failure
	for _, i := range place {
		f := list[i]
		f.Count = counts[kinds[i]]
		if seen[kinds[i]] {
			again = append(again, f)
		} else {
			first = append(first, f)
		}
		seen[kinds[i]] = true
	}
	list = append(first, again...)
	list = list[:min(len(list), maxFailures)]
	for i := range list {
		f := &list[i]
		f.Service, f.Name = t.Services[t.Service(f.Origin)], t.Name(f.Origin)
		for row := f.Origin; len(f.Path) < maxErrorPath; row = t.Parent[row] {
			f.Path = append(f.Path, row)
			if row == highest[f.Origin] {
				break
			}
		}
	}
	return list, total
}

// reach returns how far an error came whose highest row this is; less is further: 0 is a root that is no orphan.
func (t *Trace) reach(highest int32) int32 {
	if t.Depth[highest] == 0 && t.Flags[highest]&Orphan == 0 {
		return 0
	}
	return 1 + t.Depth[highest]
}

// highestErrors returns for each row the highest of itself and the rows above it that failed; itself if none did.
func (t *Trace) highestErrors() []int32 {
	highest := make([]int32, t.Len())
	for row := range highest {
		highest[row] = int32(row)
		if up := t.Parent[row]; up != NoRow && (highest[up] != up || t.Failed(up)) {
			highest[row] = highest[up]
		}
	}
	return highest
}

// failure returns what a failed row says about why, and when it failed.
func (t *Trace) failure(row int32) (message string, at uint64) {
	b, i := t.Spans, int(t.At[row])
	_, at = t.times(row)
	for _, e := range b.EventsOf(i) {
		if IsException(b, &e) {
			at = e.Time
			if message = exceptionText(b, e.Attrs); message != "" {
				return message, at
			}
		}
	}
	if text := b.Dict.String(b.Messages[i]); text != "" {
		return text, at
	}
	return codeText(b, b.Attrs[i]), at
}

func exceptionText(b *span.Batch, a span.Attrs) string {
	kind, text := textOf(b, a, "exception.type"), textOf(b, a, "exception.message")
	if kind == "" || text == "" {
		return kind + text
	}
	return kind + ": " + text
}

// failureCodes are attributes that tell why a span failed where nothing else does, and what is written before their values.
var failureCodes = []struct{ key, prefix string }{
	{"error.message", ""},
	{"error", ""},
	{"error.type", ""},
	{"http.response.status_code", "HTTP "},
	{"http.status_code", "HTTP "},
	{"rpc.response.status_code", ""},
	{"rpc.grpc.status_code", "gRPC status "},
	{"db.response.status_code", "database status "},
}

func codeText(b *span.Batch, a span.Attrs) string {
	for _, c := range failureCodes {
		if text := textOf(b, a, c.key); text != "" {
			return c.prefix + text
		}
	}
	return ""
}

// textOf returns an attribute that is a string or an integer.
func textOf(b *span.Batch, a span.Attrs, key string) string {
	switch v, _ := b.Attr(a, key); v.Type {
	case span.String:
		return v.Str
	case span.Int:
		return strconv.FormatInt(v.Int(), 10)
	}
	return ""
}
