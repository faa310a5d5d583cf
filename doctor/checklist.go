package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/analyze"
)

// checklist answers from what is stored whether tracing is set up. Questions about which nothing is known are skipped.
func (s *Subject) checklist(found *analyze.Survey, graph *analyze.Graph, findings []Finding) []Finding {
	return []Finding{
		s.instrumented(found),
		propagates(found, findings, "list-propagation-http", "HTTP", analyze.HTTP),
		propagates(found, findings, "list-propagation-grpc", "gRPC", analyze.RPC),
		answer("list-sampling", CheckSampling, "Sampling is appropriate", findings, "sampling-zero", "sampling-tiny", "sampled-rarely", "tail-drops", "sampling-share"),
		answer("list-collector", CheckReceiving, "The collector is reachable and takes spans", findings, "refused-overload", "refused-unavailable", "refused-malformed", "packets-dropped", "nothing-received", "spans-accepted"),
		visible(graph),
	}
}

// instrumented asks whether services send spans under names of their own.
func (s *Subject) instrumented(found *analyze.Survey) Finding {
	f := Finding{ID: "list-instrumented", Check: CheckServices, Result: OK, Title: "Instrumentation is configured"}
	for i := range found.Services {
		one := &found.Services[i]
		line := fmt.Sprintf("%s: %s, %s", nameOf(one.Name), count(one.Spans, "span"), count(one.Roots, "trace")+" begun")
		if one.Name == "" || strings.HasPrefix(one.Name, "unknown_service") {
			f.Result = Warning
			line += "; has no name of its own"
			f.Cause, f.Fix = "An SDK without service.name calls its service unknown_service.", "set OTEL_SERVICE_NAME"
		}
		f.Evidence, f.Services = append(f.Evidence, line), append(f.Services, one.Name)
		if len(f.Traces) < 3 {
			f.Traces = append(f.Traces, one.Example.String())
		}
	}
	if len(found.Services) == 0 {
		f.Result, f.Title = Problem, "No service has sent a span in "+rough(s.since())
		f.Fix = "see docs/troubleshooting.md, and run `clew doctor --pid N` with the id of the application's process"
	}
	f.Evidence = listed(f.Evidence)
	return f
}

// propagates asks whether calls over a protocol, that has a name in what was found, carry their trace.
func propagates(found *analyze.Survey, findings []Finding, id, name, protocol string) Finding {
	f := Finding{ID: id, Check: CheckPropagation, Result: OK, Title: "Calls over " + name + " carry their trace"}
	for _, one := range findings {
		if one.ID == "propagation-broken" && strings.HasSuffix(one.Title, protocol) {
			f.Result, f.Title = Problem, "Calls over "+name+" lose their trace"
			f.Evidence, f.Traces = append(f.Evidence, one.Title), append(f.Traces, one.Traces...)
			f.Cause, f.Fix = one.Cause, one.Fix
		}
	}
	for _, c := range found.Calls {
		if c.Protocol == protocol {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s to %s: %s in one trace", nameOf(c.Caller), nameOf(c.Callee), count(c.Calls, "call")))
			f.Traces = append(f.Traces, c.Example.String())
		}
	}
	if len(f.Evidence) == 0 {
		f.Result, f.Title, f.Evidence = Skipped, "Propagation in "+name, []string{"no calls between two services over " + name + " were seen"}
	}
	f.Evidence, f.Traces = listed(f.Evidence), examples(f.Traces)
	return f
}

// answer sums up the findings of some ids.
func answer(id string, check Check, title string, findings []Finding, ids ...string) Finding {
	f := Finding{ID: id, Check: check, Result: Skipped, Title: title}
	var about []Finding
	for _, one := range findings {
		if !slices.Contains(ids, one.ID) {
			continue
		}
		about = append(about, one)
		f.Evidence = append(append(f.Evidence, one.Title), one.Evidence...)
		f.Traces = append(f.Traces, one.Traces...)
		if one.Result == Problem || one.Result == Warning && Worst(about) == Warning {
			f.Cause, f.Fix = one.Cause, one.Fix
		}
	}
	if len(about) > 0 {
		f.Result = Worst(about)
	} else {
		f.Evidence = []string{"nothing is known about it: no spans are stored in the range"}
	}
	f.Evidence, f.Traces = listed(f.Evidence), examples(f.Traces)
	return f
}

// visible asks whether the map of services shows who calls whom.
func visible(graph *analyze.Graph) Finding {
	f := Finding{ID: "list-dependencies", Check: CheckPropagation, Result: OK, Title: "The dependency graph is visible"}
	senders := 0
	for _, node := range graph.Nodes {
		if node.Spans > 0 && node.Name != Service {
			senders++
		}
	}
	for _, e := range graph.Edges {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s calls %s: %s", e.Caller, e.Callee, count(e.Calls, "time")))
	}
	f.Evidence = listed(f.Evidence)
	switch {
	case len(graph.Edges) > 0:
	case senders > 1:
		f.Result, f.Title = Warning, "Services send spans, but none calls another"
		f.Cause, f.Fix = "Calls are not instrumented at the client's or at the server's side, or their traces break.", "instrument the libraries that make and take calls; see the questions about propagation"
	default:
		f.Result, f.Evidence = Skipped, []string{"fewer than two services send spans"}
	}
	return f
}
