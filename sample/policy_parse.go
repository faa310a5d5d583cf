package sample

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/traceql"
)

// Limits of a file of policies.
const (
	maxPolicies    = 500 // parts of others counted
	maxPolicyDepth = 8
	maxProblems    = 20 // that are told at once
)

// ParsePolicies reads a file of policies, YAML or JSON, in the format of the OpenTelemetry Collector's
// tail_sampling processor: its settings, or a Collector's whole file.
func ParsePolicies(text []byte) (*Policies, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: expected policies")
	} else if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("expected one YAML document")
	}
	p := &policyParser{out: &Policies{}, searches: searchSet{places: map[string]int{}}}
	p.search("{ }") // so that every trace is looked at
	p.file(doc.Content[0])
	if len(p.problems) > 0 {
		return nil, errors.Join(p.problems...)
	}
	p.out.searches = p.searches.list
	p.out.certain = p.out.certainThreshold()
	return p.out, nil
}

type policyParser struct {
	out      *Policies
	searches searchSet
	policies int // and parts, so far
	problems []error
}

func (p *policyParser) fail(n *yaml.Node, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...)))
	}
}

func (p *policyParser) warn(n *yaml.Node, format string, args ...any) {
	if len(p.out.warnings) < maxProblems {
		p.out.warnings = append(p.out.warnings, fmt.Sprintf("line %d: %s", n.Line, fmt.Sprintf(format, args...)))
	}
}

// ignoredSettings are those of the processor that mean nothing here, and why.
var ignoredSettings = map[string]string{
	"decision_wait":                          "the setting tail-sampling.window says how long all spans stay",
	"decision_wait_after_root_received":      "the setting tail-sampling.window says how long all spans stay",
	"num_traces":                             "traces wait on disk, as many as come",
	"expected_new_traces_per_sec":            "traces wait on disk, as many as come",
	"decision_cache":                         "decisions are kept for tail-sampling.remember",
	"sample_on_first_match":                  "a trace has the least threshold of all policies that match it",
	"drop_pending_traces_on_shutdown":        "traces wait on disk",
	"block_on_overflow":                      "traces wait on disk",
	"maximum_trace_size_bytes":               "traces of any size are decided",
	"sampling_strategy":                      "traces are judged whole",
	"tail_storage":                           "traces wait on disk",
	"num_workers":                            "all processors work",
	"decision_wait_after_root_received_mode": "the setting tail-sampling.window says how long all spans stay",
}

// file reads the settings of the processor, wherever they stand.
func (p *policyParser) file(n *yaml.Node) {
	n = aliased(n)
	if n.Kind == yaml.SequenceNode {
		p.list(n)
		return
	}
	settings := p.mapping(n, "the file")
	if inside := p.section(settings, "processors"); inside != nil {
		n, settings = inside.value, p.mapping(inside.value, "processors")
		if p.section(settings, "tail_sampling") == nil {
			p.fail(inside.key, "there is no tail_sampling among the processors")
			return
		}
	}
	if inside := p.section(settings, "tail_sampling"); inside != nil {
		n, settings = inside.value, p.mapping(inside.value, inside.name)
	}
	for _, s := range settings {
		switch why, ignored := ignoredSettings[s.name]; {
		case s.name == "policies":
			p.list(s.value)
		case ignored:
			p.warn(s.key, "%s is ignored: %s", s.name, why)
		default:
			p.fail(s.key, "there is no setting %s", s.name)
		}
	}
	if len(p.out.list) == 0 && len(p.problems) == 0 {
		p.fail(n, "there are no policies")
	}
}

// section returns the setting of a name, which may have another one behind a slash as a Collector's processors have; nil for none.
func (p *policyParser) section(settings []entry, name string) *entry {
	var found *entry
	for i := range settings {
		s := &settings[i]
		switch {
		case s.name != name && !strings.HasPrefix(s.name, name+"/"):
		case found != nil:
			p.fail(s.key, "there is %s besides %s: leave the one that is meant", s.name, found.name)
		default:
			found = s
		}
	}
	return found
}

// expression is what a Collector replaces before it reads a file.
var expression = regexp.MustCompile(`\$\{[^}]*\}`)

// literal checks that nothing of a file was to be replaced.
func (p *policyParser) literal(n *yaml.Node) {
	if text := expression.FindString(n.Value); text != "" && n.Kind == yaml.ScalarNode {
		p.fail(n, "%s is not replaced here: write what it stands for", text)
	}
	for _, part := range n.Content { // an alias has none, and what it stands for is met by itself
		p.literal(part)
	}
}

