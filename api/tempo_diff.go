package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/span"
)

// The forms of a comparison of two traces.
const (
	diffPatch    = "trace-patch-v0"
	diffSummary  = "trace-summary-v0-native"
	diffComposed = "trace-summary-v0-composed"
)

const (
	maxDiffRequest = 16 << 10 // bytes
	// maxPatchBytes is up to which size a patch comes with a composed answer.
	maxPatchBytes = 64 << 10
	// maxPatchSteps bounds the paths of a patch, which in deep traces are long: numbers in all of them.
	maxPatchSteps = 1_000_000
)

// diffRequest is the body of POST /api/v2/traces/diff.
type diffRequest struct {
	Base    diffTarget `json:"base"`
	Compare diffTarget `json:"compare"`
	Format  string     `json:"format"`
}

// diffTarget names a trace, and where in time it lies.
type diffTarget struct {
	TraceID    string          `json:"traceId"`
	Start, End json.RawMessage // as the parameters of GET have them
}

// diff answers POST /api/v2/traces/diff.
func (t *tempo) diff(w http.ResponseWriter, r *http.Request) error {
	tenants, err := tenantsOf(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxDiffRequest))
	if err != nil {
		return badRequest("cannot read the body: %v", err)
	}
	var request diffRequest
	if err := json.Unmarshal(body, &request); err != nil {
		return badRequest("cannot unmarshal the body: %v", err)
	}
	if request.Format == "" {
		request.Format = diffPatch
	}
	if !slices.Contains([]string{diffPatch, diffSummary, diffComposed}, request.Format) {
		return badRequest("invalid format: %q; expected %s, %s or %s", request.Format, diffPatch, diffSummary, diffComposed)
	}
	d := &traceDiffer{}
	for i, target := range []diffTarget{request.Base, request.Compare} {
		found, err := t.diffSide(r.Context(), tenants, target)
		if err != nil {
			return fmt.Errorf("%s: %w", []string{"base", "compare"}[i], err)
		}
		d.traces[i], d.partial = analyze.NewTrace(found.batches...), d.partial || found.partial()
		tellGaps(w, found.gaps)
	}
	answer, err := d.answer(request.Format)
	if err != nil {
		return err
	}
	return writeJSON(w, answer)
}

func (t *tempo) diffSide(ctx context.Context, tenants []string, target diffTarget) (found foundTrace, err error) {
	id, err := span.ParseTraceID(target.TraceID)
	if err != nil {
		return found, badRequest("%v", err)
	}
	p := params{url.Values{}}
	for name, text := range map[string]json.RawMessage{"start": target.Start, "end": target.End} {
		if unquoted := strings.Trim(string(text), `"`); unquoted != "null" {
			p.Set(name, unquoted)
		}
	}
	hint, err := p.tempoRange()
	if err != nil {
		return found, err
	}
	return readTenants(ctx, t.store, tenants, id, hint)
}

// tracePatch is the document of the form trace-patch-v0.
type tracePatch struct {
	Version  string         `json:"version"`
	Base     patchTrace     `json:"base"`
	Compare  patchTrace     `json:"compare"`
	Stats    patchStats     `json:"stats"`
	Modified []patchedSpan  `json:"modified"`
	Added    []patchWhole   `json:"added"`
	Removed  []patchWhole   `json:"removed"`
	Warnings []patchWarning `json:"warnings"`
}

type patchTrace struct {
	TraceID   string `json:"traceId"`
	SpanCount int    `json:"spanCount"`
}

type patchStats struct {
	SpansA     int  `json:"spanCountA"`
	SpansB     int  `json:"spanCountB"`
	Matched    int  `json:"matchedSpans"`
	Modified   int  `json:"modifiedSpans"`
	Added      int  `json:"addedSpans"`
	Removed    int  `json:"removedSpans"`
	Fields     int  `json:"fieldChanges"`
	Attributes int  `json:"attributeChanges"`
	Events     int  `json:"eventChanges"`
	Truncated  bool `json:"truncated"`
}

type patchedSpan struct {
	Span    patchSpan     `json:"span"`
	Changes []patchChange `json:"changes"`
}

