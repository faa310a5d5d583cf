package columnar

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// Strings that are new on each span lie in dictionaries of their own, which are
// looked through packed, or by what the expression's matches begin with or contain.
func TestRegexOnStringsThatAreNewEachTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	var spans []span.Span
	texts := map[string][]string{} // by key, of each span
	for i := range 400 {
		s := splitSpan(i, 0)
		uuid := fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64N(1<<48))
		hex, url := fmt.Sprintf("%016x", rng.Uint64()), fmt.Sprintf("/café/%d?id=%d", i%7, i)
		for key, text := range map[string]string{"uuid": uuid, "hex": hex, "url": url} {
			texts[key] = append(texts[key], text)
			s.Attrs = append(s.Attrs, span.KeyValue{Key: key, Value: span.StringValue(text)})
		}
		s.Attrs = append(s.Attrs, span.KeyValue{Key: "list", Value: span.ArrayValue(span.StringValue(hex), span.StringValue(url))})
		spans = append(spans, s)
	}
	texts["list"] = nil // which is compared with the two others
	e := openEngine(t, Options{})
	e.mustWrite(spans...)
	e.mustSettle()
	for key := range texts {
		if !hasLocalPiece(t, e, key) {
			t.Errorf("%s: no strings of their own", key)
		}
	}
	uuid, hex := texts["uuid"][7], texts["hex"][7]
	for _, expr := range []string{
		".*" + uuid[24:], ".*" + uuid[21:29] + ".*", ".*" + uuid[3:10] + ".*", uuid[:7] + ".*", ".*" + uuid[9:12] + ".*", ".*-4.*", ".*[g-z].*", ".*a-[0-9]+.*", "[0-9a-f-]*",
		".*" + hex[8:], ".*" + hex[3:6] + ".*", ".*" + hex[:2] + ".", hex, "[a-f].*[0-9]", "",
		".*/3?.*", ".*é/[1-3].*", "(?i).*É.*1", `.*\?id=1.*`, "/café/.*7", ".*f./.*", `.*\bid\b.*`, ".*",
	} {
		regex, err := store.NewRegex(expr)
		if err != nil {
			t.Fatal(err)
		}
		whole := regexp.MustCompile(`(?s)\A(?:` + expr + `)\z`)
		for key, list := range texts {
			matches := 0
			for i := range spans {
				if key == "list" && (whole.MatchString(texts["hex"][i]) || whole.MatchString(texts["url"][i])) ||
					key != "list" && whole.MatchString(list[i]) {
					matches++
				}
			}
			field := store.Attr(store.SpanScope, key)
			if got := e.count(store.Matches{Field: field, Regex: regex}); got != matches {
				t.Errorf("%s =~ %q: %d spans, want %d", key, expr, got, matches)
			}
			if got := e.count(store.Matches{Field: field, Regex: regex, Not: true}); got != len(spans)-matches {
				t.Errorf("%s !~ %q: %d spans, want %d", key, expr, got, len(spans)-matches)
			}
		}
	}
}

// count returns on how many spans p holds.
func (e *testEngine) count(p store.Predicate) (n int) {
	e.t.Helper()
	var mu sync.Mutex
	_, err := e.Scan(e.t.Context(), testTenant, &store.Query{Where: []store.Predicate{p}}, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		n += c.Where(0).Count()
		return c.Err()
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

// hasLocalPiece reports whether values of a span's attribute lie in a piece with a dictionary of its own.
func hasLocalPiece(t *testing.T, e *testEngine, key string) bool {
	t.Helper()
	s := e.tenants[testTenant].snapshot()
	defer s.release()
	for _, b := range s.blocks {
		d, err := b.directory()
		if err != nil {
			t.Fatal(err)
		}
		for num, k := range d.keys {
			c, err := b.column(uint32(num))
			if err != nil {
				t.Fatal(err)
			}
			if k.Key == key && c != nil && len(c.pieces) > 0 && c.pieces[0].mode == pieceLocal {
				return true
			}
		}
	}
	return false
}
