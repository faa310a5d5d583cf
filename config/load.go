package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Sources is where settings come from. A flag wins over the environment, the
// environment over the file, and the file over the default.
type Sources struct {
	Flags   *pflag.FlagSet // that AddFlags added to; nil: no flags
	Environ []string       // NAME=VALUE, as os.Environ returns it
	File    string         // path; "" takes the one that Flags or Environ name, if they do
}

const (
	envPrefix  = "CLEW_"
	testPrefix = "CLEW_TEST_" // of variables of our tests, which a server that they start inherits
	fileFlag   = "config"
)

// AddFlags adds --config and a flag for every setting.
func AddFlags(fs *pflag.FlagSet) {
	fs.String(fileFlag, "", "YAML `file` with settings")
	for _, s := range Default().settings() {
		fs.Var(&rawFlag{text: s.value.String(), kind: s.value.kind()}, s.name, strings.ReplaceAll(s.doc, "`", ""))
	}
}

// rawFlag keeps a flag's text for Load, so that all sources are judged in one place.
type rawFlag struct{ text, kind string }

func (f *rawFlag) String() string     { return f.text }
func (f *rawFlag) Type() string       { return f.kind }
func (f *rawFlag) Set(s string) error { f.text = s; return nil }

// Load reads all sources. Its error has one line for each thing that is wrong,
// with the place where it stands.
func Load(src Sources) (*Config, error) {
	c := Default()
	l := loader{settings: c.settings(), origin: c.origin}
	if file := src.file(); file != "" {
		l.readFile(file)
	}
	l.readEnviron(src.Environ)
	if src.Flags != nil {
		l.readFlags(src.Flags)
	}
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	c.deriveMemory(availableMemory())
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// file returns the path of the settings file, "" for none.
func (src Sources) file() string {
	if src.File != "" {
		return src.File
	}
	if src.Flags != nil && src.Flags.Changed(fileFlag) {
		return src.Flags.Lookup(fileFlag).Value.String()
	}
	for _, pair := range src.Environ {
		if path, ok := strings.CutPrefix(pair, envName(fileFlag)+"="); ok {
			return path
		}
	}
	return ""
}

// loader applies the sources to the table, the weakest source first.
type loader struct {
	settings []setting
	origin   map[string]string
	errs     []error
}

// fail adds an error about a place: "FILE:LINE", "environment variable NAME", "flag --NAME".
func (l *loader) fail(place, msg string) {
	l.errs = append(l.errs, fmt.Errorf("%s: %s", place, msg))
}

// set takes text from a place into the setting.
func (l *loader) set(s setting, text, place string) {
	if err := s.value.set(text); err != nil {
		l.fail(place, fmt.Sprintf("%s: cannot use %q: %v", s.name, text, err))
		return
	}
	l.origin[s.name] = place
}

func (l *loader) readFlags(fs *pflag.FlagSet) {
	for _, s := range l.settings {
		if fs.Changed(s.name) {
			l.set(s, fs.Lookup(s.name).Value.String(), "flag --"+s.name)
		}
	}
}

// serviceLink matches the variables that Kubernetes makes for a Service, which
// begin with CLEW_ if its name begins with "clew".
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_[0-9]+_(TCP|UDP)(_.+)?)?)$`)

// readEnviron takes every variable that begins with CLEW_, except those of tests. An empty one counts as not set.
func (l *loader) readEnviron(environ []string) {
	names := []string{envName(fileFlag)}
	for _, s := range l.settings {
		names = append(names, envName(s.name))
	}
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, testPrefix) || text == "" || name == envName(fileFlag) {
			continue
		}
		place := "environment variable " + name
		if at := slices.Index(names[1:], name); at >= 0 {
			l.set(l.settings[at], text, place)
		} else if !serviceLink.MatchString(name) {
			l.fail(place, "there is no such setting"+DidYouMean(name, names))
		}
	}
}

// envName returns the environment variable of a setting.
func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(setting))
}

// check looks at what no single setting can tell.
func (c *Config) check() error {
	var errs []error
	m := c.Memory
	if parts := m.Head + m.Cache + m.Query + m.Views + m.InFlight; parts > m.Limit {
		errs = append(errs, fmt.Errorf("memory.head, memory.cache, memory.query, memory.views and memory.in-flight are %s together, more than memory.limit of %s (%s)",
			FormatSize(parts), FormatSize(m.Limit), c.from("memory.limit")))
	}
	// What is decided has to be there still, and late spans follow decisions that are known.
	shorter := func(name string, most time.Duration) {
		if w := c.TailSampling.Window; c.TailSampling.Policies != "" && most > 0 && w >= most {
			errs = append(errs, fmt.Errorf("tail-sampling.window of %s (%s) is not shorter than %s of %s (%s)",
				durationValue{&w, ""}, c.from("tail-sampling.window"), name, durationValue{&most, ""}, c.from(name)))
		}
	}
	shorter("retention.age", c.Retention.Age)
	shorter("tail-sampling.remember", c.TailSampling.Remember)
	taken := map[string]string{}
	for _, s := range c.settings() {
		addr := s.value.String()
		listener, ok := strings.CutPrefix(s.name, "listen.")
		if !ok || addr == "off" || strings.HasSuffix(addr, ":0") {
			continue
		}
		place := addr
		if UDP(listener) {
			place = "udp " + addr
		}
		if other, ok := taken[place]; ok {
			errs = append(errs, fmt.Errorf("%s (%s) and %s (%s) are both %s", other, c.from(other), s.name, c.from(s.name), addr))
		}
		taken[place] = s.name
	}
	return errors.Join(errs...)
}

// from says where the value of a setting comes from.
func (c *Config) from(name string) string {
	if place, ok := c.origin[name]; ok {
		return place
	}
	return "default"
}

// readFile applies a YAML file.
func (l *loader) readFile(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("cannot read the settings file: %w", err))
		return
	}
	l.readYAML(path, text)
}
