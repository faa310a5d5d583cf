package api

import (
	"context"
	"encoding/binary"
	"math"
	"net/http"
	"strings"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// viewRequest is what all requests about one trace have in common.
type viewRequest struct {
	params
	tenants []string
	id      span.TraceID
	token   string // "" if the request names no view
}

// parseView reads a request about one trace that may have the parameters named, beside view.
func parseView(r *http.Request, known ...string) (q viewRequest, err error) {
	if q.tenants, err = tenantsOf(r); err != nil {
		return q, err
	}
	if q.id, err = parseJaegerID(r.PathValue("traceID")); err != nil {
		return q, badRequest("%v", err)
	}
	q.params, err = nativeParams(r, append(known, "view")...)
	q.token = q.Get("view")
	return q, err
}

// open returns the view that a request names, or one of the trace as it is now.
func (n *native) open(r *http.Request, q viewRequest) (*view, error) {
	key := viewKey{strings.Join(q.tenants, "|"), q.id, q.token}
	if v := n.views.get(key); v != nil {
		return v, nil
	}
	if strings.HasPrefix(q.token, uploadMark) {
		return nil, &staleError{"this upload is no longer kept: upload it again"}
	}
	if q.token == "" {
		return n.readView(r.Context(), q)
	}
	return n.views.once(key, func() (*view, error) {
		ctx := context.WithoutCancel(r.Context()) // others may wait for it too
		if n.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, n.Timeout)
			defer cancel()
		}
		return n.readView(ctx, q)
	})
}

// readView reads a trace from the store.
func (n *native) readView(ctx context.Context, q viewRequest) (*view, error) {
	done, err := n.views.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	found, err := readTenants(ctx, n.store, q.tenants, q.id, store.TimeRange{})
	if err != nil {
		return nil, err
	}
	v := newView(q.tenants, "", analyze.NewTrace(found.batches...), found.gaps)
	n.views.keep(v)
	return v, nil
}

// openSame is open for requests about rows: the view has to be the one that they name.
func (n *native) openSame(r *http.Request, q viewRequest) (*view, error) {
	v, err := n.open(r, q)
	if err == nil && q.token != "" && v.token != q.token {
		return nil, &staleError{"the trace has changed since view " + clip(q.token) + ": open it again"}
	}
	return v, err
}

// spansOf returns the spans of the view that a request names.
func (n *native) spansOf(r *http.Request, q viewRequest) (foundTrace, error) {
	v, err := n.openSame(r, q)
	if err != nil {
		return foundTrace{}, err
	}
	return foundTrace{batches: []*span.Batch{v.trace.Spans}, gaps: v.gaps}, nil
}

// view answers GET /traces/{id}/view.
func (n *native) view(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r)
	if err != nil {
		return err
	}
	v, err := n.open(r, q)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	var decided *DecisionBody
	if d := n.decision(q); d != nil {
		decided = decisionBody(*d)
	}
	return writeView(w, v, decided)
}

// decision returns what tail sampling decided about a trace of the store; nil if it did not.
func (n *native) decision(q viewRequest) *sample.Decision {
	if n.Decided == nil || strings.HasPrefix(q.token, uploadMark) {
		return nil
	}
	for _, tenant := range q.tenants {
		if d, ok := n.Decided(tenant, q.id); ok {
			return &d
		}
	}
	return nil
}

// TraceView is a view as clients read it; writeView writes it, in pieces.
type TraceView struct {
	ViewHead
	Strings         []string      `json:"strings"`
	Spans           ViewSpans     `json:"spans"`
	CriticalPath    ViewPath      `json:"criticalPath"`
	Events          ViewEvents    `json:"events"`
	EventsTruncated bool          `json:"eventsTruncated"`
	Services        []ViewService `json:"services"`
	Errors          []ViewError   `json:"errors"`
	ErrorOrigins    int           `json:"errorOrigins"`
	Skew            []ViewSkew    `json:"skew"`
	Warnings        []ViewWarning `json:"warnings"`
	Gaps            []string      `json:"gaps"`
}

