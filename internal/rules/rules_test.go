// Package rules holds no code: its tests enforce what docs/architecture.md and
// CONTRIBUTING.md say about the shape of the source.
package rules

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module   = "github.com/clewhq/clew/"
	root     = "../.."
	maxLines = 800
)

// mayImport says which of our packages a package may import. A name that ends
// with "/..." stands for all packages below it as well. What is not listed here
// has to be added: on purpose.
var mayImport = []struct {
	pkg     string
	imports []string
}{
	{"span", nil},
	{"config", nil},
	{"ingest", []string{"span"}},
	{"pipeline", []string{"span", "store"}},
	{"derive", []string{"span"}},
	{"sample", []string{"span", "store", "traceql", "analyze"}},
	{"tree", []string{"span"}},
	{"store", []string{"span", "tree"}},
	{"store/storetest", []string{"span", "tree", "store", "internal/testkit"}},
	{"store/...", []string{"span", "tree", "store/..."}},
	{"traceql", []string{"span", "store"}},
	{"analyze", []string{"span", "tree", "store", "traceql"}},
	{"doctor", []string{"config", "span", "store", "analyze", "sample"}},
	{"api", []string{"span", "store", "traceql", "analyze", "doctor", "ingest", "sample"}},
	{"ui", nil},
	{"internal/recording", []string{"span"}},
	{"internal/selfobs", nil},
	{"internal/rules", nil},
	{"internal/testkit", nil},
	{"bench/...", []string{"span", "internal/recording"}},
	{"cmd/clew", []string{"..."}},
}

func matches(pattern, pkg string) bool {
	prefix, below := strings.CutSuffix(pattern, "...")
	return pattern == pkg || below && strings.HasPrefix(pkg+"/", prefix)
}

func TestImports(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		checkImports(t, strings.TrimPrefix(pkg.ImportPath, module), pkg.Imports)
	}
	if seen == 0 {
		t.Errorf("go list found no package")
	}
}

func checkImports(t *testing.T, pkg string, imports []string) {
	for _, rule := range mayImport {
		if !matches(rule.pkg, pkg) {
			continue
		}
		for _, imp := range imports {
			name, ours := strings.CutPrefix(imp, module)
			allowed := func(pattern string) bool { return matches(pattern, name) }
			if ours && !slices.ContainsFunc(rule.imports, allowed) {
				t.Errorf("%s imports %s; it may import of ours: %q", pkg, name, rule.imports)
			}
		}
		return
	}
	t.Errorf("package %s is new: say in this test what it may import", pkg)
}

// Every module that a go.mod requires directly has its reason in docs/dependencies.md, in the part for that go.mod.
func TestDependenciesHaveAReason(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for dir, heading := range map[string]string{".": "# Direct dependencies\n", "instrument": "## Of the Go helper\n", "examples/shop": "## Of the example\n"} {
		_, rest, _ := strings.Cut("\n"+string(doc), "\n"+heading)
		reasons, _, _ := strings.Cut(rest, "\n## ")
		cmd := exec.Command("go", "mod", "edit", "-json")
		cmd.Dir = filepath.Join(root, dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var mod struct {
			Require []struct {
				Path     string
				Indirect bool
			}
		}
		if err := json.Unmarshal(out, &mod); err != nil {
			t.Fatal(err)
		}
		for _, m := range mod.Require {
			explained := strings.Contains(reasons, "| `"+m.Path+"` | ")
			if explained == m.Indirect {
				t.Errorf("%s: direct is %t in %s/go.mod, explained in docs/dependencies.md is %t", m.Path, !m.Indirect, dir, explained)
			}
		}
	}
}

// walk calls visit for every file and folder of the source.
func walk(t *testing.T, visit func(path string, d fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "data", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		visit(path, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoFolderWithoutAMeaning(t *testing.T) {
	walk(t, func(path string, d fs.DirEntry) {
		if d.IsDir() && slices.Contains([]string{"pkg", "util", "utils", "common", "helpers", "models", "misc"}, d.Name()) {
			t.Errorf("%s: name the folder for what it does", path)
		}
	})
}

func TestNoFileIsTooLong(t *testing.T) {
	files := 0
	walk(t, func(path string, d fs.DirEntry) {
		if d.IsDir() || !slices.Contains([]string{".go", ".ts", ".tsx"}, filepath.Ext(path)) {
			return
		}
		files++
		if n, generated := countLines(t, path); n > maxLines && !generated {
			t.Errorf("%s has %d lines, more than %d", path, n, maxLines)
		}
	})
	if files == 0 {
		t.Error("no source file found")
	}
}

func countLines(t *testing.T, path string) (n int, generated bool) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for ; s.Scan(); n++ {
		generated = generated || strings.HasPrefix(s.Text(), "// Code generated ")
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return n, generated
}
