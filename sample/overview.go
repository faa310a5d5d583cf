package sample

import "github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"

// Overview is what head sampling tells services at present.
type Overview struct {
	// Default is for services that nothing else is said of: that of the file or, if adaptive sampling is on, how it begins.
	Default ServiceStrategy `json:"default"`
	// Services are those that the file of strategies names, sorted.
	Services []ServiceStrategy `json:"services"`
	// Adaptive is not there if adaptive sampling is off.
	Adaptive *AdaptiveOverview `json:"adaptive,omitempty"`
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

// Overview returns what holds now.
func (h *Head) Overview() Overview {
	strategies := h.source.Current()
	o := Overview{Default: describe("", strategies.fallback), Services: []ServiceStrategy{}}
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
