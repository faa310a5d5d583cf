package traceql

import (
	"fmt"
	"time"

	"github.com/clewhq/clew/store"
)

// ParseAttribute parses an attribute or intrinsic on its own, such as span.http.method, .a or name.
func ParseAttribute(text string) (*Attribute, error) {
	tokens := lexAll(text)
	if len(tokens) == 2 { // it and the end
		switch t := tokens[0]; t.kind {
		case tokAttribute:
			return t.attr, nil
		case tokWord:
			if i, ok := intrinsicsByName[t.text]; ok {
				return &Attribute{Scope: store.IntrinsicScope, Intrinsic: i}, nil
			}
		case tokBad:
			return nil, fmt.Errorf("%s", t.problem)
		}
	}
	return nil, fmt.Errorf("%q is neither an attribute such as span.http.method or .http.method nor an intrinsic such as name", text)
}

// ParseDuration parses a duration as queries have it: 1.5s, 1h30m, 1d12h.
func ParseDuration(text string) (time.Duration, error) { return parseDuration(text) }

// Names returns the names of an intrinsic: the one that answers have first.
func (i Intrinsic) Names() []string {
	names := []string{i.String()}
	if i < numIntrinsics {
		if scoped := intrinsicTable[i].scoped; scoped != "" && scoped != names[0] {
			names = append(names, scoped)
		}
	}
	return names
}
