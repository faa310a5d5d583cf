package api

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// jaegerIDL is where the module jaeger-idl lies, in the version that go.mod has.
func jaegerIDL() (string, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/jaegertracing/jaeger-idl").Output()
	return strings.TrimSpace(string(dir)), err
}

// jaegerProtoFiles are the files whose descriptions are embedded, each after those that it imports.
var jaegerProtoFiles = []string{
	"model.proto", "query.proto", "expression/v1/expression.proto", "api_v3/query_service.proto",
	"storage/v2/trace_storage.proto", "storage/v2/dependency_storage.proto", "storage/v2/capabilities.proto", "api_v3/capabilities.proto",
}

// optionImports are what files import for their options only.
var optionImports = []string{"gogoproto/", "google/api/", "gnostic/", "expression/v1/vocabulary.proto"}

// TestJaegerDescriptions checks that jaeger_grpc.binpb is what the published files say; with -update it writes it.
func TestJaegerDescriptions(t *testing.T) {
	dir, err := jaegerIDL()
	if err != nil {
		t.Fatal(err)
	}
	compiler := protocompile.Compiler{Resolver: protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		for _, folder := range []string{"proto", "proto/api_v2"} { // whose files are imported without it
			text, err := os.ReadFile(filepath.Join(dir, folder, path))
			if err == nil {
				file, err := parseProto(path, text)
				return protocompile.SearchResult{Proto: file}, err
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return protocompile.SearchResult{}, err
			}
		}
		linked, err := protoregistry.GlobalFiles.FindFileByPath(path)
		return protocompile.SearchResult{Desc: linked}, err
	})}
	files, err := compiler.Compile(t.Context(), jaegerProtoFiles...)
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range files {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	if *update {
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("jaeger_grpc.binpb", raw, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	embedded := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(jaegerProtos, embedded); err != nil {
		t.Fatal(err)
	}
	if len(embedded.File) != len(set.File) {
		t.Fatalf("%d files are embedded, want %d (go generate ./api writes them anew)", len(embedded.File), len(set.File))
	}
	for i, want := range set.File {
		if got := embedded.File[i]; !proto.Equal(got, want) {
			t.Errorf("what is embedded of %s is not current; go generate ./api writes it anew", want.GetName())
		}
	}
}

// parseProto reads a file without its options.
func parseProto(path string, text []byte) (*descriptorpb.FileDescriptorProto, error) {
	handler := reporter.NewHandler(nil)
	tree, err := parser.Parse(path, bytes.NewReader(text), handler)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ResultFromAST(tree, true, handler)
	if err != nil {
		return nil, err
	}
	file := parsed.FileDescriptorProto()
	file.Options = nil
	file.Dependency = slices.DeleteFunc(file.Dependency, func(path string) bool {
		return slices.ContainsFunc(optionImports, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
	})
	for _, m := range file.MessageType {
		dropOptions(m)
	}
	for _, e := range file.EnumType {
		dropEnumOptions(e)
	}
	for _, s := range file.Service {
		s.Options = nil
		for _, m := range s.Method {
			m.Options = nil
		}
	}
	return file, nil
}

// dropOptions leaves only the mark of a map's entries.
func dropOptions(m *descriptorpb.DescriptorProto) {
	if m.GetOptions().GetMapEntry() {
		m.Options = &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}
	} else {
		m.Options = nil
	}
	for _, f := range m.Field {
		f.Options = nil
	}
	for _, o := range m.OneofDecl {
		o.Options = nil
	}
	for _, e := range m.EnumType {
		dropEnumOptions(e)
	}
	for _, nested := range m.NestedType {
		dropOptions(nested)
	}
}

func dropEnumOptions(e *descriptorpb.EnumDescriptorProto) {
	e.Options = nil
	for _, v := range e.Value {
		v.Options = nil
	}
}
