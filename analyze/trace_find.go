package analyze

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

// Find returns the rows of spans that text asks for: TraceQL, plain conditions such as duration > 1s, or free
// text, of which each word has to be in the span somewhere (its names, id, message, and keys and values of all its
// attributes) in any case, and a word behind - nowhere. Words in quotes are one; OR parts alternatives.
func (t *Trace) Find(ctx context.Context, text string) ([]int32, error) {
	if words, free := freeWords(text); free {
		return t.findWords(ctx, words)
	}
	q, err := traceql.ParseAny(text)
	if err != nil {
		return nil, err
	}
	ask, err := traceql.NewRowQuery(q)
	if err != nil {
		return nil, err
	}
	matches, _, err := ask.Run(ctx, t.chunk(ask.Where()))
	if err != nil {
		return nil, err
	}
	var rows []int32
	for row, at := range t.At {
		if matches.Has(int(at)) {
			rows = append(rows, int32(row))
		}
	}
	return rows, nil
}

// word is a word of free text.
type word struct {
	text    string // in lower case
	exclude bool
}

// freeWords returns the alternatives that free text has, each a list of words; ok is false if the text is
// TraceQL or has conditions.
func freeWords(text string) (alternatives [][]word, ok bool) {
	rest := strings.TrimSpace(text)
	if rest == "" || strings.ContainsAny(rest[:1], "{(") {
		return nil, false
	}
	alternatives = [][]word{nil}
	for ; rest != ""; rest = strings.TrimSpace(rest) {
		var w word
		if len(rest) > 1 && rest[0] == '-' {
			w.exclude, rest = true, rest[1:]
		}
		if quoted, err := strconv.QuotedPrefix(rest); err == nil && rest[0] == '"' {
			rest = rest[len(quoted):]
			w.text, _ = strconv.Unquote(quoted)
		} else {
			end := strings.IndexAny(rest, " \t\n\r")
			if end < 0 {
				end = len(rest)
			}
			w.text, rest = rest[:end], rest[end:]
			switch {
			case w.text == "OR" && !w.exclude:
				alternatives = append(alternatives, nil)
				continue
			case strings.ContainsAny(w.text, "=<>"):
				return nil, false
			}
		}
		w.text = strings.ToLower(w.text)
		last := len(alternatives) - 1
		alternatives[last] = append(alternatives[last], w)
	}
	return alternatives, true
}

// checkEvery is after how many rows it is looked whether anybody waits for an answer.
const checkEvery = 1 << 12

func (t *Trace) findWords(ctx context.Context, alternatives [][]word) ([]int32, error) {
	finders := make([][]*wordFinder, len(alternatives))
	for i, words := range alternatives {
		for _, w := range words {
			finders[i] = append(finders[i], newWordFinder(t.Spans, w))
		}
	}
	var rows []int32
	for row, at := range t.At {
		if row%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if slices.ContainsFunc(finders, func(all []*wordFinder) bool {
			return len(all) > 0 && !slices.ContainsFunc(all, func(f *wordFinder) bool { return f.in(int(at)) == f.exclude })
		}) {
			rows = append(rows, int32(row))
		}
	}
	return rows, nil
}

// wordFinder looks for a word in the spans of a batch. What it has found out about strings and lists that
// spans share it keeps.
type wordFinder struct {
	word
	b         *span.Batch
	strings   []verdict // by Ref
	shapes    []verdict // of the keys alone
	resources []verdict
	scopes    []verdict
}

type verdict uint8

const (
	unknown verdict = iota
	absent
	present
)

func newWordFinder(b *span.Batch, w word) *wordFinder {
	return &wordFinder{
		word: w, b: b, strings: make([]verdict, max(1, b.Dict.Len())), shapes: make([]verdict, b.Shapes.Len()),
		resources: make([]verdict, len(b.Resources)), scopes: make([]verdict, len(b.Scopes)),
	}
}

// known returns what is kept, or finds it out.
func known(kept *verdict, find func() bool) bool {
	if *kept == unknown {
		*kept = absent
		if find() {
			*kept = present
		}
	}
	return *kept == present
}

func (f *wordFinder) in(at int) bool {
	b := f.b
	if f.inRef(b.Names[at]) || f.inRef(b.Messages[at]) || f.inAttrs(b.Attrs[at]) || f.text == b.SpanIDs[at].String() {
		return true
	}
	if r := b.Resource[at]; known(&f.resources[r], func() bool { return f.inAttrs(b.Resources[r].Attrs) }) {
		return true
	}
	if s := b.Scope[at]; known(&f.scopes[s], func() bool { return f.inRef(b.Scopes[s].Name) || f.inAttrs(b.Scopes[s].Attrs) }) {
		return true
	}
	return slices.ContainsFunc(b.EventsOf(at), func(e span.Event) bool { return f.inRef(e.Name) || f.inAttrs(e.Attrs) }) ||
		slices.ContainsFunc(b.LinksOf(at), func(l span.Link) bool { return f.inAttrs(l.Attrs) })
}

func (f *wordFinder) inRef(r span.Ref) bool {
	return known(&f.strings[r], func() bool { return strings.Contains(strings.ToLower(f.b.Dict.String(r)), f.text) })
}

func (f *wordFinder) inAttrs(a span.Attrs) bool {
	entries := f.b.Shapes.Entries(a.Shape)
	if known(&f.shapes[a.Shape], func() bool {
		return slices.ContainsFunc(entries, func(e span.Entry) bool { return f.inRef(e.Key) })
	}) {
		return true
	}
	for i, e := range entries {
		bits := f.b.Values[int(a.First)+i]
		switch e.Type {
		case span.Bool:
			if strings.Contains(strconv.FormatBool(bits != 0), f.text) {
				return true
			}
		case span.Int:
			if strings.Contains(strconv.FormatInt(int64(bits), 10), f.text) {
				return true
			}
		case span.Float:
			if strings.Contains(strconv.FormatFloat(f.b.Value(e.Type, bits).Float(), 'g', -1, 64), f.text) {
				return true
			}
		case span.Empty:
		default:
			if f.inRef(span.Ref(bits)) {
				return true
			}
		}
	}
	return false
}
