package api

import (
	"net/http"

	"github.com/clewhq/clew/analyze"
)

// Quality is how well services are instrumented, by what they sent in a range of time.
type Quality struct {
	Range
	// Score is the mean of those of the services, 0 to 100; null if there are none.
	Score    *float64 `json:"score"`
	Category string   `json:"category,omitempty"`
	// Looked is how many spans were looked at, of about Spans: some by chance, if there are very many.
	Looked   uint64           `json:"looked"`
	Spans    uint64           `json:"spans"`
	Services []ServiceQuality `json:"services"` // lowest score first
	// NotJudged are the rules of the Instrumentation Score that the scores lack.
	NotJudged []UnjudgedRule `json:"notJudged"`
	Gaps      []string       `json:"gaps,omitempty"`
	Stats     Stats          `json:"stats"`
}

// UnjudgedRule is a rule that is not judged, and why.
type UnjudgedRule struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Reason string `json:"reason"`
}

// ServiceQuality is what was found of a service.
type ServiceQuality struct {
	Name     string           `json:"name"`               // "" for spans without one
	Language string           `json:"language,omitempty"` // telemetry.sdk.language of most of its spans
	Score    float64          `json:"score"`
	Category string           `json:"category"`
	Seen     uint64           `json:"seen"`      // spans that were looked at
	Count    float64          `json:"count"`     // what they stand for
	Names    int              `json:"spanNames"` // how many different ones
	Findings []QualityFinding `json:"findings"`  // of most impact first
}

// QualityFinding is a rule that a service breaks.
type QualityFinding struct {
	Rule    string `json:"rule"`
	Title   string `json:"title"`
	Impact  string `json:"impact"`
	Scored  bool   `json:"scored"` // the rule is one of the Instrumentation Score
	Meaning string `json:"meaning"`
	Fix     string `json:"fix"`
	Seen    uint64 `json:"seen"`
	// Count is what Seen stands for, and Of all that the rule is about, in Unit.
	Count     float64       `json:"count"`
	Of        float64       `json:"of"`
	Unit      string        `json:"unit"`
	Share     float64       `json:"share"` // 0 to 1
	Cases     []QualityCase `json:"cases"` // most first
	MoreCases int           `json:"moreCases,omitempty"`
}

// QualityCase is one way in which a service breaks a rule. What is secret is masked.
type QualityCase struct {
	What     string           `json:"what,omitempty"`
	Caller   string           `json:"caller,omitempty"`
	Callee   string           `json:"callee,omitempty"`
	Protocol string           `json:"protocol,omitempty"`
	Seen     uint64           `json:"seen"`
	Count    float64          `json:"count"`
	Examples []QualityExample `json:"examples"` // newest first, each of another trace
}

// QualityExample is a span that shows what is meant.
type QualityExample struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
	Start   uint64 `json:"startTimeUnixNano,string"`
}

func (n *native) quality(w http.ResponseWriter, r *http.Request) error {
	tenant, p, within, err := n.askedOf(r, "service", "start", "end")
	if err != nil {
		return err
	}
	found, err := analyze.AssessQuality(r.Context(), n.store, tenant, analyze.QualityOptions{
		Within: within, Service: p.Get("service"), Now: uint64(n.Now().UnixNano()),
	})
	if err != nil {
		return err
	}
	return writeJSON(w, quality(found, Range(within)))
}

func quality(found *analyze.Quality, within Range) *Quality {
	q := &Quality{
		Range: within, Category: found.Category, Looked: found.Looked, Spans: found.Spans,
		Services: make([]ServiceQuality, len(found.Services)), Gaps: found.Gaps, Stats: Stats(found.Stats),
	}
	if len(found.Services) > 0 {
		q.Score = &found.Score
	}
	for _, r := range analyze.UnjudgedRules {
		q.NotJudged = append(q.NotJudged, UnjudgedRule(r))
	}
	for i := range found.Services {
		from := &found.Services[i]
		to := &q.Services[i]
		*to = ServiceQuality{
			Name: from.Name, Language: from.Language, Score: from.Score, Category: from.Category,
			Seen: from.Seen, Count: from.Count, Names: from.Names, Findings: make([]QualityFinding, len(from.Findings)),
		}
		for k := range from.Findings {
			to.Findings[k] = qualityFinding(&from.Findings[k])
		}
	}
	return q
}

func qualityFinding(from *analyze.QualityFinding) QualityFinding {
	r := from.Rule
	f := QualityFinding{
		Rule: r.ID, Title: r.Title, Impact: r.Impact.String(), Scored: r.Scored, Meaning: r.Meaning, Fix: from.Fix,
		Seen: from.Seen, Count: from.Count, Of: from.Of, Unit: r.Unit, Share: from.Count / max(from.Of, 1),
		Cases: make([]QualityCase, len(from.Cases)), MoreCases: from.MoreCases,
	}
	for i, c := range from.Cases {
		f.Cases[i] = QualityCase{c.What, c.Caller, c.Callee, c.Protocol, c.Seen, c.Count, make([]QualityExample, len(c.Examples))}
		for k, e := range c.Examples {
			f.Cases[i].Examples[k] = QualityExample{e.TraceID.String(), e.SpanID.String(), e.Start}
		}
	}
	return f
}
