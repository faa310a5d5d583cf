package api

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/clewhq/clew/span"
)

// TestDescribedValues asks each operation for values at, and beyond, the limits that the description has for each of
// its parameters, in a request that is right but for that.
func TestDescribedValues(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	for path, item := range described().doc.Paths.Map() {
		for method, op := range item.Operations() {
			right, err := url.Parse(describedURL(t, path, op))
			if err != nil {
				t.Fatal(err)
			}
			// wrong returns the error of a request with some other values, and "" if it does not mention the first of them.
			wrong := func(params ...string) string {
				query := right.Query()
				for i := 0; i < len(params); i += 2 {
					query.Set(params[i], params[i+1])
				}
				w := serve(t, h, httptest.NewRequest(method, right.EscapedPath()+"?"+query.Encode(), nil))
				var got struct{ Error ErrorBody }
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
					t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
				}
				if w.Code != 400 || !strings.Contains(got.Error.Message, params[0]) {
					return ""
				}
				return got.Error.Message
			}
			for _, p := range op.Parameters {
				if p.Value.In != openapi3.ParameterInQuery {
					continue
				}
				for value, want := range wrongValues(p.Value) {
					if got := wrong(p.Value.Name, value); got != want {
						t.Errorf("%s %s?%s=%s: %q\nwant %q", method, path, p.Value.Name, value, got, want)
					}
				}
			}
			if op.Parameters.GetByInAndName(openapi3.ParameterInQuery, "end") != nil {
				if got := wrong("start", "2", "end", "2"); got != "invalid parameter: start must be before end" {
					t.Errorf("%s %s: %q for an empty range", method, path, got)
				}
			}
			if op.Parameters.GetByInAndName(openapi3.ParameterInHeader, span.TenantHeader) != nil {
				r := httptest.NewRequest(method, right.String(), nil)
				r.Header.Set(span.TenantHeader, "a/b")
				if w := serve(t, h, r); w.Code != 400 || !strings.Contains(w.Body.String(), span.TenantHeader) {
					t.Errorf("%s %s as tenant a/b: status %d: %s", method, path, w.Code, w.Body)
				}
			}
		}
	}
}

// wrongValues returns values with the error that each leads to, "" if the value is at a limit.
func wrongValues(p *openapi3.Parameter) map[string]string {
	name, schema := p.Name, p.Schema.Value
	unreadable := func(value, why string) string {
		return fmt.Sprintf("unable to parse param '%s': %q %s", name, value, why)
	}
	switch {
	case slices.Contains([]string{"start", "end", "selectionStart", "selectionEnd"}, name):
		const why = "is neither a time since 1970 as in 2026-01-31T12:00:00Z nor a number of nanoseconds"
		return map[string]string{"now": unreadable("now", why), "1969-12-31T00:00:00Z": unreadable("1969-12-31T00:00:00Z", why),
			"-1": unreadable("-1", why), "18446744073709551616": unreadable("18446744073709551616", why)}
	case name == "durationNanos":
		const why = "is not a number of nanoseconds"
		return map[string]string{"1ms": unreadable("1ms", why), "1.5": unreadable("1.5", why), "-1": "", "9223372036854775808": unreadable("9223372036854775808", why)}
	case schema.Type.Is("boolean"):
		return map[string]string{"perhaps": unreadable("perhaps", "is neither true nor false"), "true": "", "false": ""}
	case schema.Type.Is("integer"):
		return wrongNumbers(name, schema, unreadable)
	case len(schema.Enum) > 0:
		var words []string
		for _, word := range schema.Enum {
			words = append(words, word.(string))
		}
		values := map[string]string{"nonsense": unreadable("nonsense", "is none of "+strings.Join(words, ", "))}
		for _, word := range words {
			values[word] = ""
		}
		return values
	}
	return nil
}

func wrongNumbers(name string, schema *openapi3.Schema, unreadable func(value, why string) string) map[string]string {
	values := map[string]string{"many": unreadable("many", "is not a number"), "1.5": unreadable("1.5", "is not a number")}
	outside := fmt.Sprintf("invalid parameter: %s must be %.0f or more", name, *schema.Min)
	if schema.Max != nil {
		outside = fmt.Sprintf("invalid parameter: %s must be from %.0f to %.0f", name, *schema.Min, *schema.Max)
		values[fmt.Sprintf("%.0f", *schema.Max)] = ""
		values[fmt.Sprintf("%.0f", *schema.Max+1)] = outside
	}
	values[fmt.Sprintf("%.0f", *schema.Min)] = ""
	values[fmt.Sprintf("%.0f", *schema.Min-1)] = outside
	return values
}
