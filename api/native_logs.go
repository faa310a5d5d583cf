package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// LogList is a page of the log records of a trace, oldest first.
type LogList struct {
	TraceID string `json:"traceId"`
	// TraceFound: the store has spans of the trace. If not, Note says why.
	TraceFound bool   `json:"traceFound"`
	Note       string `json:"note,omitempty"`
	// Total is how many records the trace has, Matching how many of them the filter lets through.
	Total    int         `json:"total"`
	Matching int         `json:"matching"`
	Logs     []LogRecord `json:"logs"`
	// Resources and Scopes are what records name by number.
	Resources []SpanResource `json:"resources"`
	Scopes    []SpanScope    `json:"scopes"`
	// Links lead to the logs of the span that is named, or of the root, in other systems.
	Links []LogLink `json:"links"`
	// Next is what "after" takes to get the following page; "" if this is the last.
	Next string   `json:"next,omitempty"`
	Gaps []string `json:"gaps,omitempty"`
}

// LogRecord is a log record of a trace. Times are 0 if the record has none.
type LogRecord struct {
	ID                   string         `json:"id"`
	SpanID               string         `json:"spanId,omitempty"`
	TimeUnixNano         uint64         `json:"timeUnixNano,string"`
	ObservedTimeUnixNano uint64         `json:"observedTimeUnixNano,string"`
	Level                string         `json:"level,omitempty"` // one of logLevels
	SeverityNumber       int32          `json:"severityNumber"`
	SeverityText         string         `json:"severityText,omitempty"`
	EventName            string         `json:"eventName,omitempty"`
	Service              string         `json:"service"`
	Text                 string         `json:"text"` // the body in a line
	Body                 TypedValue     `json:"body"`
	Attributes           []LogAttribute `json:"attributes"`
	DroppedAttributes    uint32         `json:"droppedAttributes"`
	Flags                uint32         `json:"flags"`
	Resource             int            `json:"resource"`
	Scope                int            `json:"scope"`
}

// LogAttribute is an attribute of a log record, of which queries know nothing.
type LogAttribute struct {
	Key string `json:"key"`
	TypedValue
}

// logLevels are OTLP's ranges of severity numbers, of four each from 1 on.
var logLevels = []string{"trace", "debug", "info", "warn", "error", "fatal"}

// logLevel returns the word for a severity number, or "".
func logLevel(severity int32) string {
	if severity < 1 || severity > 24 {
		return ""
	}
	return logLevels[(severity-1)/4]
}

const (
	defaultLogs = 1000
	maxLogs     = 10_000
)

// logFilter says which records of a trace are wanted.
type logFilter struct {
	span     span.SpanID // zero: of all
	severity int32       // at least; 0: any
	text     string      // in lower case
}

// logs answers GET /traces/{traceID}/logs.
func (n *native) logs(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r, "span", "severity", "q", "limit", "after")
	if err != nil {
		return err
	}
	filter, err := parseLogFilter(q.params)
	if err != nil {
		return err
	}
	limit, err := q.limit("limit", defaultLogs, maxLogs)
	if err != nil {
		return err
	}
	after, err := parseLogCursor(q.Get("after"))
	if err != nil {
		return err
	}
	answer := &LogList{TraceID: q.id.String(), Logs: []LogRecord{}, Resources: []SpanResource{}, Scopes: []SpanScope{}, Links: []LogLink{}}
	found, err := n.readLogs(r.Context(), q)
	if err != nil {
		return err
	}
	v, err := n.open(r, q)
	switch {
	case err == nil:
		answer.TraceFound = true
		row := max(v.trace.Root, 0)
		if !filter.span.IsZero() {
			row = v.trace.RowOf(filter.span)
		}
		if row >= 0 {
			answer.Links = n.LogLinks.of(v.trace.Spans, int(v.trace.At[row]))
		}
	case !errors.Is(err, store.ErrNotFound) || len(found.batches) == 0:
		return err
	default:
		answer.Note = missingSpans(err) + "; there are log records of it"
	}
	answer.Gaps = found.gaps
	page := pageOfLogs(answer, found.batches, filter, after, limit)
	if wantsProtobuf(r) {
		tellGaps(w, found.gaps)
		w.Header().Set("Content-Type", "application/x-protobuf")
		return WriteOTLPLogs(w, batchesOfLogs(page)...)
	}
	answer.add(page)
	return writeJSON(w, answer)
}

// readLogs reads all records of a trace; no batches if there are none.
func (n *native) readLogs(ctx context.Context, q viewRequest) (foundTrace, error) {
	if n.Logs == nil {
		return foundTrace{}, nil
	}
	done, err := n.views.read(ctx)
	if err != nil {
		return foundTrace{}, err
	}
	defer done()
	found, err := readTenants(ctx, n.Logs, q.tenants, q.id, store.TimeRange{})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return found, err
}

// missingSpans says why a trace has no spans, as far as that is known.
func missingSpans(err error) string {
	if why := (*sample.Missing)(nil); errors.As(err, &why) {
		return why.Error()
	}
	return "there are no spans of this trace: it was sampled out, has expired or was never sent"
}

func parseLogFilter(p params) (f logFilter, err error) {
	f.text = strings.ToLower(p.Get("q"))
	if id := p.Get("span"); id != "" {
		if f.span, err = span.ParseSpanID(id); err != nil {
			return f, badParam("span", err)
		}
	}
	if word := p.Get("severity"); word != "" {
		level := slices.Index(logLevels, strings.ToLower(word))
		number, err := strconv.ParseInt(word, 10, 32)
		switch {
		case level >= 0:
			f.severity = int32(4*level + 1)
		case err == nil && number >= 0:
			f.severity = int32(number)
		default:
			return f, badRequest("unable to parse param 'severity': %q is neither one of %s nor a number", clip(word), strings.Join(logLevels, ", "))
		}
	}
	return f, nil
}

