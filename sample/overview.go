package sample

import (
	"slices"
	"time"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
)

// Overview is how sampling stands at present: what services are told at the head, and what is decided at the tail.
type Overview struct {
	// Default is for services that nothing else is said of: that of the file or, if adaptive sampling is on, how it begins.
	Default ServiceStrategy `json:"default"`
	// Services are those that the file of strategies names, sorted.
	Services []ServiceStrategy `json:"services"`
	// Adaptive is not there if adaptive sampling is off.
	Adaptive *AdaptiveOverview `json:"adaptive,omitempty"`
	// Tail is not there without tail sampling.
	Tail *TailOverview `json:"tail,omitempty"`
	// FileProblem is what was wrong with the file of strategies when it was last read; those before hold.
	FileProblem string `json:"fileProblem,omitempty"`
}

// ForTenant returns what a tenant may know that has certain services: nothing of the others', whom problems may name.
func (o Overview) ForTenant(service func(name string) bool) Overview {
	o.Services = slices.DeleteFunc(slices.Clone(o.Services), func(s ServiceStrategy) bool { return !service(s.Service) })
	if o.Adaptive != nil {
		adaptive := *o.Adaptive
		adaptive.Operations = slices.DeleteFunc(slices.Clone(adaptive.Operations), func(p Probability) bool { return !service(p.Service) })
		o.Adaptive = &adaptive
	}
	o.FileProblem = withoutNames("the file cannot be used", o.FileProblem)
	if o.Tail != nil {
		tail := *o.Tail
		tail.FileProblem = withoutNames("the file cannot be used", tail.FileProblem)
		tail.Problem = withoutNames("the last round failed", tail.Problem)
		o.Tail = &tail
	}
	return o
}

// withoutNames tells of a problem, if there is one, only what it is about.
func withoutNames(what, problem string) string {
	if problem == "" {
		return ""
	}
	return what + "; the server's log says why"
}

// ServiceStrategy is a strategy as a file of strategies has it.
type ServiceStrategy struct {
	Service    string              `json:"service,omitempty"`
	Type       string              `json:"type"` // probabilistic or ratelimiting
	Param      float64             `json:"param"`
	Operations []OperationStrategy `json:"operations"`
}

// OperationStrategy is the probability of an operation.
type OperationStrategy struct {
	Operation   string  `json:"operation"`
	Probability float64 `json:"probability"`
}

// AdaptiveOverview is what adaptive sampling has found.
type AdaptiveOverview struct {
	TargetSamplesPerSecond float64       `json:"targetSamplesPerSecond"`
	Operations             []Probability `json:"operations"` // sorted by service and operation
}

// TailOverview is what tail sampling does.
type TailOverview struct {
	// Policies are the names of those that hold; none if no file could be read yet.
	Policies      []string `json:"policies"`
	WindowSeconds float64  `json:"windowSeconds"`
	DryRun        bool     `json:"dryRun"`
	// FileProblem is what was wrong with the file of policies when it was last read; those before hold.
	FileProblem string `json:"fileProblem,omitempty"`
	// Problem is why the last round failed; what is not decided stays.
	Problem string `json:"problem,omitempty"`
	// Decided are the traces decided about in the last day.
	Decided []PolicyCount `json:"decided"`
}

// Overview returns what holds now.
func (t *Tail) Overview() *TailOverview {
	o := &TailOverview{Policies: []string{}, WindowSeconds: t.cfg.Window.Seconds(), DryRun: t.cfg.DryRun, Decided: t.decisions.counts(t.now().Add(-24 * time.Hour))}
	if p := t.policies.Current(); p != nil {
		o.Policies = p.Names()
	}
	o.FileProblem = t.policies.Problem()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.problem != nil {
		o.Problem = t.problem.Error()
	}
	return o
}

// Overview returns what holds now.
func (h *Head) Overview() Overview {
	strategies := h.source.Current()
	o := Overview{Default: describe("", strategies.fallback), Services: []ServiceStrategy{}, FileProblem: h.source.Problem()}
	for _, service := range strategies.Services() {
		o.Services = append(o.Services, describe(service, strategies.services[service]))
	}
	if h.adaptive != nil {
		o.Default = ServiceStrategy{Type: "probabilistic", Param: h.adaptive.cfg.InitialProbability, Operations: []OperationStrategy{}}
		o.Adaptive = &AdaptiveOverview{h.adaptive.cfg.TargetSamplesPerSecond, h.adaptive.Probabilities()}
	}
	return o
}

func describe(service string, r *Response) ServiceStrategy {
	s := ServiceStrategy{Service: service, Type: "probabilistic", Operations: []OperationStrategy{}}
	if r.StrategyType == api_v2.SamplingStrategyType_RATE_LIMITING {
		s.Type, s.Param = "ratelimiting", float64(r.RateLimitingSampling.GetMaxTracesPerSecond())
	} else {
		s.Param = r.ProbabilisticSampling.GetSamplingRate()
	}
	for _, o := range r.OperationSampling.GetPerOperationStrategies() {
		s.Operations = append(s.Operations, OperationStrategy{o.Operation, o.ProbabilisticSampling.GetSamplingRate()})
	}
	return s
}
