package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

func TestReferenceIsCurrent(t *testing.T) {
	const file = "../docs/configuration.md"
	if *update {
		if err := os.WriteFile(file, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Reference() {
		t.Error("docs/configuration.md is stale; run: go test ./config -update")
	}
}

// writeFile returns the path of a settings file with the given text.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clew.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func parseFlags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestPrecedence(t *testing.T) {
	file := writeFile(t, "retention:\n  age: 1d\nlog:\n  level: debug\nquery: {timeout: 1s}\n")
	env := []string{"CLEW_RETENTION_AGE=2d", "CLEW_LOG_LEVEL=warn", "PATH=/bin", "CLEW_SYNC_INTERVAL="}
	c, err := Load(Sources{Flags: parseFlags(t, "--retention.age=3d"), Environ: env, File: file})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		name, value, from string
	}{
		{"retention.age", "3d", "flag --retention.age"},
		{"log.level", "warn", "environment variable CLEW_LOG_LEVEL"},
		{"query.timeout", "1s", file + ":5"},
		{"sync-interval", "200ms", "default"},
		{"memory.head", FormatSize(c.Memory.Limit / 24 / mib * mib), "derived from memory.limit"},
	} {
		for _, s := range c.settings() {
			if s.name == want.name && (s.value.String() != want.value || c.from(s.name) != want.from) {
				t.Errorf("%s is %s from %s, want %s from %s", s.name, s.value, c.from(s.name), want.value, want.from)
			}
		}
	}
	if c.Retention.Age != 72*time.Hour {
		t.Errorf("retention.age is %v", c.Retention.Age)
	}
}