// patchSpan finds a span by its places among siblings, from the root on.
type patchSpan struct {
	Path    []int  `json:"path"`
	Service string `json:"service"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
}

type patchChange struct {
	Op     string          `json:"op"`
	Target patchTarget     `json:"target"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

type patchTarget struct {
	Type  string `json:"type"`
	Name  string `json:"name,omitempty"`
	Scope string `json:"scope,omitempty"`
	Key   string `json:"key,omitempty"`
}

// patchWhole is a span that only one of the traces has.
type patchWhole struct {
	Target struct {
		Type       string `json:"type"`
		Path       []int  `json:"path,omitempty"`
		ParentPath []int  `json:"parentPath,omitempty"`
		Index      *int   `json:"index,omitempty"`
	} `json:"target"`
	Span struct {
		patchSpan
		Duration int64  `json:"duration_nanos"`
		Status   string `json:"status"`
	} `json:"span"`
}

type patchWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// traceDiffer compares two traces: 0 is the base.
type traceDiffer struct {
	traces  [2]*analyze.Trace
	partial bool
	place   [2][]int32 // of each row among its siblings
	steps   int        // of paths so far
	patch   tracePatch
	byName  map[string]*rollup
}

func (d *traceDiffer) answer(form string) (any, error) {
	d.compare()
	switch form {
	case diffPatch:
		return &d.patch, nil
	case diffSummary:
		return d.summary(), nil
	}
	patch, err := json.Marshal(&d.patch)
	if err != nil {
		return nil, err
	}
	type omitted struct {
		Bytes  int    `json:"bytes"`
		Reason string `json:"reason"`
	}
	answer := struct {
		Version string          `json:"version"`
		Summary *diffNative     `json:"summary"`
		Patch   json.RawMessage `json:"patch,omitempty"`
		Omitted *omitted        `json:"patchOmitted,omitempty"`
	}{Version: diffComposed, Summary: d.summary()}
	if len(patch) <= maxPatchBytes {
		answer.Patch = patch
	} else {
		answer.Omitted = &omitted{len(patch), "over_budget"}
	}
	return answer, nil
}

// compare makes the patch: spans match as in analyze.Diff.
func (d *traceDiffer) compare() {
	a, b := d.traces[0], d.traces[1]
	pairs := analyze.NewDiff(a, b).Pairs
	d.place = [2][]int32{siblingPlaces(a), siblingPlaces(b)}
	d.byName = map[string]*rollup{}
	d.patch = tracePatch{Version: diffPatch, Base: patchOf(a), Compare: patchOf(b), Modified: []patchedSpan{}, Added: []patchWhole{}, Removed: []patchWhole{}}
	s := &d.patch.Stats
	s.SpansA, s.SpansB = a.Len(), b.Len()
	matched := make([]bool, a.Len())
	for row, of := range pairs {
		if of == analyze.NoRow {
			s.Added++
			d.whole(1, int32(row))
			continue
		}
		matched[of] = true
		s.Matched++
		d.pair(of, int32(row))
	}
	for row := range matched {
		if !matched[row] {
			s.Removed++
			d.whole(0, int32(row))
		}
	}
	d.patch.Warnings = d.warnings()
}

func patchOf(t *analyze.Trace) patchTrace {
	return patchTrace{t.Spans.TraceIDs[0].String(), t.Len()}
}

// siblingPlaces numbers the spans below each span, and the roots, from 0.
func siblingPlaces(t *analyze.Trace) []int32 {
	places, next := make([]int32, t.Len()), make([]int32, t.Len()+1)
	for row, up := range t.Parent {
		places[row] = next[up+1] // a root's is 0
		next[up+1]++
	}
	return places
}

// path returns the places of a span and of those above it, from the root on; ok is false if there is no room for more.
func (d *traceDiffer) path(side int, row int32) (path []int, ok bool) {
	t := d.traces[side]
	if d.steps += int(t.Depth[row]) + 1; d.steps > maxPatchSteps {
		d.patch.Stats.Truncated = true
		return nil, false
	}
	for ; row != analyze.NoRow; row = t.Parent[row] {
		path = append(path, int(d.place[side][row]))
	}
	slices.Reverse(path)
	return path, true
}

func (d *traceDiffer) span(side int, row int32, path []int) patchSpan {
	t := d.traces[side]
	return patchSpan{path, t.Services[t.Service(row)], t.Name(row), kindWord(t.Spans.Kinds[t.At[row]])}
}

// whole adds a span that only one side has.
func (d *traceDiffer) whole(side int, row int32) {
	t := d.traces[side]
	r := d.rollup(t.Services[t.Service(row)])
	if side == 1 {
		r.Added++
		r.NewErrors += count(t.Failed(row))
	} else {
		r.Removed++
		r.Resolved += count(t.Failed(row))
	}
	path, ok := d.path(side, row)
	if !ok {
		return
	}
	var w patchWhole
	w.Target.Type = "span"
	w.Span.patchSpan, w.Span.Duration, w.Span.Status = d.span(side, row, path), t.Spans.Duration(int(t.At[row])), statusWord(t, row)
	if side == 0 {
		w.Target.Path = path
		d.patch.Removed = append(d.patch.Removed, w)
		return
	}
	last := len(path) - 1
	w.Target.ParentPath, w.Target.Index = path[:last], &path[last]
	d.patch.Added = append(d.patch.Added, w)
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func statusWord(t *analyze.Trace, row int32) string {
	return filterWords["status"][min(max(t.Spans.Statuses[t.At[row]], 0), 2)]
}

// Durations differ if they do by more than a millisecond and a quarter of the longer one.
const (
	diffLeast = 1e6
	diffPart  = .25
)

// pair adds what differs between two spans that match.
func (d *traceDiffer) pair(a, b int32) {
	base, other := d.traces[0], d.traces[1]
	s := &d.patch.Stats
	var changes []patchChange
	field := func(name string, before, after any) {
		s.Fields++
		changes = append(changes, patchChange{"modify", patchTarget{Type: "field", Name: name}, plainJSON(before), plainJSON(after)})
	}
	tookA, tookB := base.Spans.Duration(int(base.At[a])), other.Spans.Duration(int(other.At[b]))
	if math.Abs(float64(tookB-tookA)) > diffLeast+diffPart*float64(max(tookA, tookB)) {
		field("duration_nanos", tookA, tookB)
	}
	r := d.rollup(other.Services[other.Service(b)])
	if before, after := statusWord(base, a), statusWord(other, b); before != after {
		field("status", before, after)
		r.NewErrors += count(other.Failed(b))
		r.Resolved += count(base.Failed(a))
	}
	changes = append(changes, d.attributes(a, b)...)
	if !slices.Equal(eventNames(base, a), eventNames(other, b)) {
		s.Events++
	}
	if len(changes) == 0 {
		return
	}
	s.Modified++
	r.Modified++
	if path, ok := d.path(1, b); ok {
		d.patch.Modified = append(d.patch.Modified, patchedSpan{d.span(1, b, path), changes})
	}
}

func plainJSON(v any) json.RawMessage {
	text, _ := json.Marshal(v) // a number or a text
	return text
}

func eventNames(t *analyze.Trace, row int32) (names []string) {
	for _, e := range t.Spans.EventsOf(int(t.At[row])) {
		names = append(names, t.Spans.Dict.String(e.Name))
	}
	return names
}

// attributes returns what differs between the attributes of two spans, in the order of the first and then of the second.
func (d *traceDiffer) attributes(a, b int32) (changes []patchChange) {
	list := func(side int, row int32) (keys []string, values map[string]json.RawMessage) {
		values = map[string]json.RawMessage{}
		t := d.traces[side]
		for key, value := range t.Spans.AllAttrs(t.Spans.Attrs[t.At[row]]) {
			plain, err := appendPlain(nil, value)
			if _, again := values[key]; err != nil || again {
				continue
			}
			keys, values[key] = append(keys, key), plain
		}
		return keys, values
	}
	keysA, before := list(0, a)
	keysB, after := list(1, b)
	add := func(op, key string) {
		d.patch.Stats.Attributes++
		changes = append(changes, patchChange{op, patchTarget{Type: "attribute", Scope: "span", Key: key}, orNull(before[key]), orNull(after[key])})
	}
	for _, key := range keysA {
		switch {
		case after[key] == nil:
			add("remove", key)
		case !bytes.Equal(before[key], after[key]):
			add("modify", key)
		}
	}
	for _, key := range keysB {
		if before[key] == nil {
			add("add", key)
		}
	}
	return changes
}

func orNull(v json.RawMessage) json.RawMessage {
	if v == nil {
		return json.RawMessage("null")
	}
	return v
}

// warnings says what makes the comparison doubtful.
func (d *traceDiffer) warnings() []patchWarning {
	list := []patchWarning{}
	flagged := func(of analyze.Flags) bool {
		return slices.ContainsFunc(d.traces[:], func(t *analyze.Trace) bool {
			return slices.ContainsFunc(t.Flags, func(f analyze.Flags) bool { return f&of != 0 })
		})
	}
	if d.partial || flagged(analyze.Orphan) {
		list = append(list, patchWarning{"partial_trace", "spans of a trace are missing: what is told as added or removed may not be so"})
	}
	if flagged(analyze.SharedID) {
		list = append(list, patchWarning{"duplicate_span_id", "several spans of a trace have the same id"})
	}
	for _, t := range d.traces {
		if slices.ContainsFunc(t.At, func(at int32) bool { return t.Spans.Duration(int(at)) < 0 }) {
			list = append(list, patchWarning{"invalid_duration", "a span ends before it starts"})
			break
		}
	}
	return list
}
