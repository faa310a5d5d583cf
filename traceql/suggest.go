package traceql

import (
	"fmt"
	"slices"
	"strings"
)

// aliases has what people call things elsewhere.
var aliases = map[string]string{
	"and": "&&", "or": "||", "not": "!", "null": "nil", "none": "nil", "is": "=", "like": "=~", "contains": "=~",
	"matches": "=~", "service": "resource.service.name", "operation": "name", "servicename": "resource.service.name",
	"spanid": "span:id", "traceid": "trace:id", "parentid": "span:parentID", "mean": "avg", "average": "avg",
	"p99": "quantile_over_time", "percentile_over_time": "quantile_over_time", "groupby": "by", "limit": "topk",
	"starttime": "span:start", "minint": "minInt", "maxint": "maxInt",
}

// habit returns what the language has for a word that means something elsewhere, or "".
func habit(t *token) string {
	if t.kind != tokWord {
		return ""
	}
	return aliases[strings.ToLower(t.text)]
}

// didYouMean returns `: did you mean "x"?` for the candidate that is like the word, or what else to do.
func didYouMean(word string, candidates []string, otherwise string) string {
	if s := nearest(word, candidates); s != "" {
		return fmt.Sprintf(": did you mean %q?", s)
	}
	return otherwise
}

// nearest returns the candidate that is most like the word, or that it abbreviates or extends; "" if none is.
func nearest(word string, candidates []string) string {
	lower := strings.ToLower(word)
	best, bestDistance := "", 1+min(3, (len(word)+1)/3)
	for _, c := range candidates {
		c := strings.ToLower(c)
		distance := editDistance(lower, c)
		if len(c) >= 4 && len(lower) >= 4 && (strings.HasPrefix(c, lower) || strings.HasPrefix(lower, c)) {
			distance = min(distance, 2)
		}
		if distance < bestDistance {
			best, bestDistance = c, distance
		}
	}
	if best == "" {
		return aliases[lower]
	}
	return candidates[slices.IndexFunc(candidates, func(c string) bool { return strings.ToLower(c) == best })]
}

// editDistance counts the bytes to insert, delete, replace, or swap with their neighbour, to make b of a.
// It is at least 9 if one of them is longer than any word of the language.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return 9
	}
	var before, last, row [longest + 1]int
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// sortedKeys returns the keys of a map in order, so that suggestions do not change from run to run.
func sortedKeys[V any](maps ...map[string]V) (keys []string) {
	for _, m := range maps {
		for k := range m {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// unknownScope says what to do about scope.name.
func unknownScope(scope, name string) string {
	if scope == "trace" {
		return "a trace has no attributes, only intrinsics: " + strings.Join(scopedIntrinsics("trace"), ", ")
	}
	known := append(sortedKeys(scopes), "parent")
	similar := nearest(scope, known)
	if !slices.Contains(known, similar) {
		unscoped := Attribute{Name: scope + "." + name}
		similar = brief(unscoped.String())
	}
	return fmt.Sprintf("unknown scope %q: did you mean %q?", brief(scope), similar)
}

func scopedIntrinsics(scope string) (names []string) {
	for _, name := range sortedKeys(intrinsicsByName) {
		if strings.HasPrefix(name, scope+":") {
			names = append(names, name)
		}
	}
	return names
}

// unknownWord says what to do about a word where a value is expected, in a filter.
func unknownWord(word string) string {
	word = brief(word)
	scope, _, scoped := strings.Cut(word, ":")
	switch {
	case scoped && len(scopedIntrinsics(scope)) == 0:
		return fmt.Sprintf("unknown scope %q%s", scope, didYouMean(scope, append(sortedKeys(scopes), "trace"), ""))
	case scoped:
		names := scopedIntrinsics(scope)
		bare := make([]string, len(names))
		for i, name := range names {
			bare[i] = name[len(scope)+1:]
		}
		if i := slices.Index(bare, nearest(word[len(scope)+1:], bare)); i >= 0 {
			return fmt.Sprintf("unknown intrinsic %q: did you mean %q?", word, names[i])
		}
		return fmt.Sprintf("unknown intrinsic %q: there are %s", word, strings.Join(names, ", "))
	case word == "parent":
		return `the parent itself has no value: for its id use span:parentID, for its attributes parent.name, parent.span.name and so on`
	case scopes[word] != 0 || word == "trace":
		return fmt.Sprintf("expected a name directly behind %q: an attribute (%s.name) or an intrinsic (%s)",
			word, word, strings.Join(scopedIntrinsics(word), ", "))
	}
	candidates := append(sortedKeys(intrinsicsByName), sortedKeys(literals)...)
	return fmt.Sprintf("unknown intrinsic %q%s", word, didYouMean(word, candidates,
		fmt.Sprintf(": for an attribute write .%s or span.%s, for text %q", word, word, word)))
}
