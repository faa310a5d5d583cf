package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/sample"
)

type simulateOptions struct {
	client
	times
	policies string
	json     bool
}

func newSimulateCmd() *cobra.Command { return new(simulateOptions).command() }

func (o *simulateOptions) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "simulate --policies FILE [flags]",
		Short: "Try policies of tail sampling on the traces that are stored",
		Long: `Try policies of tail sampling on the traces that are stored: how many traces,
spans and bytes each policy would have kept, what would have been lost of each
service, operation, status and latency, and how far counts, rates and durations
by what is kept would be off. Nothing is changed. The server needs no tail sampling for it.

Traces are decided as at the tail, but by when they start. Bytes are about those
of OTLP, of what each span takes by itself.`,
		Example: "  clew sampling simulate --policies policies.yaml\n  clew sampling simulate --policies policies.yaml --since 3h --json",
		Args:    takesArgs(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), time.Now(), newScreen(cmd.OutOrStdout()), newScreen(cmd.ErrOrStderr()))
		},
	}
	o.client.addFlags(cmd)
	o.times.addFlags(cmd)
	since := cmd.Flags().Lookup("since")
	since.DefValue, o.since = "24h", "24h"
	cmd.Flags().StringVar(&o.policies, "policies", "", "`file` of policies, YAML or JSON, as for tail-sampling.policies")
	if err := cmd.MarkFlagRequired("policies"); err != nil {
		panic("BUG: " + err.Error())
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}

