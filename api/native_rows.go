package api

import (
	"net/http"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/traceql"
)

// find answers GET /traces/{id}/find: the rows that match.
func (n *native) find(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r, "q")
	if err != nil {
		return err
	}
	if q.Get("q") == "" {
		return badRequest("missing parameter: q says what to find, as a word, a condition or TraceQL")
	}
	v, err := n.openSame(r, q)
	if err != nil {
		return err
	}
	rows, err := v.trace.Find(r.Context(), q.Get("q"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	d := &document{w: w}
	d.open("")
	d.member("view", v.token)
	d.member("count", len(rows))
	d.column("rows", len(rows), func(to []byte, i int) []byte { return appendUint32(to, uint32(rows[i])) })
	d.close()
	return d.err
}

// CountedValue is a value, and how many rows have it.
type CountedValue struct {
	TypedValue
	Count int `json:"count"`
}

// column answers GET /traces/{id}/column: the values of one attribute on all rows.
func (n *native) column(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r, "name")
	if err != nil {
		return err
	}
	a, err := parseRowAttribute("name", q.Get("name"))
	if err != nil {
		return err
	}
	v, err := n.openSame(r, q)
	if err != nil {
		return err
	}
	found, err := v.trace.Column(r.Context(), a)
	if err != nil {
		return err
	}
	values := make([]CountedValue, len(found.Values))
	for i, v := range found.Values {
		values[i] = CountedValue{typedValue(v.Value), v.Count}
	}
	w.Header().Set("Content-Type", "application/json")
	d := &document{w: w}
	d.open("")
	d.member("view", v.token)
	d.member("name", a.String())
	d.member("values", values)
	d.member("more", found.More)
	d.column("codes", len(found.Codes), func(to []byte, row int) []byte { return appendUint32(to, found.Codes[row]) })
	d.close()
	return d.err
}

// parseRowAttribute reads an attribute as TraceQL has it, "service", or the mere key of one.
func parseRowAttribute(param, text string) (*traceql.Attribute, error) {
	if text == "" {
		return nil, badRequest("missing parameter: %s names an attribute, such as span.http.method, service or name", param)
	}
	if text == "service" {
		text = "resource.service.name"
	}
	a, err := traceql.ParseAttribute(text)
	if err == nil {
		return a, nil
	}
	if a, err := traceql.ParseAttribute("." + text); err == nil {
		return a, nil
	}
	return nil, badParam(param, err)
}

// StatisticsAnswer is the spans of a trace in groups.
type StatisticsAnswer struct {
	View          string            `json:"view"`
	By            []string          `json:"by"`
	SpanCount     int               `json:"spanCount"`
	CriticalNanos int64             `json:"criticalNanos,string"`
	Groups        []StatisticsGroup `json:"groups"`
	More          bool              `json:"more"` // some groups were left out
}

// StatisticsGroup is spans that have a value in common.
type StatisticsGroup struct {
	Value         TypedValue        `json:"value"`
	Count         int               `json:"count"`
	Errors        int               `json:"errors"`
	TotalNanos    int64             `json:"totalNanos,string"`
	AvgNanos      int64             `json:"avgNanos,string"`
	MinNanos      int64             `json:"minNanos,string"`
	MaxNanos      int64             `json:"maxNanos,string"`
	P50Nanos      int64             `json:"p50Nanos,string"`
	P95Nanos      int64             `json:"p95Nanos,string"`
	SelfNanos     int64             `json:"selfNanos,string"`
	SelfAvgNanos  int64             `json:"selfAvgNanos,string"`
	CriticalNanos int64             `json:"criticalNanos,string"`
	CriticalShare float64           `json:"criticalShare"` // of the critical path, 0 to 1
	Groups        []StatisticsGroup `json:"groups,omitempty"`
}

// statistics answers GET /traces/{id}/statistics.
func (n *native) statistics(w http.ResponseWriter, r *http.Request) error {
	q, err := parseView(r, "by")
	if err != nil {
		return err
	}
	names := q.Values["by"]
	if len(names) == 0 {
		names = []string{"service"}
	}
	if len(names) > analyze.MaxLevels {
		return badRequest("invalid parameter: by is given %d times, at most %d are possible", len(names), analyze.MaxLevels)
	}
	by := make([]*traceql.Attribute, len(names))
	for i, name := range names {
		if by[i], err = parseRowAttribute("by", name); err != nil {
			return err
		}
	}
	v, err := n.openSame(r, q)
	if err != nil {
		return err
	}
	groups, more, err := v.trace.Statistics(r.Context(), by)
	if err != nil {
		return err
	}
	answer := StatisticsAnswer{View: v.token, SpanCount: v.trace.Len(), More: more}
	for _, a := range by {
		answer.By = append(answer.By, a.String())
	}
	for _, s := range v.trace.Path {
		answer.CriticalNanos += s.Length()
	}
	answer.Groups = statisticsGroups(groups, answer.CriticalNanos)
	return writeJSON(w, answer)
}

func statisticsGroups(groups []analyze.Group, critical int64) []StatisticsGroup {
	list := make([]StatisticsGroup, len(groups))
	for i, g := range groups {
		n := int64(g.Count)
		list[i] = StatisticsGroup{
			Value: typedValue(g.Value), Count: g.Count, Errors: g.Errors,
			TotalNanos: g.Total, AvgNanos: g.Total / n, MinNanos: g.Min, MaxNanos: g.Max, P50Nanos: g.P50, P95Nanos: g.P95,
			SelfNanos: g.Self, SelfAvgNanos: g.Self / n, CriticalNanos: g.Critical,
		}
		if critical > 0 {
			list[i].CriticalShare = float64(g.Critical) / float64(critical)
		}
		if len(g.Groups) > 0 {
			list[i].Groups = statisticsGroups(g.Groups, critical)
		}
	}
	return list
}
