package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
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
		"tail": {func() sample.Overview {
			return sample.Overview{Default: sample.ServiceStrategy{Type: "probabilistic", Param: 1, Operations: []sample.OperationStrategy{}}, Services: []sample.ServiceStrategy{},
				Tail: &sample.TailOverview{Policies: []string{"errors"}, WindowSeconds: 900, Problem: "the disk is full", Decided: []sample.PolicyCount{{Kept: 1, Dropped: 2}}}}
		}, `{"default":{"type":"probabilistic","param":1,"operations":[]},"services":[],` +
			`"tail":{"policies":["errors"],"windowSeconds":900,"dryRun":false,"problem":"the disk is full","decided":[{"policy":"","kept":1,"dropped":2}]}}`},
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

func TestNativeKeep(t *testing.T) {
	cfg := testConfig()
	cfg.Keep = func(_ context.Context, tenant string, q *traceql.Query) (sample.Kept, error) {
		if tenant != store.DefaultTenant || q.String() != "{ status = error || .error = true }" {
			t.Errorf("tenant %q, query %s", tenant, q)
		}
		return sample.Kept{Kept: 3, Already: 2, Gaps: []string{"a block"}}, nil
	}
	const path = "/api/clew/v1/sampling/keep"
	with, without := NewNative(cfg, filled(t)), NewNative(testConfig(), filled(t))
	for url, c := range map[string]struct {
		h    http.Handler
		code int
		want string
	}{
		path + "?q=error%3Dtrue":    {with, 200, `{"kept":3,"already":2,"gaps":["a block"]}`},
		path:                        {with, 400, "q is not set"},
		path + "?q=%7B":             {with, 400, `"column":`},
		path + "?q=%7B%7D%7Crate()": {with, 400, "finds no traces"},
		path + "?q=%7B%7D&limit=1":  {with, 400, "limit"},
		path + "?q=%7B%7D":          {without, 400, "there is no tail sampling"},
	} {
		res := serve(t, c.h, httptest.NewRequestWithContext(t.Context(), http.MethodPost, url, nil))
		if res.Code != c.code || !strings.Contains(res.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d and %s", url, res.Code, res.Body, c.code, c.want)
		}
	}
}
