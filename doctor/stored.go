package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/clewhq/clew/analyze"
	"github.com/clewhq/clew/store"
)

const (
	// quietAtLeast is how long a service may send nothing without being told of.
	quietAtLeast = 2 * time.Minute
	// quietPauses is how many of its longest pauses it may.
	quietPauses = 3
	// usualRange is where the usual pause is looked for of a service that sent nothing lately.
	usualRange = 24 * time.Hour
	// maxSilent bounds the services that are looked for one by one.
	maxSilent = 200
	// ahead is how far spans may lie in the future.
	ahead = 5 * time.Second
)

// services tells who sends, who stopped, and who is new.
func (s *Subject) services(ctx context.Context, found *analyze.Survey) (list []Finding, err error) {
	here := map[string]bool{}
	for i := range found.Services {
		one := &found.Services[i]
		here[one.Name] = true
		if f, silent := s.silent(one, s.Within); silent {
			list = append(list, f)
		}
	}
	names, err := s.Store.Services(ctx, s.Tenant, store.TimeRange{})
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, name := range names.List {
		if here[name] || name == Service {
			continue
		}
		if len(gone) == maxSilent {
			break
		}
		last, ok, err := analyze.LastSpan(ctx, s.Store, s.Tenant, name, s.Within.Start)
		switch {
		case err != nil:
			return nil, err
		case !ok: // all of its spans lie in the future
		case s.end().Sub(instant(last)) > 7*24*time.Hour:
			gone = append(gone, fmt.Sprintf("%s: last span %s", nameOf(name), s.ago(last)))
		default:
			usual := store.TimeRange{Start: last - min(last, uint64(usualRange)), End: last + 1}
			one, err := analyze.SurveyOf(ctx, s.Store, s.Tenant, name, usual)
			if err != nil {
				return nil, err
			}
			if f, silent := s.silent(one, usual); silent {
				list = append(list, f)
			}
		}
	}
	if len(gone) > 0 {
		list = append(list, Finding{ID: "service-gone", Check: CheckServices, Result: OK, Title: "Services that sent nothing for a week or longer", Evidence: listed(gone)})
	}
	fresh, err := s.fresh(ctx, found)
	if err != nil {
		return nil, err
	}
	return append(list, fresh...), nil
}

// silent reports whether a service, of which a range tells, has stopped sending.
func (s *Subject) silent(one *analyze.SurveyedService, within store.TimeRange) (Finding, bool) {
	quiet := s.end().Sub(instant(one.Last))
	if one.Spans < 3 || one.Pause <= 0 || quiet < quietAtLeast || quiet < quietPauses*one.Pause {
		return Finding{}, false
	}
	return Finding{
		ID: "service-silent", Check: CheckServices, Result: Warning, Services: []string{one.Name}, Traces: []string{one.Example.String()},
		Title: fmt.Sprintf("%s has sent nothing for %s", nameOf(one.Name), rough(quiet)),
		Evidence: []string{fmt.Sprintf("last span %s, at %s; before, it never paused longer than %s in %s (%s)", s.ago(one.Last),
			instant(one.Last).Format(time.RFC3339), rough(one.Pause), rough(instant(within.End).Sub(instant(within.Start))), count(one.Spans, "span"))},
		Cause: "It is down, gets no requests, samples nothing any more, or cannot reach the server.",
		Fix:   "run `clew doctor --pid N` where it runs, with the id of its process; look into its log for the exporter's errors",
	}, true
}