func (p *policyParser) list(n *yaml.Node) {
	if n = aliased(n); n.Kind != yaml.SequenceNode {
		p.fail(n, "policies: expected a list")
		return
	}
	p.literal(n)
	names := map[string]bool{}
	for _, each := range n.Content {
		d := p.declaration(each, "", 0)
		if d == nil {
			continue
		}
		if names[d.name] {
			p.fail(each, "policy %q: there is another policy of this name", d.name)
		}
		names[d.name] = true
		p.policy(d)
	}
}

// declaration is a policy, or a part of one, as the file has it.
type declaration struct {
	name, kind string
	node       *yaml.Node
	place      string  // for messages
	fields     *fields // of its kind
	depth      int
}

func (p *policyParser) declaration(n *yaml.Node, within string, depth int) *declaration {
	n = aliased(n)
	if p.policies++; p.policies > maxPolicies {
		if p.policies == maxPolicies+1 {
			p.fail(n, "there are more than %d policies", maxPolicies)
		}
		return nil
	}
	if depth > maxPolicyDepth {
		p.fail(n, "%s: policies are nested too deep", within)
		return nil
	}
	place := within + "a policy"
	d := &declaration{node: n, depth: depth}
	rest := map[string]entry{}
	for _, e := range p.mapping(n, place) {
		switch e.name {
		case "name":
			d.name = e.value.Value
		case "type":
			d.kind = e.value.Value
		default:
			rest[e.name] = e
		}
	}
	if d.name == "" {
		p.fail(n, "%s has no name", place)
		return nil
	}
	d.place = fmt.Sprintf("%spolicy %q", within, d.name)
	if d.kind == "ottl_condition" {
		p.fail(n, "%s: conditions in OTTL are not understood; say it in TraceQL, as attributes[\"k\"] == \"v\" by type: traceql, traceql: {query: '{ span.k = \"v\" }'}", d.place)
		return nil
	}
	if policyKinds[d.kind] == nil && !slices.Contains(combinedKinds, d.kind) {
		p.fail(n, "%s: there is no type %q; there are %s", d.place, d.kind, strings.Join(kindNames(), ", "))
		return nil
	}
	d.fields = &fields{p: p, place: d.place + ": " + d.kind, node: n, list: map[string]entry{}}
	for name, e := range rest {
		if name != d.kind {
			p.fail(e.key, "%s: there is no setting %s for the type %s", d.place, name, d.kind)
			continue
		}
		d.fields.node = e.key
		for _, f := range p.mapping(e.value, d.place+": "+name) {
			d.fields.list[f.name] = f
		}
	}
	return d
}

// parts reads the list of policies that a combined one has.
func (p *policyParser) parts(d *declaration, field string) []*declaration {
	e, ok := d.fields.take(field)
	if !ok {
		p.fail(d.node, "%s.%s is not set", d.fields.place, field)
		return nil
	}
	list := []*yaml.Node{e.value}
	if n := aliased(e.value); n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	if len(list) == 0 {
		p.fail(e.key, "%s.%s has no policies", d.fields.place, field)
	}
	var parts []*declaration
	for _, n := range list {
		if part := p.declaration(n, d.place+": ", d.depth+1); part != nil {
			parts = append(parts, part)
		}
	}
	return parts
}

// policy adds a policy to those read.
func (p *policyParser) policy(d *declaration) {
	made := &policy{name: d.name, kind: d.kind}
	switch d.kind {
	case "composite":
		p.composite(d, made)
	case "drop":
		made.drop = true
		r := p.rule(p.parts(d, "drop_sub_policy"))
		made.rules = []*rule{r}
		p.dropLimits(d, r)
		d.fields.rest()
	default:
		made.rules = []*rule{p.rule([]*declaration{d})}
	}
	for _, r := range made.rules {
		r.place = len(p.out.rules)
		p.out.rules = append(p.out.rules, r)
	}
	p.out.list = append(p.out.list, made)
}

// rule makes one rule of policies that all have to match.
func (p *policyParser) rule(list []*declaration) *rule {
	r := &rule{}
	conditions := all{}
	for _, d := range list {
		c, limits := p.matches(d)
		if c != nil {
			conditions = append(conditions, c)
		}
		r.limits = append(r.limits, limits...)
	}
	// What is the same for all traces comes first, so that rates count what is left.
	slices.SortStableFunc(r.limits, func(a, b limit) int { return rank(a) - rank(b) })
	r.when = conditions
	return r
}

