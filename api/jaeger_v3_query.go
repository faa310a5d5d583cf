package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// maxQueryBytes is the most that a search may have as its body.
const maxQueryBytes = 1 << 20

// v3Params reads parameters by their names in camel case or, as older clients
// have them, in snake case.
type v3Params struct{ url.Values }

// malformed reports a parameter in the words of Jaeger's gateway.
func malformed(name string, err error) error {
	return badRequest("malformed parameter %s: %v", name, err)
}

// v3ParamsOf reads the query of a URL and the body of a POST request.
func v3ParamsOf(r *http.Request) (v3Params, error) {
	p, err := paramsOf(r)
	if err != nil || r.Method != http.MethodPost {
		return v3Params(p), err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxQueryBytes))
	if err != nil {
		return v3Params{}, badRequest("cannot read the body: %v", err)
	}
	var request struct {
		Query map[string]json.RawMessage `json:"query"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return v3Params{}, badRequest("cannot unmarshal the body: %v", err)
	}
	if err := v3Params(p).setAll("query.", request.Query); err != nil {
		return v3Params{}, badRequest("cannot unmarshal the body: %v", err)
	}
	return v3Params(p), nil
}

// setAll sets parameters to the members of a message, objects to their text.
func (p v3Params) setAll(prefix string, members map[string]json.RawMessage) error {
	for name, member := range members {
		text := string(member)
		switch {
		case text == "null":
			continue
		case name == "pagination":
			var page map[string]json.RawMessage
			if err := json.Unmarshal(member, &page); err != nil {
				return err
			}
			if err := p.setAll(prefix+"pagination.", page); err != nil {
				return err
			}
		case text[0] == '"':
			if err := json.Unmarshal(member, &text); err != nil {
				return err
			}
		}
		p.Set(prefix+name, text)
	}
	return nil
}

// lookup returns what a parameter is set to, and the name that was used for it.
func (p v3Params) lookup(name string) (text, used string) {
	if text := p.Get(name); text != "" {
		return text, name
	}
	var snake strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			snake.WriteByte('_')
		}
		snake.WriteRune(unicode.ToLower(c))
	}
	if text := p.Get(snake.String()); text != "" {
		return text, snake.String()
	}
	return "", name
}

func (p v3Params) text(name string) string {
	text, _ := p.lookup(name)
	return text
}

func (p v3Params) boolean(name string) (bool, error) {
	text, name := p.lookup(name)
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, malformed(name, fmt.Errorf("%q is neither true nor false", text))
	}
	return b, nil
}

// kind reads a span kind by its name; ok is false if there is none.
func (p v3Params) kind() (kind int32, ok bool, err error) {
	text, name := p.lookup("spanKind")
	if text == "" {
		return 0, false, nil
	}
	if kind, ok = parseKind(text); !ok {
		return 0, false, malformed(name, fmt.Errorf("unsupported span kind: '%s'", text))
	}
	return kind, true, nil
}

// time reads a time in RFC 3339, 0 if there is none.
func (p v3Params) time(name string) (uint64, error) {
	text, name := p.lookup(name)
	if text == "" {
		return 0, nil
	}
	ns, err := parseRFC3339(text)
	if err != nil {
		return 0, malformed(name, err)
	}
	return ns, nil
}

// duration reads a Go duration, nil if there is none.
func (p v3Params) duration(name string) (*time.Duration, error) {
	text, name := p.lookup(name)
	if text == "" {
		return nil, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return nil, malformed(name, err)
	}
	return &d, nil
}

// hint reads where in time a trace lies.
func (p v3Params) hint() (r store.TimeRange, err error) {
	if r.Start, err = p.time("startTime"); err != nil {
		return r, err
	}
	if r.End, err = p.time("endTime"); err != nil {
		return r, err
	}
	if r.End != 0 && r.Start > r.End {
		return r, badRequest("startTime must be before endTime")
	}
	return r, nil
}

// within reads two times, both of which have to be there. The second one is left out.
func (p v3Params) within(first, last string) (r store.TimeRange, err error) {
	if p.text(first) == "" || p.text(last) == "" {
		return r, badRequest("%s and %s are required", first, last)
	}
	if r.Start, err = p.time(first); err != nil {
		return r, err
	}
	if r.End, err = p.time(last); err != nil {
		return r, err
	}
	if r.Start >= r.End {
		return r, badRequest("%s must be before %s", first, last)
	}
	return r, nil
}

// parseSearch reads what traces are looked for.
func (v *jaegerV3) parseSearch(p v3Params) (*traceql.Query, traceql.SearchOptions, error) {
	opts := traceql.SearchOptions{SpansPerSet: 1}
	var err error
	if opts.Range, err = p.within("query.startTimeMin", "query.startTimeMax"); err != nil {
		return nil, opts, err
	}
	if err = p.page(&opts, v.MaxTraces); err != nil {
		return nil, opts, err
	}
	if text := p.text("query.filter"); text != "" {
		q, err := p.structured(text)
		return q, opts, err
	}
	f, err := p.filter()
	if err != nil {
		return nil, opts, err
	}
	q, err := f.query()
	return q, opts, err
}

// page reads how many traces are wanted, and behind which.
func (p v3Params) page(opts *traceql.SearchOptions, most int) (err error) {
	opts.After = store.Cursor(p.text("query.pagination.pageToken"))
	size, err := p.count("query.pagination.pageSize", most)
	if err != nil {
		return err
	}
	depth, err := p.count("query.searchDepth", most)
	if err != nil {
		return err
	}
	if depth == 0 {
		if depth, err = p.count("query.numTraces", most); err != nil {
			return err
		}
	}
	if depth > 0 && (size > 0 || opts.After != "") {
		return badRequest("query.pagination and query.searchDepth cannot be combined")
	}
	opts.Limit = cmp.Or(size, depth, min(jaegerDefaultLimit, most))
	return nil
}

// count reads a number; 0 stands for the default.
func (p v3Params) count(name string, most int) (int, error) {
	text, name := p.lookup(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, malformed(name, fmt.Errorf("%q is not a number from 0 to %d", text, most))
	}
	return n, nil
}

// structured reads a filter, which says it all.
func (p v3Params) structured(text string) (*traceql.Query, error) {
	for _, name := range []string{"query.serviceName", "query.operationName", "query.attributes", "query.durationMin", "query.durationMax"} {
		if text, used := p.lookup(name); text != "" {
			return nil, badRequest("query.filter and %s cannot be combined", used)
		}
	}
	q, err := parseStructuredFilter([]byte(text))
	if err != nil {
		return nil, malformed("query.filter", err)
	}
	return q, nil
}

// filter reads what is said of spans.
func (p v3Params) filter() (*jaegerFilter, error) {
	f := &jaegerFilter{service: p.text("query.serviceName"), operation: p.text("query.operationName")}
	var err error
	if f.shortest, err = p.duration("query.durationMin"); err != nil {
		return nil, err
	}
	if f.longest, err = p.duration("query.durationMax"); err != nil {
		return nil, err
	}
	if f.shortest != nil && f.longest != nil && *f.shortest > *f.longest {
		return nil, badRequest("query.durationMin must not be above query.durationMax")
	}
	if text := p.text("query.attributes"); text != "" {
		if f.tags, err = parseJSONTags(text); err != nil {
			return nil, malformed("query.attributes", err)
		}
	}
	return f, nil
}

// refsOf returns where the traces of a search lie.
func refsOf(found *traceql.SearchResult) []traceRef {
	refs := make([]traceRef, len(found.Traces))
	for i, t := range found.Traces {
		refs[i] = traceRef{t.ID, store.TimeRange{Start: t.Start, End: saturate(max(t.Start, t.End), 1)}}
	}
	return refs
}
