package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/api"
)

type differsOptions struct {
	client
	times
	minDuration, maxDuration string
	limit, values            int
	json                     bool
}

func newDiffersCmd() *cobra.Command { return new(differsOptions).command() }

func (o *differsOptions) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "differs [flags] [BASELINE] SELECTION",
		Short: "Find out what differs between some spans and all others",
		Long: `Find out what differs between the spans that SELECTION matches, in TraceQL or in
plain words, and those that BASELINE matches (all others, if there is none).
With --min-duration or --max-duration, the last query may be left out: the
selection is then what BASELINE matches and took so long.

Every attribute is compared. Those whose values tell most come first, with the
shares that a value has of the selection and of the baseline. The number behind
a name is 0 if the difference may be chance, and 1 if no value is on both sides.`,
		Example: `  clew differs 'status=error'
  clew differs 'service=checkout' 'service=checkout error=true' --since 24h
  clew differs '{ resource.service.name = "frontend" && kind = server }' --min-duration 1s`,
		Args: takesArgs(0, 2, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, time.Now(), newScreen(cmd.OutOrStdout()), newScreen(cmd.ErrOrStderr()))
		},
	}
	o.client.addFlags(cmd)
	o.times.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.minDuration, "min-duration", "", "shortest `duration` of the selection's spans, such as 100ms")
	f.StringVar(&o.maxDuration, "max-duration", "", "`duration` that the selection's spans are shorter than")
	f.IntVar(&o.limit, "limit", 10, "attributes to show")
	f.IntVar(&o.values, "values", 5, "most values of an attribute")
	f.BoolVar(&o.json, "json", false, "print the server's answer")
	return cmd
}

// run answers the comparison on out; notes gets what is said besides.
func (o *differsOptions) run(ctx context.Context, queries []string, now time.Time, out, notes screen) error {
	values := url.Values{
		"minDuration": {o.minDuration}, "maxDuration": {o.maxDuration},
		"limit": {strconv.Itoa(o.limit)}, "values": {strconv.Itoa(o.values)},
	}
	bounded := o.minDuration != "" || o.maxDuration != ""
	switch {
	case len(queries) == 2:
		values.Set("q", queries[0])
		values.Set("selection", queries[1])
	case len(queries) == 1 && bounded:
		values.Set("q", queries[0])
	case len(queries) == 1:
		values.Set("selection", queries[0])
	case !bounded:
		return errors.New("which spans are to be compared? Give a query, such as 'status=error', or --min-duration")
	}
	if err := o.times.set(values, now); err != nil {
		return err
	}
	var answer api.Differences
	if err := o.ask(ctx, "/api/clew/v1/differs", values, &answer, notes); err != nil {
		return err
	}
	if o.json {
		return out.printJSON(&answer)
	}
	hidden := drawDifferences(out, &answer)
	switch {
	case answer.Selection.Matched == 0:
		fmt.Fprintln(notes, "the selection is empty"+o.times.hint())
	case answer.Baseline.Matched == 0:
		fmt.Fprintln(notes, "there is nothing to compare the selection with"+o.times.hint())
	case hidden > 0:
		fmt.Fprintf(notes, "%s differ less, or not at all; --limit sets how many are shown\n", counted(hidden, "more attribute"))
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

// drawDifferences returns how many attributes it left out.
func drawDifferences(out screen, d *api.Differences) (hidden int) {
	side := func(name, query string, s api.ComparedSet) {
		text := counted(int(s.Matched), "span")
		if s.Compared < s.Matched {
			text = fmt.Sprintf("%s, estimated from %s", text, grouped(int(s.Compared)))
		}
		fmt.Fprintf(out, "%-10s%s  %s\n", name, text, out.dim(printable(query)))
	}
	side("selection", d.Selected, d.Selection)
	side("baseline", d.Query, d.Baseline)
	if d.Selection.Compared == 0 || d.Baseline.Compared == 0 {
		return 0
	}
	l := shareLayout{out: out}
	l.label = min(max(out.width/3, minLabel), 40)
	l.bar = max((out.width-l.label-2*(percentWidth+2)-4)/2, minBar)
	hidden = d.Omitted
	for i := range d.Attributes {
		if d.Attributes[i].Score == 0 {
			hidden++
		} else {
			l.draw(&d.Attributes[i])
		}
	}
	if len(d.Ignored) > 0 {
		names := make([]string, len(d.Ignored))
		for i, a := range d.Ignored {
			names[i] = printable(a.Name)
		}
		fmt.Fprintf(out, "\nnot compared, as nearly every trace has a value of its own: %s\n", strings.Join(names, ", "))
	}
	return hidden
}

// shareLayout says where on the screen the columns of values are.
type shareLayout struct {
	out        screen
	label, bar int // columns
}

// percentWidth is that of "<0.1%".
const percentWidth = 5

func (l *shareLayout) draw(a *api.DifferingAttribute) {
	given := ""
	if a.Given {
		given = "  the selection is made by it"
	}
	fmt.Fprintf(l.out, "\n%s  %.2f%s\n", printable(a.Name), a.Score, l.out.dim(given))
	for i := range a.Values {
		v := &a.Values[i]
		line := fmt.Sprintf("  %s %s  %s", fitEnds(differingText(v), l.label), l.share(v.Selection.Share), l.share(v.Baseline.Share))
		fmt.Fprintln(l.out, strings.TrimRight(line, " "))
	}
}

// fitEnds is fit, but cuts in the middle: of values that differ both ends tell something.
func fitEnds(text string, width int) string {
	over := runewidth.StringWidth(text) - width
	if over <= 0 {
		return fit(text, width)
	}
	first := runewidth.Truncate(text, width/2, "")
	return fit(first+"…"+runewidth.TruncateLeft(text, runewidth.StringWidth(first)+over+1, ""), width)
}

// share writes a share with its bar: at least a thin one, unless it is 0.
func (l *shareLayout) share(f float64) string {
	bar := strings.Repeat("█", int(math.Round(f*float64(l.bar))))
	if bar == "" && f > 0 {
		bar = "▏"
	}
	return fmt.Sprintf("%*s %s", percentWidth, formatShare(f), fit(bar, l.bar))
}

// formatShare writes a share in at most five columns.
func formatShare(f float64) string {
	switch percent := 100 * f; {
	case f == 0:
		return "0%"
	case percent < 0.1:
		return "<0.1%"
	case percent >= 99.95:
		return "100%"
	default:
		return strconv.FormatFloat(percent, 'f', 1, 64) + "%"
	}
}

// differingText names a value.
func differingText(v *api.DifferingValue) string {
	switch {
	case v.Value != nil:
		if text := valueText(*v.Value, false); text != "" {
			return text
		}
		return `""`
	case v.Kind != "range":
		return "(" + printable(v.Kind) + ")"
	case v.From != nil && v.To != nil:
		return valueText(*v.From, false) + " to " + valueText(*v.To, false)
	case v.From != nil:
		return "≥ " + valueText(*v.From, false)
	case v.To != nil:
		return "< " + valueText(*v.To, false)
	}
	return "(any)"
}
