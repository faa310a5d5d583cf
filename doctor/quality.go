package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/analyze"
)

// Rules of trace quality that have findings of their own here.
const (
	rulePropagation       = "CLEW-001"
	ruleSensitiveResource = "RES-010"
	ruleSensitiveSpan     = "SPA-006"
)

// propagation tells of calls whose trace does not go on at the other side.
func propagation(found *analyze.Survey, quality *analyze.Quality) (list []Finding) {
	for i := range quality.Services {
		for _, f := range quality.Services[i].Findings {
			if f.Rule.ID != rulePropagation {
				continue
			}
			for _, c := range f.Cases {
				list = append(list, Finding{
					ID: "propagation-broken", Check: CheckPropagation, Result: Problem, Services: []string{c.Caller, c.Callee}, Traces: tracesOf(c.Examples),
					Title:    fmt.Sprintf("Traces break between %s and %s, over %s", nameOf(c.Caller), nameOf(c.Callee), c.Protocol),
					Evidence: []string{c.What, count(uint64(c.Count), "call")},
					Cause:    fmt.Sprintf("The context (the header traceparent) does not travel with the call; %s is to blame first, as far as other calls tell.", nameOf(quality.Services[i].Name)), Fix: f.Fix,
				})
			}
		}
	}
	broken := len(list)
	joined, orphans, evidence := uint64(0), uint64(0), []string{}
	for _, c := range found.Calls {
		joined += c.Calls
	}
	for i := range found.Services {
		if one := &found.Services[i]; one.Orphans > 0 {
			orphans += one.Orphans
			evidence = append(evidence, fmt.Sprintf("%s: %s", nameOf(one.Name), count(one.Orphans, "span")))
		}
	}
	if orphans > 0 {
		list = append(list, Finding{
			ID: "parents-missing", Check: CheckPropagation, Result: Warning, Title: "The parents of " + count(orphans, "span") + " are not stored", Evidence: listed(evidence),
			Cause: "The caller's spans were not sent: it is not instrumented to export, its queue was full, it was sampled on its own, or it ended without a flush.",
			Fix:   "look at the caller: a proxy or gateway that makes ids but exports no spans, samplers other than parentbased_*, a missing shutdown of the SDK; `clew quality` names the callers",
		})
	}
	if broken == 0 && joined > 0 {
		list = append(list, Finding{ID: "propagation-joined", Check: CheckPropagation, Result: OK, Title: "Calls carry their trace with them", Evidence: []string{count(joined, "call") + " between services have both sides in one trace"}})
	}
	return list
}

func tracesOf(list []analyze.QualityExample) (ids []string) {
	for _, e := range list {
		ids = append(ids, e.TraceID.String())
	}
	return examples(ids)
}

// good is the score from which on the Instrumentation Score calls services good.
const good = 75

// scored sums up how well services are instrumented, and says at once if there are secrets in spans.
func scored(quality *analyze.Quality) (list []Finding) {
	sum := Finding{ID: "quality-score", Check: CheckQuality, Result: OK,
		Fix: "`clew quality` and the page Quality have each finding with examples, and how to mend it"}
	for i := range quality.Services {
		one := &quality.Services[i]
		var rules []string
		for _, f := range one.Findings {
			rules = append(rules, f.Rule.ID)
			if f.Rule.ID == ruleSensitiveResource || f.Rule.ID == ruleSensitiveSpan {
				list = append(list, sensitive(one, &f))
			}
		}
		line := fmt.Sprintf("%s: %.0f, %s", nameOf(one.Name), one.Score, one.Category)
		if len(rules) > 0 {
			line += "; breaks " + strings.Join(rules, ", ")
		}
		sum.Evidence, sum.Services = append(sum.Evidence, line), append(sum.Services, one.Name)
		if one.Score < good {
			sum.Result = Warning
		}
	}
	if len(sum.Services) == 0 {
		return list
	}
	sum.Title = fmt.Sprintf("Trace quality, by the Instrumentation Score: %.0f of 100 (%s)", quality.Score, quality.Category)
	if quality.Looked < quality.Spans {
		sum.Evidence = append([]string{fmt.Sprintf("%d of about %d spans were looked at, chosen by chance", quality.Looked, quality.Spans)}, sum.Evidence...)
	}
	sum.Evidence, sum.Cause = listed(sum.Evidence), "Rules are broken that make traces hard to find or to tell apart."
	return append(list, sum)
}

func sensitive(one *analyze.ServiceQuality, found *analyze.QualityFinding) Finding {
	f := Finding{
		ID: "quality-sensitive", Check: CheckQuality, Result: Warning, Services: []string{one.Name},
		Title: nameOf(one.Name) + " sends secrets or personal data in its spans", Cause: found.Rule.Meaning, Fix: found.Fix,
	}
	for _, c := range found.Cases {
		f.Evidence, f.Traces = append(f.Evidence, c.What), append(f.Traces, tracesOf(c.Examples)...)
	}
	f.Evidence, f.Traces = listed(f.Evidence), examples(f.Traces)
	return f
}

// logs asks whether services send log records that name their trace.
func (s *Subject) logs(ctx context.Context, found *analyze.Survey) (Finding, error) {
	f := Finding{ID: "list-logs", Check: CheckServices, Result: Skipped, Title: "Logs are correlated", Evidence: []string{"no spans are stored in the range"}}
	if s.Logs == nil || len(found.Services) == 0 {
		return f, nil
	}
	records, err := analyze.NewSurvey(ctx, s.Logs, s.Tenant, s.Within)
	if err != nil {
		return f, err
	}
	f.Result, f.Evidence = OK, nil
	for i := range records.Services {
		one := &records.Services[i]
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s with a trace id", nameOf(one.Name), count(one.Spans, "log record")))
		f.Services, f.Traces = append(f.Services, one.Name), append(f.Traces, one.Example.String())
	}
	var without []string
	for i := range found.Services {
		if name := found.Services[i].Name; !slices.Contains(f.Services, name) {
			without = append(without, nameOf(name))
		}
	}
	if len(without) > 0 {
		f.Result = Warning
		f.Evidence = append(f.Evidence, "none of "+strings.Join(without, ", "))
		f.Cause = "These services send spans, but no log records with a trace id to this server; their logs may well be elsewhere."
		f.Fix = "send logs by OTLP to the same port, or `clew logs send FILE --follow` with lines of JSON that have a trace_id"
	}
	f.Evidence, f.Traces = listed(f.Evidence), examples(f.Traces)
	return f, nil
}