// run answers on out; notes gets what is said besides.
func (o *simulateOptions) run(ctx context.Context, now time.Time, out, notes screen) error {
	policies, err := os.ReadFile(o.policies)
	if err != nil {
		return fmt.Errorf("--policies: %w", err)
	}
	values := url.Values{"end": {now.Format(time.RFC3339Nano)}}
	if o.since == sinceAll && o.from == "" {
		return errors.New("--since all: a simulation needs a range with a beginning, such as --since 24h")
	}
	if err := o.times.set(values, now); err != nil {
		return err
	}
	var answer sample.Simulation
	if err := o.post(ctx, "/api/clew/v1/sampling/simulate", values, "application/yaml", bytes.NewReader(policies), &answer); err != nil {
		return err
	}
	switch {
	case o.json:
		if err := out.printJSON(&answer); err != nil {
			return err
		}
	case answer.Stored.Traces == 0:
		fmt.Fprintln(notes, "no traces found"+o.times.hint())
	default:
		drawSimulation(out, &answer)
	}
	for _, w := range answer.Warnings {
		fmt.Fprintf(notes, "%s: %s\n", printable(o.policies), printable(w))
	}
	if answer.Partial() {
		fmt.Fprintf(notes, "time ran out: this is about traces that start before %s; a shorter range takes less, query.timeout allows more\n",
			notes.time(answer.Until).Format(time.DateTime))
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

func drawSimulation(out screen, s *sample.Simulation) {
	const columns = "%12s  %12s  %10s  %6s  %s\n"
	fmt.Fprintf(out, columns, "TRACES", "SPANS", "BYTES", "SHARE", "KEPT BY POLICY")
	line := func(a sample.Amount, what string) {
		fmt.Fprintf(out, columns, grouped(int(a.Traces)), grouped(int(a.Spans)), formatBytes(a.Bytes), formatShare(ratio(a.Spans, s.Stored.Spans)), what)
	}
	for _, p := range s.Policies {
		if p.Policy != "" {
			line(p.Kept, printable(p.Policy))
		}
	}
	line(s.Kept, "(all that stays)")
	line(s.Stored, "(all that is stored)")
	drawLosses(out, s)
	drawRates(out, s)
	drawDurations(out, s)
}

// drawLosses tells of what most is lost. Services and operations count in spans, the others in traces.
func drawLosses(out screen, s *sample.Simulation) {
	const columns = "%12s  %6s  %s\n"
	table := func(unit, what string, parts []sample.SimulatedPart, size func(sample.Amount) uint64) {
		fmt.Fprintf(out, "\n"+columns, unit, "SHARE", what)
		for i := range parts {
			p := &parts[i]
			if size(p.Stored) == 0 {
				continue
			}
			lost := size(p.Stored) - size(p.Kept)
			fmt.Fprintf(out, columns, grouped(int(lost)), formatShare(ratio(lost, size(p.Stored))), partName(p))
		}
	}
	spans := func(a sample.Amount) uint64 { return a.Spans }
	traces := func(a sample.Amount) uint64 { return a.Traces }
	table("LOST SPANS", "SERVICE", s.Services, spans)
	table("LOST SPANS", "OPERATION", s.Operations, spans)
	table("LOST TRACES", "STATUS", s.Statuses, traces)
	table("LOST TRACES", "DURATION", s.Latencies, traces)
}

// drawRates tells how far counts of spans would be off, in percent of the true ones.
func drawRates(out screen, s *sample.Simulation) {
	const columns = "%12s  %12s  %7s  %9s  %s\n"
	fmt.Fprintf(out, "\n"+columns, "SPANS", "BY KEPT", "OFF", "STD ERROR", "SERVICE, OPERATION")
	line := func(r *sample.SimulatedRate, name string) {
		if r == nil {
			return
		}
		fmt.Fprintf(out, columns, wholeNumber(r.Spans), wholeNumber(r.Estimate), fmt.Sprintf("%+.1f%%", 100*(r.Estimate-r.Spans)/r.Spans), standardError(r), name)
	}
	line(&s.Rate, "(all)")
	for _, list := range [][]sample.SimulatedPart{s.Services, s.Operations} {
		for i := range list {
			line(list[i].Rate, partName(&list[i])+unseenText(list[i].Rate))
		}
	}
	if s.Rate.Unseen > 0 {
		fmt.Fprintln(out, out.dim("Spans of traces that no policy gives a chance are lost to rates: only a policy for the rest, as probabilistic, keeps them right."))
	}
}

// drawDurations tells how long requests of services took, and how long they would seem to have taken.
func drawDurations(out screen, s *sample.Simulation) {
	const columns = "%12s  %17s  %17s  %17s  %s\n"
	fmt.Fprintf(out, "\n"+columns, "REQUESTS", "P50 BY KEPT", "P95 BY KEPT", "P99 BY KEPT", "SERVICE (OF WHICH ARE KEPT)")
	for i := range s.Services {
		p := &s.Services[i]
		d := p.Durations
		if d == nil {
			continue
		}
		both := func(truth, estimate uint64) string {
			if d.Kept == 0 {
				return formatNanos(truth) + " -"
			}
			return formatNanos(truth) + " " + fmt.Sprintf("%8s", formatNanos(estimate))
		}
		fmt.Fprintf(out, columns, wholeNumber(d.Requests), both(d.Truth.P50, d.Estimate.P50), both(d.Truth.P95, d.Estimate.P95), both(d.Truth.P99, d.Estimate.P99),
			fmt.Sprintf("%s (%s)", partName(p), grouped(int(d.Kept))))
	}
}

func standardError(r *sample.SimulatedRate) string {
	if r.Estimate == 0 {
		return "-" // nothing is known of it
	}
	return fmt.Sprintf("±%.1f%%", 100*r.StandardError/r.Spans)
}

func unseenText(r *sample.SimulatedRate) string {
	if r == nil || r.Unseen == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s without a chance)", formatShare(r.Unseen/r.Spans))
}

func partName(p *sample.SimulatedPart) string {
	switch {
	case p.Others > 0:
		return fmt.Sprintf("(%s others)", grouped(p.Others))
	case p.Service == "" && p.Rate == nil:
		return printable(p.Name)
	case p.Name == "" && p.Service != "":
		return printable(p.Service)
	}
	return title(p.Service, p.Name)
}

func wholeNumber(f float64) string { return grouped(int(math.Round(min(f, math.MaxInt64/2)))) }

func ratio(part, whole uint64) float64 { return float64(part) / float64(max(whole, 1)) }
