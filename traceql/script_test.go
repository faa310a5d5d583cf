package traceql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/testkit"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// TestScripts runs the behaviour scripts of testdata. A script is a list of commands, each on a line of its
// own, maybe with lines below that are indented. A line that starts with # is a comment; a backslash at the
// end of a line joins the next one to it.
//
//	load                  spans, see loadSpans, in place of those before
//	search QUERY          TRACE: SPAN... [of MATCHED] [| NAME=VALUE...] for each spanset, and "more" if there is more
//	attributes QUERY      the same with the attributes of spans: SPAN{NAME=VALUE, ...}
//	spans QUERY           TRACE/SPAN{NAME=VALUE, ...} for each span of a search for spans
//	facts QUERY           what is said of each trace
//	series QUERY          {NAME=VALUE, ...} VALUE... for each series, with - where there is no value
//	instant QUERY         the same for one interval
//	times QUERY           the ends of the intervals
//	exemplars QUERY       {NAME=VALUE, ...} TRACE/SPAN=VALUE... for each series that has some
//	error QUERY           LINE:COLUMN MESSAGE, of which a part is enough
//	valid QUERY           has no answer: there is no error
//	same QUERY            another query that has the same tree
//	print QUERY           the query as it is printed
//	plain WORDS           the query that plain words become, or LINE:COLUMN MESSAGE
//
// Options stand between command and query: range=FROM..TO step=LENGTH limit=N spss=N max=N slowest. What has no
// answer says "nothing". Every command is answered by the engine on two stores and by the naive evaluator.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.test")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			commands, err := parseScript(string(text))
			if err != nil {
				t.Fatalf("%s:%v", file, err)
			}
			runScript(t, file, commands)
		})
	}
}

// command is a command of a script.
type command struct {
	line    int
	verb    string
	options map[string]string
	text    string
	below   []string // lines that are indented
}

var (
	commandLine = regexp.MustCompile(`(?s)^([a-z]+)((?: (?:range|step|limit|spss|max|slowest)(?:=\S+)?)*)(?: (.*))?$`)
	optionWord  = regexp.MustCompile(`(\w+)(?:=(\S+))?`)
)

func parseScript(text string) (commands []*command, err error) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line, n := lines[i], i+1
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + "\n" + lines[i]
		}
		switch {
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, " "):
			if len(commands) == 0 {
				return nil, fmt.Errorf("%d: an answer without a command", n)
			}
			last := commands[len(commands)-1]
			last.below = append(last.below, line)
			continue
		}
		parts := commandLine.FindStringSubmatch(line)
		if parts == nil {
			return nil, fmt.Errorf("%d: expected a command, found %q", n, line)
		}
		c := &command{line: n, verb: parts[1], options: map[string]string{}, text: parts[3]}
		for _, option := range optionWord.FindAllStringSubmatch(parts[2], -1) {
			c.options[option[1]] = option[2]
		}
		commands = append(commands, c)
	}
	return commands, nil
}

// answerer is who answers queries of a script.
type answerer struct {
	name   string
	search func(*Query, SearchOptions) (*SearchResult, error)
	series func(*Query, SeriesOptions) (*SeriesResult, error)
	// exemplars says whether series have them.
	exemplars bool
}

func engineAnswerer(ctx context.Context, name string, s store.Reader) answerer {
	e := &Engine{Store: s}
	return answerer{
		name: name, exemplars: true,
		search: func(q *Query, o SearchOptions) (*SearchResult, error) {
			return e.Search(ctx, store.DefaultTenant, q, o)
		},
		series: func(q *Query, o SeriesOptions) (*SeriesResult, error) {
			return e.Series(ctx, store.DefaultTenant, q, o)
		},
	}
}

func naiveAnswerer(spans []span.Span) answerer {
	n := newNaive(spans)
	return answerer{
		name:   "naive",
		search: func(q *Query, o SearchOptions) (*SearchResult, error) { return n.search(q, o), nil },
		series: func(q *Query, o SeriesOptions) (*SeriesResult, error) { return n.series(q, o), nil },
	}
}

func answerers(t *testing.T, spans []span.Span, rng *rand.Rand) []answerer {
	return []answerer{
		naiveAnswerer(spans),
		engineAnswerer(t.Context(), "model", modelWith(t, spans)),
		engineAnswerer(t.Context(), "columnar", columnarWith(t, spans, rng)),
	}
}

func runScript(t *testing.T, file string, commands []*command) {
	seed := testkit.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	who := answerers(t, nil, rng)
	for _, c := range commands {
		if c.verb == "load" {
			spans, err := loadSpans(c.below)
			if err != nil {
				t.Fatalf("%s:%d: %v", file, c.line, err)
			}
			who = answerers(t, spans, rng)
			continue
		}
		if err := c.run(who); err != nil {
			t.Errorf("%s:%d: %s\n%v\n(stores filled with %s=%d)", file, c.line, c.text, err, testkit.SeedVar, seed)
		}
	}
}

func (c *command) run(who []answerer) error {
	switch c.verb {
	case "error":
		if len(c.below) != 1 {
			return errors.New("expected one line with the error")
		}
		_, err := Parse(c.text)
		return expectError(c.below[0], err)
	case "valid":
		_, err := Parse(c.text)
		return err
	case "same", "print", "plain":
		got, err := c.rewrite()
		if err != nil {
			return err
		}
		return expect(c.verb, c.below, got)
	}
	if len(c.below) == 0 {
		return errors.New("no answer is expected, not even nothing")
	}
	q, err := Parse(c.text)
	if err != nil {
		return err
	}
	for _, a := range who {
		got, err := c.answer(a, q)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if c.verb == "exemplars" && !a.exemplars {
			continue
		}
		if err := expect(a.name, c.below, got); err != nil {
			return err
		}
	}
	return nil
}