// logPlace is where a record stands in the order of a trace's records.
type logPlace struct {
	time uint64
	id   span.SpanID
}

func (p logPlace) compare(q logPlace) int {
	return cmp.Or(cmp.Compare(p.time, q.time), cmp.Compare(p.id.Uint64(), q.id.Uint64()))
}

func (p logPlace) cursor() string { return fmt.Sprintf("%016x%s", p.time, p.id) }

// parseLogCursor reads what logPlace.cursor returned; "" is the place before all.
func parseLogCursor(text string) (p logPlace, err error) {
	if text == "" {
		return p, nil
	}
	if len(text) != 32 {
		return p, store.ErrCursor
	}
	time, err1 := span.ParseSpanID(text[:16])
	id, err2 := span.ParseSpanID(text[16:])
	if err1 != nil || err2 != nil {
		return p, store.ErrCursor
	}
	return logPlace{time.Uint64(), id}, nil
}

// logRef is a record of a batch.
type logRef struct {
	batch *span.Batch
	row   int
}

func (r logRef) place() logPlace { return logPlace{r.batch.Starts[r.row], r.batch.SpanIDs[r.row]} }

// pageOfLogs counts the records and returns those of the page. Records of one place, which differ only in where they
// came from, stay together.
func pageOfLogs(answer *LogList, batches []*span.Batch, filter logFilter, after logPlace, limit int) []logRef {
	var list []logRef
	for _, b := range batches {
		answer.Total += b.Len()
		for i := range b.Len() {
			if filter.takes(b, i) {
				list = append(list, logRef{b, i})
			}
		}
	}
	answer.Matching = len(list)
	slices.SortStableFunc(list, func(x, y logRef) int { return x.place().compare(y.place()) })
	if after != (logPlace{}) {
		first, _ := slices.BinarySearchFunc(list, after, func(r logRef, p logPlace) int {
			if r.place().compare(p) <= 0 {
				return -1
			}
			return 1
		})
		list = list[first:]
	}
	end := min(limit, len(list))
	for end > 0 && end < len(list) && list[end].place() == list[end-1].place() {
		end++
	}
	if end < len(list) {
		answer.Next = list[end-1].place().cursor()
	}
	return list[:end]
}

// takes tells whether the filter lets a record through.
func (f logFilter) takes(b *span.Batch, i int) bool {
	if !f.span.IsZero() && b.Parents[i] != f.span || b.Kinds[i] < f.severity && f.severity > 0 {
		return false
	}
	if f.text == "" {
		return true
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), f.text) }
	l := b.Log(i)
	if has(lineOf(l.Body)) || has(l.EventName) || has(l.SeverityText) || has(b.ServiceName(b.Resource[i])) {
		return true
	}
	for key, value := range b.LogAttrs(l.Attrs) {
		if has(key) || has(lineOf(value)) {
			return true
		}
	}
	return false
}

// lineOf returns a value as text: a string as it is, all else as JSON.
func lineOf(v span.Value) string {
	switch v.Type {
	case span.Empty:
		return ""
	case span.String:
		return strings.ToValidUTF8(v.Str, "\ufffd")
	}
	text, err := appendPlain(nil, v)
	if err != nil {
		return "(a value that cannot be read)"
	}
	return string(text)
}

// add adds the records of a page with their resources and scopes.
func (a *LogList) add(page []logRef) {
	type key struct {
		batch *span.Batch
		at    uint32
	}
	resources, scopes := map[key]int{}, map[key]int{}
	for _, ref := range page {
		b, i := ref.batch, ref.row
		l := b.Log(i)
		record := LogRecord{
			ID: l.ID.String(), TimeUnixNano: l.Time, ObservedTimeUnixNano: l.Observed,
			Level: logLevel(l.Severity), SeverityNumber: l.Severity, SeverityText: l.SeverityText, EventName: l.EventName,
			Service: b.ServiceName(b.Resource[i]), Text: lineOf(l.Body), Body: typedValue(traceql.StaticOf(l.Body)),
			Attributes: []LogAttribute{}, DroppedAttributes: l.DroppedAttrs, Flags: l.Flags,
		}
		if !l.SpanID.IsZero() {
			record.SpanID = l.SpanID.String()
		}
		for name, value := range b.LogAttrs(l.Attrs) {
			record.Attributes = append(record.Attributes, LogAttribute{name, typedValue(traceql.StaticOf(value))})
		}
		at, known := resources[key{b, b.Resource[i]}]
		if !known {
			at = len(a.Resources)
			resources[key{b, b.Resource[i]}] = at
			a.Resources = append(a.Resources, resourceDetails(b, b.Resource[i]))
		}
		record.Resource = at
		if at, known = scopes[key{b, b.Scope[i]}]; !known {
			at = len(a.Scopes)
			scopes[key{b, b.Scope[i]}] = at
			a.Scopes = append(a.Scopes, scopeDetails(b, b.Scope[i]))
		}
		record.Scope = at
		a.Logs = append(a.Logs, record)
	}
}

// batchesOfLogs returns the records of a page by themselves.
func batchesOfLogs(page []logRef) []*span.Batch {
	b := new(span.Batch)
	for _, ref := range page {
		row := ref.batch.Span(ref.row)
		b.Append(&row)
	}
	return []*span.Batch{b}
}
