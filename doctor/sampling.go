package doctor

import (
	"fmt"

	"github.com/clewhq/clew/analyze"
)

// rare is the probability from which on sampling is called tiny.
const rare = 0.001

// sampling tells what the server tells SDKs, what thresholds arrive, and what is dropped at the tail.
func (s *Subject) sampling(found *analyze.Survey, m metrics) (list []Finding) {
	list = append(list, s.tail(m)...)
	const fix = "set it in the file of --sampling.strategies or by --sampling.default-probability; `clew sampling` shows what holds"
	add := func(result Result, id, title, service string) {
		f := Finding{ID: id, Check: CheckSampling, Result: result, Title: title, Fix: fix,
			Cause: "SDKs with a remote sampler (jaeger_remote) ask this server, and drop what they are told to."}
		if service != "" {
			f.Services = []string{service}
		}
		list = append(list, f)
	}
	judge := func(who, service, unit string, param float64, scarce float64) {
		switch {
		case param == 0:
			add(Problem, "sampling-zero", who+" sample nothing, if they ask this server", service)
		case param < scarce:
			add(Warning, "sampling-tiny", fmt.Sprintf("%s sample %g %s, if they ask this server", who, param, unit), service)
		}
	}
	if d := s.Sampling.Default; s.Sampling.Adaptive == nil {
		judge("Services that are not named", "", unitOf(d.Type), d.Param, scarceOf(d.Type))
	}
	for _, one := range s.Sampling.Services {
		judge("Processes of "+one.Service, one.Service, unitOf(one.Type), one.Param, scarceOf(one.Type))
		for _, op := range one.Operations {
			if op.Probability == 0 && one.Param != 0 {
				add(OK, "sampling-operation-zero", fmt.Sprintf("Processes of %s sample no %q, if they ask this server", one.Service, op.Operation), one.Service)
			}
		}
	}
	spans, stands := uint64(0), 0.0
	for i := range found.Services {
		one := &found.Services[i]
		spans, stands = spans+one.Spans, stands+one.Stands
		if float64(one.Spans)*1000 < one.Stands {
			list = append(list, Finding{
				ID: "sampled-rarely", Check: CheckSampling, Result: Warning, Services: []string{one.Name}, Traces: []string{one.Example.String()},
				Title: fmt.Sprintf("%s keeps one span in %.0f", nameOf(one.Name), one.Stands/float64(one.Spans)),
				Cause: "Its sampler says so by the threshold in tracestate (ot=th); most requests leave no trace.", Fix: "raise the ratio of its sampler (OTEL_TRACES_SAMPLER_ARG), or sample the rare and the slow at the tail",
			})
		}
	}
	if spans > 0 && Worst(list) == OK {
		title := "No sampling shows: stored spans stand for themselves, and the server tells SDKs to keep a good part"
		if stands > float64(spans) {
			title = fmt.Sprintf("Stored spans stand for %.3g times as many, which counts and rates take into account", stands/float64(spans))
		}
		list = append(list, Finding{ID: "sampling-share", Check: CheckSampling, Result: OK, Title: title, Evidence: []string{count(spans, "span") + " by the thresholds in tracestate (ot=th); a sampler that writes none does not show"}})
	}
	return list
}

// tail tells what share of traces the server itself drops once it has seen them.
func (s *Subject) tail(m metrics) []Finding {
	kept, dropped := m.sum("clew_tail_traces_total", "decision", "kept"), m.sum("clew_tail_traces_total", "decision", "dropped")
	if dropped == 0 {
		return nil
	}
	f := Finding{
		ID: "tail-drops", Check: CheckSampling, Result: OK, Title: fmt.Sprintf("Tail sampling keeps %.3g %% of traces", 100*kept/(kept+dropped)),
		Evidence: lines(m.by("clew_tail_traces_total", "policy", "decision"), "trace", ""),
		Cause:    "Traces that no policy keeps are dropped some time after they came; until then they are found.", Fix: "keep more by the policies of tail sampling (docs/sampling.md)",
	}
	switch {
	case kept == 0:
		f.Result, f.Title = Problem, "Tail sampling keeps no trace"
	case kept < rare*(kept+dropped):
		f.Result = Warning
	}
	return []Finding{f}
}

func unitOf(kind string) string {
	if kind == "ratelimiting" {
		return "traces a second"
	}
	return "of their traces"
}

func scarceOf(kind string) float64 {
	if kind == "ratelimiting" {
		return 0 // they are whole numbers
	}
	return rare
}
