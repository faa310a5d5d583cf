package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clew runs a command and returns what it prints.
func clew(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRootCmd()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.Execute()
	return out.String(), err
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"--help"}} {
		out, err := clew(args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Begin with \"clew serve\"", "Run it:\n", "\n  serve ", "\n  demo ", "\n  storage ", "Look at traces:\n", "\n  query ", "\n  trace ", "\n  diff ", "\n  differs ", "\n  services "} {
			if !strings.Contains(out, want) {
				t.Errorf("%q: %q is missing in:\n%s", args, want, out)
			}
		}
	}
}

func TestServeHelpHasEverySettingWithItsDefault(t *testing.T) {
	out, err := clew("serve", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--listen.otlp-grpc address", "127.0.0.1:4317)\n", "--config file", "--retention.age duration"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestConfigPrint(t *testing.T) {
	t.Setenv("CLEW_LOG_LEVEL", "debug")
	out, err := clew("config", "print", "--listen.tempo=off")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tempo: off # flag --listen.tempo\n", "level: debug # environment variable CLEW_LOG_LEVEL\n", "data-dir: data # default\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Setenv("CLEW_LOG_LEVEL", "nonsense") // which is no part of the file
	file := filepath.Join(t.TempDir(), "clew.yaml")
	for _, tc := range []struct{ text, want string }{
		{"listen:\n  http: :8080\n", file + ": ok\n"},
		{"listen:\n  htpp: :8080\n", file + `:2: listen.htpp: there is no such setting; did you mean "listen.http"?`},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := clew("config", "check", file)
		if err != nil {
			out = err.Error()
		}
		if out != tc.want {
			t.Errorf("got  %s\nwant %s", out, tc.want)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--listn.http=:1"}, `unknown flag: --listn.http; did you mean "--listen.http"?`},
		{[]string{"serve", "--retention.age=soon"}, `flag --retention.age: retention.age: cannot use "soon": `},
		{[]string{"sreve"}, `unknown command "sreve" for "clew"`},
		{[]string{"demo", "--rate=much"}, `invalid argument "much" for "--rate" flag: `},
		{[]string{"config", "check"}, "config check needs the file to check\n  usage: clew config check FILE"},
		{[]string{"trace"}, "trace needs the id of a trace, as \"clew query\" lists them\n  usage: clew trace ID [flags]\n  more:  clew trace --help"},
		{[]string{"config", "chekc", "f"}, `unknown command "chekc" for "clew config"; there are: check, print`},
		{[]string{"diff", "1"}, "diff needs the ids of two traces"},
		{[]string{"services", "a", "b"}, `services does not know what to do with "b"; quote what has spaces`},
		{[]string{"trace", "1", "--errors", "--statistics=name", "--critical-path"}, "--critical-path and --errors and --statistics do not go together; give one of them"},
		{[]string{"query", "--since=1h", "--from=now"}, "--since and --from do not go together; give one of them"},
		{[]string{"version", "now"}, `unknown command "now" for "clew version"`},
	} {
		if out, err := clew(tc.args...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v %s\nwant %s", tc.args, err, out, tc.want)
		}
	}
}

func TestServeRefusesUnknownVariables(t *testing.T) {
	t.Setenv("CLEW_LISTEN_HTPP", ":1")
	const want = `environment variable CLEW_LISTEN_HTPP: there is no such setting; did you mean "CLEW_LISTEN_HTTP"?`
	if _, err := clew("serve"); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestVersion(t *testing.T) {
	out, err := clew("version")
	if err != nil || !strings.HasPrefix(out, "clew ") || !strings.Contains(out, "go1.") {
		t.Errorf("printed %q: %v", out, err)
	}
}