// The parts of a view. What is a Column has a number for each row, segment or event.
type (
	// ViewSpans is the spans by row. Start is after the start of the trace; times are nanoseconds.
	ViewSpans struct {
		ID          Column `json:"id"`          // 8 bytes each
		Parent      Column `json:"parent"`      // int32, -1 for none
		Descendants Column `json:"descendants"` // uint32
		Depth       Column `json:"depth"`       // uint16
		Start       Column `json:"start"`       // float64
		Duration    Column `json:"duration"`    // float64
		Self        Column `json:"self"`        // float64
		Critical    Column `json:"critical"`    // float64
		Name        Column `json:"name"`        // uint32, place in Strings
		Service     Column `json:"service"`     // uint32, place in Strings and in Services
		Flags       Column `json:"flags"`       // uint16, as analyze.Flags
	}
	// ViewPath is the segments of the critical path by time.
	ViewPath struct {
		Row   Column `json:"row"`   // uint32
		Start Column `json:"start"` // float64
		End   Column `json:"end"`   // float64
	}
	// ViewEvents is the events by time.
	ViewEvents struct {
		Row       Column `json:"row"`       // uint32
		At        Column `json:"at"`        // float64
		Name      Column `json:"name"`      // uint32, place in Strings
		Exception Column `json:"exception"` // uint8
	}
	// ViewHead says which view of which trace it is.
	ViewHead struct {
		View          string    `json:"view"`
		TraceID       string    `json:"traceId"`
		StartUnixNano uint64    `json:"startUnixNano,string"`
		DurationNanos int64     `json:"durationNanos,string"`
		SpanCount     int       `json:"spanCount"`
		AdjustedCount float64   `json:"adjustedCount"`
		Root          *ViewRoot `json:"root"`
		// Sampling is what tail sampling decided, if it did.
		Sampling *DecisionBody `json:"sampling,omitempty"`
	}
	// ViewRoot names the root span.
	ViewRoot struct {
		Service string `json:"service"`
		Name    string `json:"name"`
	}
	// ViewService is what a service has of the trace.
	ViewService struct {
		Name          string `json:"name"`
		Spans         int    `json:"spans"`
		Errors        int    `json:"errors"`
		CriticalNanos int64  `json:"criticalNanos,string"`
	}
	// ViewError is where an error began, and the rows up to the highest span that failed too.
	ViewError struct {
		Origin  int32   `json:"origin"`
		Path    []int32 `json:"path"`
		Service string  `json:"service"`
		Name    string  `json:"name"`
		Message string  `json:"message"`
		Count   int     `json:"count"`
	}
	// ViewSkew holds for a row and what lies below, up to rows with one of their own.
	ViewSkew struct {
		Row         int32 `json:"row"`
		AdjustNanos int64 `json:"adjustNanos,string"`
	}
	// ViewWarning says what is odd.
	ViewWarning struct {
		Kind         string `json:"kind"`
		Row          *int32 `json:"row,omitempty"`
		SpanID       string `json:"spanId,omitempty"`
		ParentSpanID string `json:"parentSpanId,omitempty"`
		Text         string `json:"text"`
	}
)

func (v *view) head() ViewHead {
	t := v.trace
	head := ViewHead{
		View: v.token, TraceID: v.id.String(), StartUnixNano: t.Start, DurationNanos: t.Duration(), SpanCount: t.Len(), AdjustedCount: 1,
	}
	if t.Root != analyze.NoRow {
		head.Root = &ViewRoot{t.Services[t.Service(t.Root)], t.Name(t.Root)}
		head.AdjustedCount = t.Weight(t.Root)
	}
	return head
}

func (v *view) services() []ViewService {
	t := v.trace
	list := make([]ViewService, len(t.Services))
	for i, name := range t.Services {
		list[i].Name = name
	}
	for row := range int32(t.Len()) {
		s := &list[t.Service(row)]
		s.Spans++
		s.CriticalNanos += t.Critical[row]
		if t.Failed(row) {
			s.Errors++
		}
	}
	return list
}

func (v *view) errors() (list []ViewError, total int) {
	found, total := v.trace.Failures()
	list = make([]ViewError, len(found))
	for i, f := range found {
		list[i] = ViewError{f.Origin, f.Path, f.Service, f.Name, f.Message, f.Count}
	}
	return list, total
}

func (v *view) skew() []ViewSkew {
	list := []ViewSkew{}
	for _, s := range v.trace.Skew() {
		list = append(list, ViewSkew{s.Row, s.Adjust})
	}
	return list
}

func (v *view) warnings() []ViewWarning {
	list := []ViewWarning{}
	for _, w := range v.trace.Warnings() {
		told := ViewWarning{Kind: w.Kind, Text: w.Text}
		if w.Row != analyze.NoRow {
			told.Row, told.SpanID = &w.Row, v.trace.ID(w.Row).String()
		}
		if !w.Parent.IsZero() {
			told.ParentSpanID = w.Parent.String()
		}
		list = append(list, told)
	}
	if v.note != "" {
		list = append(list, ViewWarning{Kind: "upload", Text: v.note})
	}
	for _, gap := range v.gaps {
		list = append(list, ViewWarning{Kind: "gap", Text: "spans may be missing: " + gap})
	}
	return list
}

// Column is little-endian numbers of one width.
type Column []byte

// Uint16 returns number i of a column of uint16.
func (c Column) Uint16(i int) uint16 { return binary.LittleEndian.Uint16(c[2*i:]) }

// Int32 returns number i of a column of int32 or uint32.
func (c Column) Int32(i int) int32 { return int32(binary.LittleEndian.Uint32(c[4*i:])) }

// Float64 returns number i of a column of float64.
func (c Column) Float64(i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(c[8*i:]))
}

// clip cuts what a message quotes.
func clip(text string) string {
	const most = 64
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
