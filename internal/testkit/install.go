// Package testkit has what tests of several packages need: real programs from
// the package registries, and the seeds of random data.
package testkit

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Installed returns a folder in the user's cache in which the command has
// installed what the files lock; there it is run but once. The test is skipped
// where the command is not there, except on CI.
func Installed(t testing.TB, locks []string, command ...string) string {
	t.Helper()
	Needs(t, command[0])
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	hash, files := sha256.New(), map[string][]byte{}
	for _, path := range locks {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = text
		hash.Write(text)
	}
	dir := filepath.Join(cache, "clew-tests", fmt.Sprintf("%s-%x", command[0], hash.Sum(nil)[:8]))
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	Run(t, dir, nil, command...)
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Needs skips the test where a program is missing, except on CI.
func Needs(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Run runs a command in a folder, with more environment variables, and returns what it prints.
func Run(t testing.TB, dir string, env []string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, out, stderr.String())
	}
	return string(out)
}
