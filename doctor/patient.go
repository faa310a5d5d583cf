package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"
)

// Patient is what Diagnose looks at, from where it runs.
type Patient struct {
	Env Variables
	// Ask asks the server whose URL is Server.
	Ask    Asker
	Server *url.URL
	Tenant string // "": the server's default
	Host   string // the name of the host that this runs on
	Since  time.Duration
	// Send lets test spans be sent.
	Send bool
	Now  func() time.Time
}

// Diagnose makes all checks. What cannot be made because the server does not answer is skipped, and said so.
func Diagnose(ctx context.Context, p *Patient) *Report {
	target, found := Environment(p.Env)
	r := &Report{Findings: found, Checklist: []Finding{}}
	add := func(list ...Finding) { r.Findings = append(r.Findings, list...) }

	var status *Status
	if err := p.Ask(ctx, "status", nil, &status); err != nil {
		status = nil
		add(p.unanswered(ctx, err))
	}
	if target != nil {
		add(Endpoint(ctx, target, p.Env, status)...)
	}
	if status == nil {
		add(Finding{ID: "not-looked-at", Check: CheckEndpoints, Result: Skipped, Title: "Round trips, clocks, and what the server has and counts, as it does not answer"})
		r.Result = Worst(r.Findings)
		return r
	}
	add(Listeners(ctx, status, p.Server)...)
	if clock, err := Clock(ctx, p.Ask, p.Host, p.Now); err == nil {
		add(clock)
	}
	var report Report
	end := instant(status.Time)
	asked := url.Values{"start": {end.Add(-p.Since).Format(time.RFC3339Nano)}, "end": {end.Format(time.RFC3339Nano)}}
	if err := p.Ask(ctx, "doctor", asked, &report); err != nil {
		add(Finding{ID: "server-failed", Check: CheckStorage, Result: Problem, Title: "The server could not look at what it has stored", Evidence: []string{err.Error()}, Fix: "narrow the time with --since; the server's log says more"})
	}
	add(report.Findings...)
	if p.Send { // last, so that what the server counts is of others
		add(RoundTrips(ctx, p.Ask, status, p.Server, p.Tenant)...)
	}
	r.Checklist, r.Gaps = report.Checklist, report.Gaps
	r.Result = Worst(r.Findings)
	return r
}

// unanswered makes a finding of a server that gives no status.
func (p *Patient) unanswered(ctx context.Context, err error) Finding {
	address := p.Server.Host
	if p.Server.Port() == "" {
		address = net.JoinHostPort(p.Server.Hostname(), map[bool]string{true: "443", false: "80"}[p.Server.Scheme == "https"])
	}
	const meaning = "While it is away, SDKs keep what fits their queues, try again for a while, and then drop spans; stored traces are safe on its disk."
	s := identify(ctx, address)
	if s.dial != nil {
		f := unreachable(CheckEndpoints, "the server", address, s.dial)
		f.ID = "server-" + f.ID
		f.Evidence = append(f.Evidence, meaning)
		return f
	}
	return Finding{
		ID: "server-other", Check: CheckEndpoints, Result: Problem, Title: fmt.Sprintf("What answers at %s is not Clew's http port", p.Server.Redacted()),
		Evidence: []string{"it speaks " + s.String(), err.Error()}, Cause: "--server names another port or path, or a proxy stands before it.",
		Fix: "give the URL of the http listener, such as http://HOST:16686, with its --http.path-prefix",
	}
}
