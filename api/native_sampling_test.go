package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

// A tenant is told of the services that it has, and nothing of those of others.
func TestNativeSamplingOfATenant(t *testing.T) {
	cfg := testConfig()
	cfg.Sampling = func() sample.Overview {
		mine, others := sample.OperationStrategy{Operation: "mine"}, sample.OperationStrategy{Operation: "secret"}
		return sample.Overview{
			Services: []sample.ServiceStrategy{{Service: "secret", Operations: []sample.OperationStrategy{others}}, {Service: "frontend", Operations: []sample.OperationStrategy{mine}}},
			Adaptive: &sample.AdaptiveOverview{Operations: []sample.Probability{{Service: "frontend", Operation: "mine"}, {Service: "secret", Operation: "secret"}}},
			Tail:     &sample.TailOverview{Problem: "tenant secret: the disk is full", FileProblem: "policy secret"},

			FileProblem: "service secret",
		}
	}
	h := NewNative(cfg, filled(t, recorded(t)...))
	ask := func(path, tenant string) string {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/api/clew/v1/"+path, nil)
		r.Header.Set("X-Scope-OrgID", tenant)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	if all := ask("sampling", ""); strings.Count(all, "secret") != 7 {
		t.Errorf("the operator is told %s", all)
	}
	if own := ask("sampling", store.DefaultTenant); strings.Contains(own, "secret") || strings.Count(own, `"frontend"`) != 2 || strings.Count(own, "the server's log says why") != 3 {
		t.Errorf("the tenant is told %s", own)
	}
	if none := ask("sampling", "acme"); strings.Contains(none, "frontend") {
		t.Errorf("another tenant is told %s", none)
	}
	for tenant, told := range map[string]bool{"": true, "acme": false} {
		if got := ask("doctor", tenant); strings.Contains(got, "secret") != told {
			t.Errorf("the doctor tells %q %s", tenant, got)
		}
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

func TestNativeSimulate(t *testing.T) {
	cfg := testConfig()
	cfg.TailSlice = time.Minute
	h := NewNative(cfg, filled(t))
	const policies = "policies:\n- {name: errors, type: error}\n- {name: half, type: probabilistic, probabilistic: {sampling_percentage: 50, hash_salt: x}}\n"
	const path = "/api/clew/v1/sampling/simulate"
	const hour = path + "?start=2025-12-01T12:00:00Z&end=2025-12-01T13:00:00Z"
	for _, c := range []struct {
		url, body string
		code      int
		want      string
	}{
		{hour, policies, 200, `"slices":60,"sliceSeconds":60,"stored":{"traces":0,"spans":0,"bytes":0}`},
		{hour, policies, 200, `"warnings":["line 3: policy \"half\": probabilistic.hash_salt is ignored`},
		{path, `{"policies":[{"name":"all","type":"always_sample"}]}`, 200, `"policies":[{"policy":"all"`},
		{path, "", 400, "the file is empty"},
		{path, "policies:\n- {name: errors, type: error}\n- {name: b, type: eror}", 400, `policies: line 3: policy \"b\": there is no type \"eror\"`},
		{path, "- {name: a, type: traceql, traceql: {query: '{ a'}}", 400, "policies: line 1:"},
		{path, strings.Repeat("#", maxPoliciesBytes+1), 400, "more than 1048576 bytes"},
		{path + "?q=x", policies, 400, "unknown parameter 'q'"},
		{path + "?start=5&end=4", policies, 400, "start must be before end"},
		{path + "?start=1", policies, 400, "the range is too long: policies are tried in slices of 1m0s, and on at most 333h20m0s at once"},
	} {
		res := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.url, strings.NewReader(c.body))
		h.ServeHTTP(res, req)
		checkDescribed(t, req, res)
		if res.Code != c.code || !strings.Contains(res.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d and %s", c.url, res.Code, res.Body, c.code, c.want)
		}
	}
}
