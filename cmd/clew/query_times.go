package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/traceql"
)

// times are the flags that say when.
type times struct {
	since    string
	from, to string
}

const sinceAll = "all"

func (t *times) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.since, "since", "1h", "how far to look back from --to, such as 90m or 7d; all looks back to the beginning")
	f.StringVar(&t.from, "from", "", "earliest start, as 2026-01-31T12:00:00Z, in local time as \"2026-01-31 12:00\", or how long ago, as 3h (instead of --since)")
	f.StringVar(&t.to, "to", "", "latest start, likewise (default now)")
	takesOneOf(cmd, "since", "from")
}

// set adds the range as parameters of a request.
func (t *times) set(values url.Values, now time.Time) error {
	to, err := parseTime("to", t.to, now)
	if err != nil {
		return err
	}
	if !to.IsZero() {
		values.Set("end", to.Format(time.RFC3339Nano))
	} else {
		to = now
	}
	from, err := parseTime("from", t.from, now)
	if err != nil {
		return err
	}
	if from.IsZero() {
		if t.since == sinceAll {
			return nil
		}
		back, err := traceql.ParseDuration(t.since)
		if err != nil || back <= 0 {
			return fmt.Errorf("--since %q: expected how long ago, such as 90m, 36h or 7d, or all", t.since)
		}
		from = to.Add(-back)
	}
	if !from.Before(to) {
		return errors.New("--from is not before --to")
	}
	values.Set("start", from.Format(time.RFC3339Nano))
	return nil
}

// hint says what may help where nothing was found.
func (t *times) hint() string {
	switch {
	case t.from != "":
		return "; --from looks further back"
	case t.since != sinceAll:
		return fmt.Sprintf(" in %s; --since looks further back", printable(t.since))
	}
	return ""
}

// parseTime reads a time, or how long ago it was; "" is the zero Time. One that
// names no zone is of the zone of now.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if text == "now" {
		return now, nil
	}
	if ago, err := traceql.ParseDuration(strings.TrimPrefix(strings.TrimPrefix(text, "now"), "-")); err == nil {
		return now.Add(-ago), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, strings.Replace(text, "T", " ", 1), now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf(`--%s %q: not a time such as 2026-01-31T12:00:00Z, "2026-01-31 12:00", 2026-01-31 or 3h (ago)`, flag, text)
}