// expect compares lines, white space aside and numbers of series roughly.
func expect(name string, want, got []string) error {
	want, got = orNothing(want), orNothing(got)
	if slices.EqualFunc(want, got, sameLine) {
		return nil
	}
	text := onlyIn("want", want, got) + onlyIn("got ", got, want)
	if text == "" {
		text = onlyIn("want", want, nil) + onlyIn("got ", got, nil) // in another order
	}
	return fmt.Errorf("%s:\n%s", name, text)
}

func orNothing(lines []string) []string {
	if len(lines) == 0 {
		return []string{"nothing"}
	}
	return lines
}

// onlyIn returns the lines that others lack.
func onlyIn(name string, lines, others []string) string {
	var text strings.Builder
	for _, line := range lines {
		if !slices.ContainsFunc(others, func(other string) bool { return sameLine(line, other) }) {
			fmt.Fprintf(&text, "  %s %s\n", name, strings.TrimSpace(line))
		}
	}
	return text.String()
}

func sameLine(want, got string) bool {
	w, g := strings.Fields(want), strings.Fields(got)
	tolerance := 1e-9
	if strings.Contains(want, "p=") {
		tolerance = 0.01 // quantiles
	}
	return slices.EqualFunc(w, g, func(w, g string) bool {
		x, err1 := strconv.ParseFloat(w, 64)
		y, err2 := strconv.ParseFloat(g, 64)
		return w == g || err1 == nil && err2 == nil && isNear(x, y, tolerance)
	})
}

// isNear reports whether two values differ by no more than a part of them.
func isNear(x, y, part float64) bool {
	return x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) <= part*max(math.Abs(x), math.Abs(y))
}

// rewrite prints a query, and for "same" the other query too, in the place of which it stands.
func (c *command) rewrite() ([]string, error) {
	parse := Parse
	if c.verb == "plain" {
		parse = ParseAny
	}
	q, err := parse(c.text)
	var bad *Error
	if errors.As(err, &bad) && c.verb == "plain" {
		return []string{fmt.Sprintf("%d:%d %s", bad.Line, bad.Column, bad.Message)}, nil
	}
	if err != nil {
		return nil, err
	}
	if c.verb != "same" {
		return []string{q.String()}, nil
	}
	var got []string
	for _, text := range c.below {
		other, err := Parse(strings.TrimSpace(text))
		switch {
		case err != nil:
			return nil, err
		case other.String() == q.String():
			got = append(got, text)
		default:
			got = append(got, q.String()+" is not "+other.String())
		}
	}
	return got, nil
}

func expectError(want string, err error) error {
	place, message, _ := strings.Cut(strings.TrimSpace(want), " ")
	var bad *Error
	if !errors.As(err, &bad) {
		return fmt.Errorf("want %s: %s\n  got  %v", place, message, err)
	}
	if got := fmt.Sprintf("%d:%d", bad.Line, bad.Column); got != place || !strings.Contains(bad.Message, message) {
		return fmt.Errorf("want %s %s\n  got  %s %s", place, message, got, bad.Message)
	}
	return nil
}

func (c *command) searchOptions() SearchOptions {
	o := SearchOptions{Limit: c.number("limit", -1), SpansPerSet: c.number("spss", -1), Spans: c.verb == "spans"}
	_, o.Slowest = c.options["slowest"]
	if text, ok := c.options["range"]; ok {
		o.Range.Start, o.Range.End = scriptRange(text)
	}
	return o
}

func (c *command) seriesOptions() SeriesOptions {
	o := SeriesOptions{Instant: c.verb == "instant", Exemplars: -1, MaxSeries: c.number("max", 0)}
	o.Start, o.End = scriptRange(c.option("range", "0s..30s"))
	step, err := time.ParseDuration(c.option("step", "10s"))
	if err != nil {
		panic(err)
	}
	o.Step = uint64(step)
	return o
}

func (c *command) option(name, otherwise string) string {
	if text, ok := c.options[name]; ok {
		return text
	}
	return otherwise
}

func (c *command) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(c.options[name]); err == nil {
		return n
	}
	return otherwise
}

func scriptRange(text string) (start, end uint64) {
	from, to, _ := strings.Cut(text, "..")
	lo, err1 := time.ParseDuration(from)
	hi, err2 := time.ParseDuration(to)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	return scriptBase + uint64(lo), scriptBase + uint64(hi)
}

// answer returns the answer of one to a query as lines.
func (c *command) answer(a answerer, q *Query) ([]string, error) {
	switch c.verb {
	case "search", "attributes", "spans", "facts":
		r, err := a.search(q, c.searchOptions())
		if err != nil {
			return nil, err
		}
		return searchLines(c.verb, r), nil
	case "series", "instant", "exemplars", "times":
		r, err := a.series(q, c.seriesOptions())
		if err != nil {
			return nil, err
		}
		return seriesLines(c.verb, r), nil
	}
	return nil, fmt.Errorf("unknown command %q: one of %v", c.verb,
		slices.Sorted(maps.Keys(map[string]bool{"load": true, "search": true, "attributes": true, "spans": true, "facts": true,
			"series": true, "instant": true, "exemplars": true, "times": true, "error": true, "valid": true, "same": true, "print": true, "plain": true})))
}
