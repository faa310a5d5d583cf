package api

import (
	"strings"
	"testing"

	"github.com/clewhq/clew/sample"
)

func TestNativeSampling(t *testing.T) {
	for name, c := range map[string]struct {
		sampling func() sample.Overview
		want     string
	}{
		"nothing is said": {nil, `{"default":{"type":"probabilistic","param":1,"operations":[]},"services":[]}`},
		"strategies and adaptive": {func() sample.Overview {
			return sample.Overview{
				Default:  sample.ServiceStrategy{Type: "probabilistic", Param: .5, Operations: []sample.OperationStrategy{{Operation: "/health"}}},
				Services: []sample.ServiceStrategy{{Service: "shop", Type: "ratelimiting", Param: 5, Operations: []sample.OperationStrategy{}}},
				Adaptive: &sample.AdaptiveOverview{TargetSamplesPerSecond: 1, Operations: []sample.Probability{{Service: "web", Operation: "buy", Probability: .25, Rate: 4}}},
			}
		}, `{"default":{"type":"probabilistic","param":0.5,"operations":[{"operation":"/health","probability":0}]},` +
			`"services":[{"service":"shop","type":"ratelimiting","param":5,"operations":[]}],` +
			`"adaptive":{"targetSamplesPerSecond":1,"operations":[{"service":"web","operation":"buy","probability":0.25,"rate":4}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Sampling = c.sampling
			if body := getOK(t, NewNative(cfg, filled(t)), "/api/clew/v1/sampling"); strings.TrimSpace(string(body)) != c.want {
				t.Errorf("got  %s\nwant %s", body, c.want)
			}
		})
	}
}
