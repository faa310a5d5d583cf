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

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/traceql"
)

// series draws time series.
func (o *queryOptions) series(ctx context.Context, text string, now time.Time, out, notes screen) error {
	switch {
	case o.spans || o.sort != "newest":
		return errors.New("--spans and --sort are for searches, and the query gives time series")
	case o.from == "" && o.since == sinceAll:
		return errors.New("time series need a range: give --since a duration such as 30d, or use --from")
	case o.step != "" && o.instant:
		return errors.New("--step goes without --instant, which takes the whole range at once")
	}
	values := url.Values{
		"q": {text}, "instant": {strconv.FormatBool(o.instant)}, "explain": {strconv.FormatBool(o.explain)},
		"exemplars": {"0"}, "end": {now.Format(time.RFC3339Nano)},
	}
	if o.step != "" {
		step, err := traceql.ParseDuration(o.step)
		if err != nil || step <= 0 {
			return fmt.Errorf("--step %q: expected a duration such as 30s or 5m", o.step)
		}
		values.Set("step", step.String())
	}
	if err := o.times.set(values, now); err != nil {
		return err
	}
	var answer api.SeriesResult
	if err := o.ask(ctx, "/api/clew/v1/series", values, &answer, notes); err != nil {
		return err
	}
	if o.json {
		return out.printJSON(&answer)
	}
	if o.explain {
		drawPlan(out, answer.Query, answer.Plan, answer.Stats)
	}
	shown := answer.Series[:min(len(answer.Series), o.limit)]
	if o.instant {
		drawValues(out, shown)
	} else {
		drawSeries(out, &answer, shown)
	}
	switch hidden := len(answer.Series) - len(shown); {
	case len(answer.Series) == 0:
		fmt.Fprintln(notes, "nothing found"+o.times.hint())
	case hidden > 0:
		fmt.Fprintf(notes, "%s more series not drawn; --limit sets how many are, | topk(10) chooses the largest\n", grouped(hidden))
	}
	tellGaps(notes, answer.Gaps)
	return nil
}

// drawValues draws a list of series with one value each.
func drawValues(out screen, list []api.Series) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(out, "%10s  %s\n", "VALUE", "SERIES")
	for _, s := range list {
		_, mean, _ := summary(s.Values)
		fmt.Fprintf(out, "%10s  %s\n", formatNumber(mean), labels(s.Labels))
	}
}

// drawSeries draws a list of series, each as a sparkline from the beginning of the range to its end.
func drawSeries(out screen, answer *api.SeriesResult, list []api.Series) {
	if len(list) == 0 {
		return
	}
	width := min(len(answer.Times), max(minSparkline, out.width/3))
	begin := out.time(uint64(answer.Times[0]) * 1e6)
	end := out.time(uint64(answer.Times[len(answer.Times)-1]) * 1e6)
	layout := time.DateTime
	fmt.Fprintf(out, "from %s to %s, step %s\n\n", begin.Format(layout), end.Format(layout), formatDuration(time.Duration(answer.Step)))
	fmt.Fprintf(out, "%10s  %10s  %10s  %s  %s\n", "MIN", "MEAN", "MAX", fit("", width), "SERIES")
	for _, s := range list {
		least, mean, most := summary(s.Values)
		fmt.Fprintf(out, "%10s  %10s  %10s  %s  %s\n",
			formatNumber(least), formatNumber(mean), formatNumber(most), sparkline(s.Values, width), labels(s.Labels))
	}
}

const minSparkline = 20 // columns

// summary returns the least, the mean and the greatest of the values that are there; NaN if there are none.
func summary(values []float64) (least, mean, most float64) {
	least, most = math.NaN(), math.NaN()
	sum, n := 0.0, 0
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if n == 0 {
			least, most = v, v
		}
		least, most = min(least, v), max(most, v)
		sum += v
		n++
	}
	return least, sum / float64(n), most
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws values in a number of columns, at most one for each value: of the values that share
// a column the greatest counts. The bottom is 0, or the least value if that is negative.
func sparkline(values []float64, width int) string {
	columns := make([]float64, width)
	for i := range columns {
		_, _, columns[i] = summary(values[i*len(values)/width : (i+1)*len(values)/width])
	}
	least, _, most := summary(columns)
	bottom := math.Min(least, 0)
	var b strings.Builder
	for _, v := range columns {
		switch height := (v - bottom) / (most - bottom); {
		case math.IsNaN(v):
			b.WriteByte(' ')
		case math.IsNaN(height): // all are 0, or something is infinite
			b.WriteRune(sparks[0])
		default:
			b.WriteRune(sparks[int(math.Round(height*float64(len(sparks)-1)))])
		}
	}
	return b.String()
}

// formatNumber writes a number with four digits, or with all that stand before the point.
func formatNumber(f float64) string {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return "-"
	case size == 0:
		return "0"
	case size >= 1e9 || size < 1e-4:
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
	decimals := max(0, 3-int(math.Floor(math.Log10(size))))
	text := strconv.FormatFloat(f, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// labels writes the labels of a series.
func labels(list []api.Attribute) string {
	if len(list) == 1 && list[0].Name == "__name__" {
		return valueText(list[0].TypedValue, false)
	}
	return attributeText(list)
}
