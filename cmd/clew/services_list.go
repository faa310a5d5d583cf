package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
)

type servicesOptions struct {
	client
	times
	compare string
	json    bool
}

func newServicesCmd() *cobra.Command { return new(servicesOptions).command() }

func (o *servicesOptions) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "services [flags] [SERVICE]",
		Short: "Show rate, errors and durations of services, or of the operations of one",
		Long: `Show rate, errors and durations of the requests of every service, or of the
operations of one. A request is a span of kind server or consumer, or one with
which a service began something by itself: without a parent, or with one of
another service. WAITS is how much of the critical paths of the traces that a
service takes part in lies in its spans. The line is the rate over time.`,
		Example: "  clew services\n  clew services checkout --since 6h --compare day",
		Args:    takesArgs(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			service := ""
			if len(args) > 0 {
				service = args[0]
			}
			return o.run(cmd.Context(), service, time.Now(), newScreen(cmd.OutOrStdout()), newScreen(cmd.ErrOrStderr()))
		},
	}
	o.client.addFlags(cmd)
	o.times.addFlags(cmd)
	cmd.Flags().StringVar(&o.compare, "compare", "", "show the change since the same time an `hour`, day or week ago, or since a duration ago such as 30m")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}

// run answers on out; notes gets what is said besides.
func (o *servicesOptions) run(ctx context.Context, service string, now time.Time, out, notes screen) error {
	values := url.Values{"compare": {o.compare}, "service": {service}}
	if service != "" {
		values.Set("by", "operation")
	}
	if o.times.since == sinceAll && o.times.from == "" {
		return errors.New("--since all: a rate needs a range with a beginning, such as --since 24h")
	}
	values.Set("end", now.Format(time.RFC3339Nano))
	if err := o.times.set(values, now); err != nil {
		return err
	}
	var answer api.ServiceList
	if err := o.ask(ctx, "/api/clew/v1/services", values, &answer, notes); err != nil {
		return err
	}
	if o.json {
		return out.printJSON(&answer)
	}
	drawServices(out, &answer, service != "", o.compare)
	if len(answer.Services) == 0 {
		fmt.Fprintln(notes, "no spans found"+o.times.hint())
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

// serviceLine is how many columns the line of rates has at most.
const serviceLine = 30

// drawServices writes a table. With operations it has those, below the service.
// compare says what the changes are since.
func drawServices(out screen, list *api.ServiceList, operations bool, compare string) {
	if len(list.Services) == 0 {
		return
	}
	const columns = "%10s  %7s  %8s  %8s  %8s  %6s  %s  %s"
	width := 0
	for _, s := range list.Services {
		width = min(len(s.Points.Rate), serviceLine, max(out.width/4, 10))
	}
	fmt.Fprintf(out, columns+"\n", "RATE", "ERRORS", "P50", "P95", "P99", "WAITS", fit("", width), "SERVICE")
	since := comparedText(compare)
	line := func(indent, name, waits string, r *api.ServiceRequests) {
		now := &r.Now
		row := fmt.Sprintf(columns, formatRate(now.Rate), trafficText(now, formatShare(now.ErrorShare)),
			trafficText(now, formatNanos(now.P50)), trafficText(now, formatNanos(now.P95)), trafficText(now, formatNanos(now.P99)),
			waits, sparkline(r.Points.Rate, width), indent+name)
		if now.Errors > 0 {
			row = out.red(row)
		}
		fmt.Fprintln(out, row)
		if before := r.Before; before != nil && now.Requests+before.Requests > 0 {
			fmt.Fprintln(out, out.dim(fmt.Sprintf(columns, change(before.Rate, now.Rate),
				points(now.ErrorShare-before.ErrorShare), change(float64(before.P50), float64(now.P50)),
				change(float64(before.P95), float64(now.P95)), change(float64(before.P99), float64(now.P99)), "", fit("", width), indent+since)))
		}
	}
	for i := range list.Services {
		s := &list.Services[i]
		name := printable(s.Name)
		if s.Name == "" {
			name = "(no service)"
		}
		line("", name, formatShare(s.Critical.Share), &s.ServiceRequests)
		if operations {
			for k := range s.Operations {
				line("  ", printable(s.Operations[k].Name), "", &s.Operations[k].ServiceRequests)
			}
		}
	}
}

// comparedText says what a change is since.
func comparedText(compare string) string {
	switch compare {
	case "hour":
		return "vs an hour before"
	case "day", "week":
		return "vs a " + compare + " before"
	case "previous":
		return "vs the same time before"
	}
	return "vs " + compare + " before"
}

// formatRate writes a rate a second, or, if it is low, a minute or an hour.
func formatRate(perSecond float64) string {
	switch {
	case perSecond == 0 || perSecond >= 0.1:
		return formatNumber(perSecond) + "/s"
	case perSecond*60 >= 0.1:
		return formatNumber(perSecond*60) + "/min"
	}
	return formatNumber(perSecond*3600) + "/h"
}

// trafficText is a text about requests, "-" if there are none.
func trafficText(t *api.Traffic, text string) string {
	if t.Requests == 0 {
		return "-"
	}
	return text
}

func formatNanos(n uint64) string { return formatDuration(time.Duration(min(n, math.MaxInt64))) }

// change writes by how much a number grew.
func change(before, now float64) string {
	switch {
	case before == now:
		return "="
	case before == 0:
		return "new"
	}
	return fmt.Sprintf("%+.0f%%", max(min(100*(now/before-1), 99999), -100))
}

// points writes by how much a share grew, in percentage points.
func points(f float64) string {
	if f == 0 {
		return "="
	}
	return fmt.Sprintf("%+.1f", 100*f)
}
