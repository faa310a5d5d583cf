package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML applies the text of a settings file: one document, a mapping in
// which dots of a setting's name are levels.
func (l *loader) readYAML(file string, text []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return // nothing but comments
	case err != nil:
		l.fail(yamlPlace(file, err))
		return
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		l.fail(file, "expected one YAML document")
		return
	}
	f := yamlFile{loader: l, path: file, seen: map[string]int{}}
	f.mapping("", doc.Content[0])
}

// yamlPlace splits a syntax error into the place and the message.
func yamlPlace(file string, err error) (place, msg string) {
	msg = strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if _, scanErr := fmt.Sscanf(msg, "line %d: ", &line); scanErr != nil {
		return file, msg
	}
	_, msg, _ = strings.Cut(msg, ": ")
	return fmt.Sprintf("%s:%d", file, line), msg
}

type yamlFile struct {
	*loader
	path string
	seen map[string]int // line of each key
}

func (f *yamlFile) place(n *yaml.Node) string { return fmt.Sprintf("%s:%d", f.path, n.Line) }

// mapping applies the keys of a mapping that stands under prefix ("" or "name.").
func (f *yamlFile) mapping(prefix string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		what := "the file"
		if prefix != "" {
			what = strings.TrimSuffix(prefix, ".")
		}
		f.fail(f.place(n), what+": expected keys with values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f.entry(prefix+n.Content[i].Value, n.Content[i], n.Content[i+1])
	}
}

func (f *yamlFile) entry(name string, key, val *yaml.Node) {
	if line, ok := f.seen[name]; ok {
		f.fail(f.place(key), fmt.Sprintf("%s: is already set on line %d", name, line))
		return
	}
	f.seen[name] = key.Line
	if val.Kind == yaml.AliasNode {
		val = val.Alias
	}
	isName := func(s setting) bool { return s.name == name }
	isGroup := func(s setting) bool { return strings.HasPrefix(s.name, name+".") }
	if at := slices.IndexFunc(f.settings, isName); at >= 0 {
		f.scalar(f.settings[at], val)
	} else if slices.ContainsFunc(f.settings, isGroup) {
		f.mapping(name+".", val)
	} else {
		f.fail(f.place(key), name+": there is no such setting"+DidYouMean(name, f.names()))
	}
}

// scalar applies one value, or a list for a setting that is one.
func (f *yamlFile) scalar(s setting, val *yaml.Node) {
	list, isList := s.value.(interface{ separator() string })
	switch {
	case val.Kind == yaml.ScalarNode && val.ShortTag() == "!!null":
	case val.Kind == yaml.ScalarNode:
		f.set(s, val.Value, f.place(val))
	case val.Kind == yaml.SequenceNode && isList:
		var items []string
		for _, item := range val.Content {
			items = append(items, item.Value)
		}
		f.set(s, strings.Join(items, list.separator()), f.place(val))
	case isList:
		f.fail(f.place(val), s.name+": expected a list")
	default:
		f.fail(f.place(val), s.name+": expected a single value")
	}
}

// names returns the settings and the groups that contain them.
func (f *yamlFile) names() []string {
	var names []string
	for _, s := range f.settings {
		names = append(names, s.name)
		if group, _, nested := strings.Cut(s.name, "."); nested && !slices.Contains(names, group) {
			names = append(names, group)
		}
	}
	return names
}

// WriteYAML writes the settings as a file that Load takes, with what each
// means and where its value came from.
func (c *Config) WriteYAML(w io.Writer) error {
	return c.WriteYAMLOf(w, func(string, string) bool { return true })
}

// WriteYAMLOf is WriteYAML for some settings: keep is asked with the name of each and where its value came from.
func (c *Config) WriteYAMLOf(w io.Writer, keep func(name, from string) bool) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	groups := map[string]*yaml.Node{"": root}
	for _, s := range c.settings() {
		if !keep(s.name, c.from(s.name)) {
			continue
		}
		group, name, nested := strings.Cut(s.name, ".")
		if !nested {
			group, name = "", s.name
		}
		if groups[group] == nil {
			groups[group] = &yaml.Node{Kind: yaml.MappingNode}
			root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: group}, groups[group])
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: name, HeadComment: wrap(s.doc, 90)}
		val := &yaml.Node{Kind: yaml.ScalarNode, Value: s.value.String(), LineComment: c.from(s.name)}
		if val.Value == "" {
			val.Style = yaml.DoubleQuotedStyle
		}
		groups[group].Content = append(groups[group].Content, key, val)
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return err
	}
	return enc.Close()
}

// wrap breaks text into lines of at most width bytes, where words allow.
func wrap(text string, width int) string {
	var b strings.Builder
	col := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case col == 0:
		case col+1+len(word) > width:
			b.WriteByte('\n')
			col = 0
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += len(word)
	}
	return b.String()
}
