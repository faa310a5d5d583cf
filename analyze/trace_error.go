package analyze

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

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
	type origin struct {
		row int32
		at  uint64
	}
	var origins []origin
	counts := map[failureKind]int{}
	for row, f := range t.Flags {
		if f&ErrorOrigin != 0 {
			kind, at := t.failure(int32(row))
			counts[kind]++
			origins = append(origins, origin{int32(row), at})
		}
	}
	highest := t.highestErrors()
	slices.SortStableFunc(origins, func(a, b origin) int {
		return cmp.Or(cmp.Compare(t.reach(highest[a.row]), t.reach(highest[b.row])), cmp.Compare(a.at, b.at), cmp.Compare(t.Depth[b.row], t.Depth[a.row]))
	})
	seen := map[failureKind]bool{}
	var again []Failure
	for _, o := range origins {
		if len(list) == maxFailures {
			break
		}
		kind, _ := t.failure(o.row)
		f := Failure{Origin: o.row, Time: o.at, Count: counts[kind]}
		switch {
		case !seen[kind]:
			seen[kind] = true
			list = append(list, f)
		case len(again) < maxFailures:
			again = append(again, f)
		}
	}
	list = append(list, again...)
	list = list[:min(len(list), maxFailures)]
	for i := range list {
		t.tell(&list[i], highest[list[i].Origin])
	}
	return list, len(origins)
}

// tell fills in what is told of a failure that came up to a row.
func (t *Trace) tell(f *Failure, highest int32) {
	kind, _ := t.failure(f.Origin)
	f.Service, f.Name, f.Message = shortened(t.Services[kind.service]), shortened(t.Name(f.Origin)), shortened(t.reasonText(kind.reason))
	for row := f.Origin; len(f.Path) < maxErrorPath; row = t.Parent[row] {
		f.Path = append(f.Path, row)
		if row == highest {
			return
		}
	}
}

// maxText is the most bytes that are told of a name or message; spans have the rest.
const maxText = 2000

func shortened(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
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

// failureKind is what failures that are alike have in common.
type failureKind struct {
	service uint32
	name    span.Ref
	reason  reason
}

// reason is why a span failed: first and second are the type and message of an exception; or first is the message of its
// status, or the value of failureCodes[code]. The rest is zero.
type reason struct {
	first, second attrValue
	code          int // -1 if it is none
}

// attrValue is a String or an Int of a batch; of type Empty it is none.
type attrValue struct {
	typ  span.Type
	bits uint64
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

// failure returns of which kind the failure of a row is, and when it happened.
func (t *Trace) failure(row int32) (kind failureKind, at uint64) {
	b, i := t.Spans, int(t.At[row])
	_, at = t.times(row)
	kind = failureKind{t.Service(row), b.Names[i], reason{code: -1}}
	for _, e := range b.EventsOf(i) {
		if !IsException(b, &e) {
			continue
		}
		at = e.Time
		r := reason{findValue(b, e.Attrs, "exception.type"), findValue(b, e.Attrs, "exception.message"), -1}
		if r.first.typ != span.Empty || r.second.typ != span.Empty {
			kind.reason = r
			return kind, at
		}
	}
	if b.Messages[i] != 0 {
		kind.reason.first = attrValue{span.String, uint64(b.Messages[i])}
		return kind, at
	}
	for code, c := range failureCodes {
		if v := findValue(b, b.Attrs[i], c.key); v.typ != span.Empty {
			kind.reason = reason{first: v, code: code}
			break
		}
	}
	return kind, at
}

func (t *Trace) reasonText(r reason) string {
	first, second := t.text(r.first), t.text(r.second)
	switch {
	case r.code >= 0:
		return failureCodes[r.code].prefix + first
	case first != "" && second != "":
		return first + ": " + second
	}
	return first + second
}

func (t *Trace) text(v attrValue) string {
	switch v.typ {
	case span.String:
		return t.Spans.Dict.String(span.Ref(v.bits))
	case span.Int:
		return strconv.FormatInt(int64(v.bits), 10)
	}
	return ""
}

// findValue returns an attribute that is an integer, or a string that is not empty.
func findValue(b *span.Batch, a span.Attrs, key string) attrValue {
	for i, e := range b.Shapes.Entries(a.Shape) {
		if string(b.Dict.Bytes(e.Key)) == key {
			if v := (attrValue{e.Type, b.Values[int(a.First)+i]}); v.typ == span.Int || v.typ == span.String && v.bits != 0 {
				return v
			}
			break
		}
	}
	return attrValue{}
}