// Every setting can be set from every source, under the name that the reference tells.
func TestEverySettingFromEverySource(t *testing.T) {
	examples := map[string]string{
		"path": "/x", "address": "[::1]:0", "duration": "1h30m", "size": "48MiB", "number": "48", "list": "https://a,https://b",
		"text": "words", "decimal": "0.5", "links": "Loki=https://a/{trace_id}?x,y Kibana=http://b/",
	}
	for _, s := range Default().settings() {
		want, ok := examples[s.value.kind()]
		if choice, is := s.value.(choiceValue); is {
			want, ok = choice.words[len(choice.words)-1], true
		}
		if !ok {
			t.Fatalf("no example of a %s", s.value.kind())
		}
		group, name, nested := strings.Cut(s.name, ".")
		text := s.name + ": " + want
		if nested {
			text = group + ":\n  " + name + ": '" + want + "'"
		}
		// Memory parts have to fit the limit.
		const room = "--memory.limit=1GiB"
		for source, src := range map[string]Sources{
			"flag": {Flags: parseFlags(t, room, "--"+s.name, want)},
			"env":  {Flags: parseFlags(t, room), Environ: []string{envName(s.name) + "=" + want}},
			"file": {Flags: parseFlags(t, room), File: writeFile(t, text)},
		} {
			if s.name == "memory.limit" && source != "flag" {
				src.Flags = nil
			}
			c, err := Load(src)
			if err != nil {
				t.Errorf("%s by %s: %v", s.name, source, err)
				continue
			}
			for _, got := range c.settings() {
				if got.name == s.name && got.value.String() != want {
					t.Errorf("%s by %s is %q, want %q", s.name, source, got.value, want)
				}
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		file string
		env  string
		flag string
		want string // FILE stands for the file's path
	}{
		{name: "unknown key", file: "data-dir: x\nlisten:\n  otlp-grcp: :1\n",
			want: `FILE:3: listen.otlp-grcp: there is no such setting; did you mean "listen.otlp-grpc"?`},
		{name: "unknown group", file: "listn:\n  http: :1\n", want: `FILE:1: listn: there is no such setting; did you mean "listen"?`},
		{name: "nothing near", file: "cassandra: x\n", want: `FILE:1: cassandra: there is no such setting`},
		{name: "bad duration", file: "retention:\n  age: 7 days\n",
			want: `FILE:2: retention.age: cannot use "7 days": expected a duration such as 200ms, 90m, 36h or 7d, or off`},
		{name: "negative duration", flag: "--query.timeout=-1s",
			want: `flag --query.timeout: query.timeout: cannot use "-1s": expected a duration such as 200ms, 90m, 36h or 7d, or off`},
		{name: "endless days", flag: "--query.timeout=106752d",
			want: `flag --query.timeout: query.timeout: cannot use "106752d": expected a duration such as 200ms, 90m, 36h or 7d, or off`},
		{name: "bad size", env: "CLEW_MEMORY_HEAD=64 megs",
			want: `environment variable CLEW_MEMORY_HEAD: memory.head: cannot use "64 megs": expected a size such as 512KiB, 64MiB, 10GiB or 50GB, or auto`},
		{name: "size overflow", env: "CLEW_MEMORY_HEAD=9223372036854775807KiB",
			want: `environment variable CLEW_MEMORY_HEAD: memory.head: cannot use "9223372036854775807KiB": expected a size such as 512KiB, 64MiB, 10GiB or 50GB, or auto`},
		{name: "no word for zero", env: "CLEW_INGEST_MAX_REQUEST_SIZE=off",
			want: `environment variable CLEW_INGEST_MAX_REQUEST_SIZE: ingest.max-request-size: cannot use "off": expected a size such as 512KiB, 64MiB, 10GiB or 50GB`},
		{name: "fraction", flag: "--tempo.max-traces=1.5",
			want: `flag --tempo.max-traces: tempo.max-traces: cannot use "1.5": expected a number such as 1000, or off`},
		{name: "not even one", file: "tempo: {max-series: 0}\n",
			want: `FILE:1: tempo.max-series: cannot use "0": expected a number such as 1000, or off`},
		{name: "bad port", flag: "--listen.http=localhost:http",
			want: `flag --listen.http: listen.http: cannot use "localhost:http": expected HOST:PORT such as 127.0.0.1:4317, :4317 for all interfaces, or off`},
		{name: "bad choice", flag: "--log.level=loud",
			want: `flag --log.level: log.level: cannot use "loud": expected debug, info, warn or error`},
		{name: "bad prefix", flag: "--http.path-prefix=clew",
			want: `flag --http.path-prefix: http.path-prefix: cannot use "clew": expected a path that starts with a slash, such as /clew`},
		{name: "unknown variable", env: "CLEW_LISTEN_HTPP=:1",
			want: `environment variable CLEW_LISTEN_HTPP: there is no such setting; did you mean "CLEW_LISTEN_HTTP"?`},
		{name: "two listeners on one port", flag: "--listen.http=:1", env: "CLEW_LISTEN_TEMPO=:1",
			want: `listen.http (flag --listen.http) and listen.tempo (environment variable CLEW_LISTEN_TEMPO) are both :1`},
		{name: "memory parts", file: "memory:\n  limit: 128MiB\n  head: 128MiB\n",
			want: `memory.head, memory.cache, memory.query, memory.views and memory.in-flight are 224MiB together, more than memory.limit of 128MiB (FILE:2)`},
		{name: "window beyond the retention", file: "retention:\n  age: 1d\ntail-sampling:\n  policies: p.yaml\n  window: 36h\n",
			want: `tail-sampling.window of 36h (FILE:5) is not shorter than retention.age of 1d (FILE:2)`},
		{name: "window beyond memory", file: "tail-sampling:\n  policies: p.yaml\n  window: 2h\n", flag: "--tail-sampling.remember=2h",
			want: `tail-sampling.window of 2h (FILE:3) is not shorter than tail-sampling.remember of 2h (flag --tail-sampling.remember)`},
		{name: "scalar for a group", file: "listen: off\n", want: `FILE:1: listen: expected keys with values`},
		{name: "list for the file", file: "- a\n", want: `FILE:1: the file: expected keys with values`},
		{name: "list for a value", file: "data-dir: [a]\n", want: `FILE:1: data-dir: expected a single value`},
		{name: "mapping for a list", file: "http: {cors-origins: {a: b}}\n", want: `FILE:1: http.cors-origins: expected a list`},
		{name: "twice", file: "data-dir: a\n\ndata-dir: b\n", want: `FILE:3: data-dir: is already set on line 1`},
		{name: "two documents", file: "data-dir: a\n---\ndata-dir: b\n", want: `FILE: expected one YAML document`},
		{name: "not YAML", file: "data-dir: a\nlisten:\n\thttp: off\n", want: `FILE:3: found character that cannot start any token`},
		{name: "all errors at once", file: "a: 1\nb: 2\n", flag: "--log.format=xml",
			want: "FILE:1: a: there is no such setting\nFILE:2: b: there is no such setting\n" +
				`flag --log.format: log.format: cannot use "xml": expected text or json`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var src Sources
			if tc.file != "" {
				src.File = writeFile(t, tc.file)
			}
			if tc.env != "" {
				src.Environ = []string{tc.env}
			}
			if tc.flag != "" {
				src.Flags = parseFlags(t, tc.flag)
			}
			_, err := Load(src)
			if err == nil {
				t.Fatal("no error")
			}
			if got := strings.ReplaceAll(err.Error(), src.File, "FILE"); src.File != "" && got != tc.want || src.File == "" && err.Error() != tc.want {
				t.Errorf("got  %s\nwant %s", err, tc.want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(Sources{Environ: []string{"CLEW_CONFIG=/does/not/exist.yaml"}})
	if err == nil || !strings.Contains(err.Error(), "cannot read the settings file: open /does/not/exist.yaml") {
		t.Errorf("got %v", err)
	}
}

// Kubernetes sets such variables in every container when a Service is named "clew"; the last one is of our tests.
func TestSomeVariablesAreNoSettings(t *testing.T) {
	_, err := Load(Sources{Environ: []string{
		"CLEW_SERVICE_HOST=10.0.0.1", "CLEW_SERVICE_PORT=4317", "CLEW_SERVICE_PORT_OTLP_GRPC=4317", "CLEW_PORT=tcp://10.0.0.1:4317",
		"CLEW_PORT_4317_TCP=tcp://10.0.0.1:4317", "CLEW_PORT_4317_TCP_ADDR=10.0.0.1", "CLEW_OTLP_SERVICE_HOST=10.0.0.2", "CLEW_TEST_SEED=7",
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "listen:\n", "data-dir:\nhttp: {cors-origins: }\n", "---\n"} {
		c, err := Load(Sources{File: writeFile(t, text)})
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if c.DataDir != "data" || c.Listen.HTTP != "127.0.0.1:16686" {
			t.Errorf("%q changed a setting", text)
		}
	}
}

func TestAliases(t *testing.T) {
	c, err := Load(Sources{File: writeFile(t, "query: {timeout: &t 3s}\nshutdown-timeout: *t\n")})
	if err != nil {
		t.Fatal(err)
	}
	if c.ShutdownTimeout != 3*time.Second {
		t.Errorf("shutdown-timeout is %v", c.ShutdownTimeout)
	}
}

// What `clew config print` prints is a file that means the same.
func TestWriteYAMLRoundTrip(t *testing.T) {
	first, err := Load(Sources{Flags: parseFlags(t, "--listen.tempo=off", "--http.cors-origins=*,https://a", "--sync-interval=always",
		"--retention.size=50GB", "--retention.age=off", "--data-dir=yes", "--http.path-prefix=/a/", "--tempo.max-series=20")})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := first.WriteYAML(&text); err != nil {
		t.Fatal(err)
	}
	second, err := Load(Sources{File: writeFile(t, text.String())})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text.String())
	}
	b := second.settings()
	for i, s := range first.settings() {
		if s.value.String() != b[i].value.String() {
			t.Errorf("%s was %q and is now %q", s.name, s.value, b[i].value)
		}
	}
	for _, line := range []string{`  tempo: off # flag --listen.tempo`, `  level: info # default`, `path-prefix: /a # flag`} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("%q is missing in:\n%s", line, text.String())
		}
	}
}

func TestDeriveMemory(t *testing.T) {
	for _, tc := range []struct {
		available, set, want int64
	}{
		{0, 0, 128 * mib},
		{256 * mib, 0, 128 * mib},
		{2048*mib + 12345, 0, 512 * mib},
		{64 << 30, 0, 1024 * mib},
		{64 << 30, 3 << 30, 3 << 30},
	} {
		c := Default()
		c.Memory.Limit = tc.set
		c.deriveMemory(tc.available)
		m := c.Memory
		if m.Limit != tc.want || m.Head != tc.want/24/mib*mib || m.Cache != tc.want/16 || m.Query != tc.want/2 || m.Views != tc.want/8 || m.InFlight != tc.want/16 {
			t.Errorf("of %d: %+v, want a limit of %d", tc.available, m, tc.want)
		}
		if err := c.check(); err != nil {
			t.Errorf("of %d: %v", tc.available, err)
		}
	}
}

func TestValuesRoundTrip(t *testing.T) {
	var d time.Duration
	var n int64
	var count int
	for _, tc := range []struct {
		v        value
		in, want string
	}{
		{durationValue{&d, ""}, "90s", "1m30s"},
		{durationValue{&d, ""}, "60m", "1h"},
		{durationValue{&d, ""}, "10m", "10m"},
		{durationValue{&d, ""}, "48h", "2d"},
		{durationValue{&d, ""}, "1.5h", "1h30m"},
		{durationValue{&d, "always"}, "always", "always"},
		{sizeValue{&n, ""}, "1024KiB", "1MiB"},
		{sizeValue{&n, ""}, "50 GB", "50GB"},
		{sizeValue{&n, ""}, "1001", "1001B"},
		{sizeValue{&n, "off"}, "off", "off"},
		{countValue{&count, "off"}, "0020", "20"},
		{countValue{&count, "off"}, "off", "off"},
	} {
		if err := tc.v.set(tc.in); err != nil || tc.v.String() != tc.want {
			t.Errorf("%q became %q (%v), want %q", tc.in, tc.v, err, tc.want)
			continue
		}
		if err := tc.v.set(tc.v.String()); err != nil || tc.v.String() != tc.want {
			t.Errorf("%q does not read back: %v", tc.want, err)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add("listen: {http: off}\nretention: {age: 7d}\n")
	f.Add("a: &a\n  b: *a\n")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := Default()
		l := loader{settings: c.settings(), origin: c.origin}
		l.readYAML("f", []byte(text))
		for _, err := range l.errs {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("an error does not name the file: %v", err)
			}
		}
		if len(l.errs) > 0 {
			return
		}
		for _, s := range c.settings() { // what was taken reads back
			if err := s.value.set(s.value.String()); err != nil {
				t.Errorf("%s: took %q, which it then refuses: %v", s.name, s.value, err)
			}
		}
	})
}