func rank(l limit) int {
	if _, ok := l.(least); ok {
		return 0
	}
	return 1
}

// matches returns the condition of a policy, nil for none, and its limits.
func (p *policyParser) matches(d *declaration) (condition, []limit) {
	defer d.fields.rest()
	switch d.kind {
	case "and":
		r := p.rule(p.parts(d, "and_sub_policy"))
		return r.when, r.limits
	case "not":
		parts := p.parts(d, "not_sub_policy")
		r := p.rule(parts)
		if len(r.limits) > 0 {
			p.fail(d.node, "%s: a limit cannot be inverted; not takes conditions", d.place)
		}
		return not{r.when}, nil
	case "composite", "drop":
		p.fail(d.node, "%s: the type %s cannot be a part of another policy", d.place, d.kind)
		return nil, nil
	}
	return policyKinds[d.kind](p, d.fields)
}

// dropLimits turns a share that is dropped into the threshold of what is left.
func (p *policyParser) dropLimits(d *declaration, r *rule) {
	dropped := 1.0
	for _, l := range r.limits {
		share, ok := l.(least)
		if !ok {
			p.fail(d.node, "%s: of the limits only probabilistic says what is dropped", d.place)
			return
		}
		dropped = min(dropped, span.Threshold(share).Probability())
	}
	r.limits = []limit{least(span.ProbabilityThreshold(1-dropped, thresholdDigits))}
}

// thresholdDigits is the precision of probabilities: 1 % is fd70a4.
const thresholdDigits = 5

func (p *policyParser) composite(d *declaration, made *policy) {
	made.firstOnly = true
	total := d.fields.number("max_total_spans_per_second", above(0))
	order := d.fields.texts("policy_order")
	parts := p.parts(d, "composite_sub_policy")
	percent := map[string]float64{}
	if e, ok := d.fields.take("rate_allocation"); ok {
		if e.value.Kind != yaml.SequenceNode {
			p.fail(e.value, "%s.rate_allocation: expected a list", d.fields.place)
			e.value = &yaml.Node{}
		}
		for _, n := range e.value.Content {
			f := &fields{p: p, place: d.place + ": rate_allocation", node: n, list: map[string]entry{}}
			for _, each := range p.mapping(n, f.place) {
				f.list[each.name] = each
			}
			name, share := f.text("policy"), f.number("percent", between(0, 100))
			if !slices.ContainsFunc(parts, func(d *declaration) bool { return d.name == name }) {
				p.fail(n, "%s: there is no part %q", f.place, name)
			}
			percent[name] = share
			f.rest()
		}
	}
	d.fields.rest()
	if len(order) > 0 {
		parts = p.ordered(d, parts, order)
	}
	for _, part := range parts {
		share := percent[part.name]
		if share == 0 { // as the Collector has it
			share = 100 / float64(len(parts))
		}
		r := p.rule([]*declaration{part})
		r.limits = append(r.limits, rate{total * share / 100, sizeInSpans})
		made.rules = append(made.rules, r)
	}
}

// ordered returns the parts of a composite in the order that it says.
func (p *policyParser) ordered(d *declaration, parts []*declaration, order []string) []*declaration {
	var sorted []*declaration
	for _, name := range order {
		at := slices.IndexFunc(parts, func(d *declaration) bool { return d.name == name })
		if at < 0 || slices.Contains(sorted, parts[at]) {
			p.fail(d.node, "%s: policy_order: %q is none of the parts, or is there twice", d.place, name)
			continue
		}
		sorted = append(sorted, parts[at])
	}
	if len(sorted) < len(parts) {
		p.fail(d.node, "%s: policy_order does not have all parts", d.place)
	}
	return sorted
}

// search returns the condition that a search finds the trace.
func (p *policyParser) search(text string) (condition, error) {
	q, err := traceql.Parse(text)
	if err != nil {
		return nil, err
	}
	if q.Search == nil {
		return nil, errors.New("a metrics query finds no traces: expected a search")
	}
	return foundBy(p.searches.add(q)), nil
}

func above(least float64) func(float64) string {
	return func(v float64) string {
		if v > least && !math.IsInf(v, 0) {
			return ""
		}
		return fmt.Sprintf("expected a number above %v", least)
	}
}

func between(lo, hi float64) func(float64) string {
	return func(v float64) string {
		if v >= lo && v <= hi {
			return ""
		}
		return fmt.Sprintf("expected a number from %v to %v", lo, hi)
	}
}