// fresh tells of the services that were never seen before the range.
func (s *Subject) fresh(ctx context.Context, found *analyze.Survey) ([]Finding, error) {
	older, err := s.Store.Services(ctx, s.Tenant, store.TimeRange{End: s.Within.Start})
	if err != nil || len(older.List) == 0 { // all are new
		return nil, err
	}
	var fresh, services []string
	for i := range found.Services {
		one := &found.Services[i]
		if one.Name == "" || len(fresh) == maxSilent {
			continue
		}
		_, known, err := analyze.LastSpan(ctx, s.Store, s.Tenant, one.Name, s.Within.Start)
		if err != nil {
			return nil, err
		}
		if !known {
			fresh = append(fresh, fmt.Sprintf("%s: first span %s, %s since", one.Name, s.ago(one.First), count(one.Spans, "span")))
			services = append(services, one.Name)
		}
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	return []Finding{{ID: "service-new", Check: CheckServices, Result: OK, Title: "Services seen for the first time", Evidence: listed(fresh), Services: services}}, nil
}

// hidden tells of spans that are there but lie where nobody looks: in another time, or under another tenant.
func (s *Subject) hidden(ctx context.Context, found *analyze.Survey, m metrics) (list []Finding, err error) {
	future, err := analyze.NewSurvey(ctx, s.Store, s.Tenant, store.TimeRange{Start: s.Within.End + uint64(ahead), End: s.Within.End + uint64(100*365*24*time.Hour)})
	if err != nil {
		return nil, err
	}
	list = append(list, s.misdated("clock-future", "in the future", "ahead", future)...)
	if age := uint64(s.Status.Retention); age > 0 && s.Within.End > age {
		past, err := analyze.NewSurvey(ctx, s.Store, s.Tenant, store.TimeRange{End: s.Within.End - age - uint64(time.Hour)})
		if err != nil {
			return nil, err
		}
		list = append(list, s.misdated("clock-past", "longer ago than spans are kept, though they arrived since", "behind", past)...)
	}
	others := m.by("clew_store_block_spans", "tenant")
	for tenant, n := range m.by("clew_store_head_spans", "tenant") {
		others[tenant] += n
	}
	delete(others, s.Tenant)
	evidence, fix := lines(others, "span", ""), "ask with `--tenant NAME`, or send without the header"
	if !s.Operator {
		spans := uint64(0)
		for _, n := range others {
			spans += uint64(n)
		}
		evidence = []string{fmt.Sprintf("%s of %s", count(spans, "span"), count(len(others), "other tenant"))}
		fix = "look at the header that the sender, or the proxy before it, sets; who runs the server is told the names, by a request without the header"
	}
	if len(others) == 0 {
		f, err := s.behind(ctx, m)
		return append(list, f...), err
	}
	f := Finding{
		ID: "other-tenants", Check: CheckReceiving, Result: OK, Title: "There are spans of other tenants", Evidence: evidence,
		Cause: "A sender's X-Scope-OrgID header says whose its spans are; what is asked without the same header does not find them.",
		Fix:   fix,
	}
	if len(found.Services) == 0 {
		f.ID, f.Result, f.Title = "hidden-tenant", Problem, "Spans arrive, but for other tenants than "+s.Tenant
	}
	return append(list, f), nil
}

// behind tells if spans were taken in since the server started, but all of them begin long before.
func (s *Subject) behind(ctx context.Context, m metrics) ([]Finding, error) {
	const slack = 5 * time.Minute // how late spans may come
	taken := m.sum("clew_ingest_spans_total")
	if taken == 0 || s.Status.Started < uint64(slack) {
		return nil, nil
	}
	last, ok, err := analyze.LastSpan(ctx, s.Store, s.Tenant, "", s.Within.End+uint64(ahead))
	if err != nil || !ok || last >= s.Status.Started-uint64(slack) {
		return nil, err
	}
	return []Finding{{
		ID: "clock-behind", Check: CheckClock, Result: Problem, Title: "Spans arrive, but all of them begin long before they come",
		Evidence: []string{fmt.Sprintf("%s taken in since the server started, %s; the latest begins %s", count(uint64(taken), "span"), s.ago(s.Status.Started), s.ago(last))},
		Cause:    "The clock of the sender's host is behind, its times are in a wrong zone or unit, or it sends again what is old.",
		Fix:      "synchronise the host's time (`timedatectl status`, `chronyc tracking`); `clew query --since all` finds what is there",
	}}, nil
}

// misdated tells of spans with times that cannot be right.
func (s *Subject) misdated(id, where, how string, found *analyze.Survey) []Finding {
	var evidence, services, traces []string
	for i := range found.Services {
		one := &found.Services[i]
		if one.Name == Service {
			continue
		}
		off := instant(one.Last).Sub(s.end())
		evidence = append(evidence, fmt.Sprintf("%s: %s, the latest begins %s from the server's time", nameOf(one.Name), count(one.Spans, "span"), signed(off)))
		services, traces = append(services, one.Name), append(traces, one.Example.String())
	}
	if len(evidence) == 0 {
		return nil
	}
	return []Finding{{
		ID: id, Check: CheckClock, Result: Problem, Services: services, Traces: examples(traces), Evidence: listed(evidence),
		Title: "Spans lie " + where + ": searches of recent times do not find them",
		Cause: "The clock of the host is " + how + ", or the sender writes times in a wrong unit (OTLP has nanoseconds, Zipkin and Jaeger microseconds).",
		Fix:   "synchronise the host's time (`timedatectl status`, `chronyc tracking`); `clew query --since all` finds what is there",
	}}
}

func signed(d time.Duration) string {
	if d > 0 {
		return "+" + rough(d)
	}
	return rough(d)
}
