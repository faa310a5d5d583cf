package sample

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is a key of a mapping with its value.
type entry struct {
	name       string
	key, value *yaml.Node
}

// aliased returns the node that an alias stands for.
func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// mapping returns the keys of a mapping, each once.
func (p *policyParser) mapping(n *yaml.Node, place string) []entry {
	n = aliased(n)
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s: expected keys with values", place)
		return nil
	}
	var list []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := entry{n.Content[i].Value, n.Content[i], aliased(n.Content[i+1])}
		if slices.ContainsFunc(list, func(have entry) bool { return have.name == e.name }) {
			p.fail(e.key, "%s: %s is there twice", place, e.name)
			continue
		}
		list = append(list, e)
	}
	return list
}

// fields are the settings of a policy's type. What is not taken is told by rest.
type fields struct {
	p     *policyParser
	place string
	node  *yaml.Node
	list  map[string]entry
}

func (f *fields) take(name string) (entry, bool) {
	e, ok := f.list[name]
	delete(f.list, name)
	return e, ok
}

func (f *fields) has(name string) bool { return f.list[name].key != nil }

// rest tells what is left.
func (f *fields) rest() {
	for _, name := range slices.Sorted(maps.Keys(f.list)) {
		f.p.fail(f.list[name].key, "%s: there is no setting %s", f.place, name)
	}
	clear(f.list)
}

// ignore takes a setting that means nothing here.
func (f *fields) ignore(name, why string) {
	if e, ok := f.take(name); ok {
		f.p.warn(e.key, "%s.%s is ignored: %s", f.place, name, why)
	}
}

// scalar takes a setting that has to be there.
func (f *fields) scalar(name string) (entry, bool) {
	e, ok := f.take(name)
	switch {
	case !ok:
		f.p.fail(f.node, "%s.%s is not set", f.place, name)
	case e.value.Kind != yaml.ScalarNode:
		f.p.fail(e.value, "%s.%s: expected a single value", f.place, name)
		ok = false
	}
	return e, ok
}

func (f *fields) text(name string) string {
	e, ok := f.scalar(name)
	if ok && e.value.Value == "" {
		f.p.fail(e.value, "%s.%s is empty", f.place, name)
	}
	if !ok {
		return ""
	}
	return e.value.Value
}

func (f *fields) number(name string, check func(float64) string) float64 {
	e, ok := f.scalar(name)
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(e.value.Value, "_", ""), 64)
	problem := "expected a number"
	if err == nil {
		problem = check(v)
	}
	if problem != "" {
		f.p.fail(e.value, "%s.%s: %s, not %q", f.place, name, problem, e.value.Value)
		return 0
	}
	return v
}

// whole returns a whole number from lo to hi, or otherwise if it is not set.
func (f *fields) whole(name string, lo, hi, otherwise int64) int64 {
	if !f.has(name) {
		return otherwise
	}
	e, ok := f.scalar(name)
	if !ok {
		return otherwise
	}
	v, err := strconv.ParseInt(strings.ReplaceAll(e.value.Value, "_", ""), 10, 64)
	if err != nil || v < lo || v > hi {
		f.p.fail(e.value, "%s.%s: expected a whole number from %d to %d, not %q", f.place, name, lo, hi, e.value.Value)
		return otherwise
	}
	return v
}

func (f *fields) boolean(name string) bool {
	if !f.has(name) {
		return false
	}
	e, ok := f.scalar(name)
	if !ok {
		return false
	}
	v, err := strconv.ParseBool(e.value.Value)
	if err != nil {
		f.p.fail(e.value, "%s.%s: expected true or false, not %q", f.place, name, e.value.Value)
	}
	return v
}

// texts returns a list, which one value makes too; nil if it is not set.
func (f *fields) texts(name string) []string {
	e, ok := f.take(name)
	if !ok {
		return nil
	}
	list := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		list = e.value.Content
	}
	var texts []string
	for _, n := range list {
		if n = aliased(n); n.Kind != yaml.ScalarNode {
			f.p.fail(n, "%s.%s: expected a list of single values", f.place, name)
			return nil
		}
		texts = append(texts, n.Value)
	}
	return texts
}

// some is texts for a setting that has to be there.
func (f *fields) some(name string) []string {
	list := f.texts(name)
	if len(list) == 0 {
		f.p.fail(f.node, "%s.%s is not set", f.place, name)
	}
	return list
}
