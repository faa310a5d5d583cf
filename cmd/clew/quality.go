package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
)

type qualityOptions struct {
	client
	times
	json bool
}

func newQualityCmd() *cobra.Command { return new(qualityOptions).command() }

func (o *qualityOptions) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quality [flags] [SERVICE]",
		Short: "Tell how well services are instrumented, and what to mend",
		Long: `Tell how well services are instrumented, by the spans that they sent: a score from
0 to 100 by the rules of the Instrumentation Score, and what is wrong. Of one
service it tells each finding with what it means, the fix and traces to look at.
Findings whose impact is in brackets do not count in the score.`,
		Example: "  clew quality\n  clew quality checkout --since 24h",
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
	cmd.Flags().BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}

// run answers on out; notes gets what is said besides.
func (o *qualityOptions) run(ctx context.Context, service string, now time.Time, out, notes screen) error {
	values := url.Values{"service": {service}, "end": {now.Format(time.RFC3339Nano)}}
	if o.times.since == sinceAll {
		values.Set("start", "1") // nanoseconds since 1970
	}
	if err := o.times.set(values, now); err != nil {
		return err
	}
	var answer api.Quality
	if err := o.ask(ctx, "/api/clew/v1/quality", values, &answer, notes); err != nil {
		return err
	}
	if o.json {
		return out.printJSON(&answer)
	}
	switch {
	case len(answer.Services) == 0:
		fmt.Fprintln(notes, "no spans found"+o.times.hint())
	case service != "":
		for i := range answer.Services {
			drawQuality(out, &answer.Services[i])
		}
	default:
		drawScores(out, &answer)
	}
	if answer.Looked < answer.Spans {
		fmt.Fprintf(notes, "%s of about %s were looked at, chosen by chance\n", grouped(int(answer.Looked)), counted(int(answer.Spans), "span"))
	}
	if len(answer.Services) > 0 {
		fmt.Fprintf(notes, "the scores are not complete: %s cannot be judged, see --json\n", counted(len(answer.NotJudged), "rule"))
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

// drawScores writes a line for each service, with its worst findings.
func drawScores(out screen, q *api.Quality) {
	const columns = "%5s  %-17s  %10s  %s\n"
	fmt.Fprintf(out, columns, "SCORE", "", "SPANS", "SERVICE")
	for i := range q.Services {
		s := &q.Services[i]
		fmt.Fprintf(out, columns, formatScore(s.Score), s.Category, formatNumber(s.Count), qualityName(s))
		for _, f := range s.Findings[:min(len(s.Findings), 3)] {
			fmt.Fprintln(out, out.dim(fmt.Sprintf("%38s %s: %s", "", impactText(&f), printable(f.Title))))
		}
		if more := len(s.Findings) - 3; more > 0 {
			fmt.Fprintln(out, out.dim(fmt.Sprintf("%38s and %d more", "", more)))
		}
	}
	fmt.Fprintf(out, columns, formatScore(*q.Score), q.Category, "", "on average")
}

func qualityName(s *api.ServiceQuality) string {
	if s.Name == "" {
		return "(no service)"
	}
	return printable(s.Name)
}

// formatScore writes a score that is not rounded up, so that it is not taken for a better one.
func formatScore(score float64) string { return fmt.Sprintf("%.1f", float64(int(score*10))/10) }

// impactText has brackets if the finding does not count.
func impactText(f *api.QualityFinding) string {
	if f.Scored {
		return f.Impact
	}
	return "(" + f.Impact + ")"
}

// drawQuality writes all that was found of a service.
func drawQuality(out screen, s *api.ServiceQuality) {
	fmt.Fprintf(out, "%s: %s, %s; %s\n", qualityName(s), formatScore(s.Score), s.Category, counted(int(s.Seen), "span"))
	width := max(out.width, 60)
	for i := range s.Findings {
		f := &s.Findings[i]
		line := fmt.Sprintf("%s %s: %s, %s of %s %s (%s)", f.Rule, impactText(f), printable(f.Title),
			formatNumber(f.Count), formatNumber(f.Of), f.Unit, formatShare(f.Share))
		if f.Impact == "critical" {
			line = out.red(line)
		}
		fmt.Fprintf(out, "\n%s\n", line)
		writeWrapped(out, "  ", f.Meaning, width)
		for _, c := range f.Cases {
			if c.What != "" {
				writeWrapped(out, "  - ", fmt.Sprintf("%s (%s)", printable(c.What), grouped(int(c.Seen))), width)
			}
			if len(c.Examples) > 0 {
				e := c.Examples[0]
				fmt.Fprintln(out, out.dim(fmt.Sprintf("    clew trace %s  (span %s)", e.TraceID, e.SpanID)))
			}
		}
		if f.MoreCases > 0 {
			fmt.Fprintf(out, "  and %d more\n", f.MoreCases)
		}
		writeWrapped(out, "  fix: ", f.Fix, width)
	}
}

// writeWrapped writes a text in lines of some width, behind what the first line begins with.
func writeWrapped(out screen, first, text string, width int) {
	indent := runewidth.StringWidth(first)
	for i, line := range wrapped(text, width-indent) {
		if i > 0 {
			first = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(out, first+line)
	}
}
