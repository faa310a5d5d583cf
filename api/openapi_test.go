package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const nativeRoot = "/api/clew/v1"

// description is a document of OpenAPI, made ready to hold answers against.
type description struct {
	doc        *openapi3.T
	root       string         // what goes before its paths
	operations *http.ServeMux // requests to operations, matched as the server does; their handlers are operations
	schemas    *jsonschema.Compiler

	mu       sync.Mutex // of what follows
	compiled map[string]*jsonschema.Schema
	answered map[string]bool // ids of operations that a test has seen succeed
}

// operation is a handler that only keeps the values of the path.
type operation struct {
	route *routers.Route
}

func (operation) ServeHTTP(http.ResponseWriter, *http.Request) {}

// described is openapi.json.
var described = sync.OnceValue(func() *description {
	d, err := newDescription(nativeOpenAPI, nativeRoot)
	if err != nil {
		panic(err)
	}
	return d
})

func newDescription(text []byte, root string) (*description, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	d := &description{
		doc: doc, root: root, operations: http.NewServeMux(), schemas: jsonschema.NewCompiler(),
		compiled: map[string]*jsonschema.Schema{}, answered: map[string]bool{},
	}
	for path, item := range doc.Paths.Map() {
		path = strings.TrimPrefix(path, root)
		for method, op := range item.Operations() {
			d.operations.Handle(method+" "+root+path, operation{
				&routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}})
		}
	}
	return d, d.schemas.AddResource("file:///openapi.json", plain)
}

// TestMain fails if all tests have run and an operation is described that none of them has seen succeed.
func TestMain(m *testing.M) {
	code := m.Run()
	isSet := func(name string) bool { return flag.Lookup("test."+name).Value.String() != "" }
	if code == 0 && !slices.ContainsFunc([]string{"run", "skip", "list", "fuzz"}, isSet) {
		for path, item := range described().doc.Paths.Map() {
			for method, op := range item.Operations() {
				if !described().answered[op.OperationID] {
					fmt.Printf("openapi.json describes %s %s, but no test has seen it answer\n", method, path)
					code = 1
				}
			}
		}
	}
	os.Exit(code)
}

// checkDescribed fails if there is a description of the API that was asked, and it does not allow the answer.
func checkDescribed(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	var err error
	switch {
	case strings.Contains(r.URL.Path, nativeRoot):
		err = described().check(r, w)
	case w.Code != http.StatusOK: // the others describe no errors, or not those that there are
	case strings.Contains(r.URL.Path, "/api/v3/"):
		err = describedV3().checkAnswer(r, w)
	case describedZipkin().has(r):
		err = describedZipkin().checkAnswer(r, w)
	}
	if err != nil {
		t.Errorf("%s %s, status %d: not as described: %v\n%.2000s", r.Method, r.URL, w.Code, err, w.Body)
	}
}

// check holds a request and its answer against the description.
func (d *description) check(r *http.Request, w *httptest.ResponseRecorder) error {
	kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if kind == "text/plain" && (w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed) {
		return nil // no operation has answered
	}
	if w.Code == statusClientGone {
		return nil // nobody reads it
	}
	if w.Code < 300 {
		if err := d.checkAsked(r); err != nil {
			return err
		}
	}
	return d.checkAnswer(r, w)
}

// checkAnswer fails if an answer is not described.
func (d *description) checkAnswer(r *http.Request, w *httptest.ResponseRecorder) error {
	op, _, err := d.match(r)
	if err != nil {
		return err
	}
	if w.Code < 300 {
		d.mu.Lock()
		d.answered[op.Operation.OperationID] = true
		d.mu.Unlock()
	}
	kind, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	response := op.Operation.Responses.Status(w.Code)
	if response == nil {
		return errors.New("it has no such status")
	}
	content := response.Value.Content.Get(kind)
	switch {
	case content == nil:
		return fmt.Errorf("it has no answer of type %q", kind)
	case r.Method == http.MethodHead:
		return nil
	case kind == "application/json":
		return d.validate(content.Schema, w.Body.Bytes())
	case kind == "text/event-stream":
		return d.validateEvents(content.Schema, w.Body.String())
	}
	return nil
}

// has tells whether there is such an operation.
func (d *description) has(r *http.Request) bool {
	_, _, err := d.match(r)
	return err == nil
}

// match finds the operation that a request, below any prefix, asks for, and its values of the path.
func (d *description) match(r *http.Request) (*routers.Route, map[string]string, error) {
	_, rest, _ := strings.Cut(r.URL.EscapedPath(), d.root)
	at, err := url.Parse(d.root + rest)
	if err != nil {
		return nil, nil, err
	}
	q := &http.Request{Method: r.Method, URL: at}
	h, _ := d.operations.Handler(q)
	op, ok := h.(operation)
	if !ok {
		return nil, nil, errors.New("it has no such operation")
	}
	d.operations.ServeHTTP(httptest.NewRecorder(), q)
	path := map[string]string{}
	for _, p := range op.route.Operation.Parameters {
		if p.Value.In == openapi3.ParameterInPath {
			path[p.Value.Name] = q.PathValue(p.Value.Name)
		}
	}
	return op.route, path, nil
}

// checkAsked fails if a request that was answered is not allowed.
func (d *description) checkAsked(r *http.Request) error {
	route, path, err := d.match(r)
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, values := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("it has no parameter '%s'", name)
		}
		if values[0] != "" { // counts as absent
			query[name] = values
		}
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: path, QueryParams: query, Route: route,
		Options: &openapi3filter.Options{ExcludeRequestBody: true, SkipSettingDefaults: true},
	}
	return openapi3filter.ValidateRequest(r.Context(), in)
}

func (d *description) validate(schema *openapi3.SchemaRef, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return d.validateValue(schema, value)
}

// validateEvents holds each event, as {"event":…,"data":…}, against the schema.
func (d *description) validateEvents(schema *openapi3.SchemaRef, text string) error {
	for event := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		head, data, _ := strings.Cut(event, "\n")
		name, named := strings.CutPrefix(head, "event: ")
		data, isData := strings.CutPrefix(data, "data: ")
		if !named || !isData {
			return fmt.Errorf("odd event %q", event)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
		if err != nil {
			return err
		}
		if err := d.validateValue(schema, map[string]any{"event": name, "data": value}); err != nil {
			return err
		}
	}
	return nil
}

func (d *description) validateValue(ref *openapi3.SchemaRef, value any) error {
	if ref.Ref == "" {
		return errors.New("its schema has no name in components")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	schema := d.compiled[ref.Ref]
	if schema == nil {
		var err error
		if schema, err = d.schemas.Compile("file:///openapi.json" + ref.Ref); err != nil {
			return err
		}
		d.compiled[ref.Ref] = schema
	}
	return schema.Validate(value)
}

// describedV3 is what Jaeger publishes of its third API in the module jaeger-idl. Of errors it has not what Jaeger answers.
var describedV3 = sync.OnceValue(func() *description {
	dir, err := jaegerIDL()
	if err != nil {
		panic(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "swagger/api_v3/query_service.openapi.json"))
	if err != nil {
		panic(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		panic(err)
	}
	closeSchemas(doc)
	resource := doc["components"].(map[string]any)["schemas"].(map[string]any)["opentelemetry.proto.resource.v1.Resource"]
	resource.(map[string]any)["properties"].(map[string]any)["entityRefs"] = true // younger than the document
	if text, err = json.Marshal(doc); err != nil {
		panic(err)
	}
	d, err := newDescription(text, "/api/v3")
	if err != nil {
		panic(err)
	}
	return d
})

// closeSchemas adds to all schemas that they have no other members than those they name, and to numbers that OTLP
// writes those that are none as strings.
func closeSchemas(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, object := v["properties"].(map[string]any); object && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		if v["format"] == "double" {
			v["type"] = []string{"number", "string"}
		}
		for _, member := range v {
			closeSchemas(member)
		}
	case []any:
		for _, member := range v {
			closeSchemas(member)
		}
	}
}

// TestDescription checks that the document is a valid one, is served, and leaves nothing open.
func TestDescription(t *testing.T) {
	if err := described().doc.Validate(t.Context(), openapi3.EnableSchemaPatternValidation(), openapi3.EnableSchemaDefaultsValidation()); err != nil {
		t.Fatal(err)
	}
	if got := getOK(t, NewNative(testConfig(), filled(t)), nativeRoot+"/openapi.json"); !bytes.Equal(got, nativeOpenAPI) {
		t.Errorf("served is %s", got)
	}
	for path, item := range described().doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s needs an operationId, a summary and one tag", method, path)
			}
		}
	}
	var doc map[string]any
	if err := json.Unmarshal(nativeOpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	checkClosed(t, "", doc)
}

// checkClosed fails if a schema allows members that it does not name.
func checkClosed(t *testing.T, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, object := v["properties"].(map[string]any); object && v["additionalProperties"] == nil && v["unevaluatedProperties"] == nil {
			t.Errorf("%s does not say additionalProperties", at)
		}
		for name, member := range v {
			checkClosed(t, at+"/"+name, member)
		}
	case []any:
		for i, member := range v {
			checkClosed(t, fmt.Sprint(at, "/", i), member)
		}
	}
}

// TestDescribedParameters checks that operations know the parameters that are described, and no others.
func TestDescribedParameters(t *testing.T) {
	h := NewNative(testConfig(), filled(t, recorded(t)...))
	for path, item := range described().doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := describedURL(t, path, op)
			w := serve(t, h, httptest.NewRequest(method, at+"&none=1", nil))
			var got struct{ Error ErrorBody }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Errorf("%s %s: %v in %s", method, path, err, w.Body)
			}
			_, list, _ := strings.Cut(got.Error.Message, "unknown parameter 'none'; there are ")
			known := strings.Split(list, ", ")
			want := []string{}
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					want = append(want, p.Value.Name)
				}
			}
			if len(want) == 0 {
				want = []string{"none"}
			}
			slices.Sort(known)
			slices.Sort(want)
			if !slices.Equal(known, want) {
				t.Errorf("%s %s takes %q (%s), described are %q", method, path, known, got.Error.Message, want)
			}
		}
	}
}

// TestDescriptionIsStrict checks that answers which are not as described are found out.
func TestDescriptionIsStrict(t *testing.T) {
	const stats = `"stats":{"rows":1,"chunksRead":1,"chunksSkipped":0,"bytesRead":0}`
	const json, events = "application/json", "text/event-stream"
	const found = `{"query":"{ }","traces":[],` + stats + `}`
	for _, test := range []struct {
		method, path string
		code         int
		kind, body   string
		says         string // "" if it is right
	}{
		{"GET", "/search", 200, json, found, ""},
		{"HEAD", "/search", 200, json, "", ""},
		{"GET", "/search?limit=5&after=", 200, json, found, ""},
		{"GET", "/search?limit=0", 200, json, found, "limit"},
		{"GET", "/search?service=a", 200, json, found, "no parameter 'service'"},
		{"POST", "/search", 200, json, found, "no such operation"},
		{"GET", "/nowhere", 200, json, found, "no such operation"},
		{"GET", "/search", 418, json, found, "no such status"},
		{"GET", "/search", 200, "text/html", found, "no answer of type"},
		{"GET", "/search", 200, json, `{"query":"{ }","traces":[],"more":1,` + stats + `}`, "additional properties 'more'"},
		{"GET", "/search", 200, json, `{"traces":[],` + stats + `}`, "missing property 'query'"},
		{"GET", "/search", 200, json, `{"query":"","spans":[{"spanId":"0000000000000001","startTimeUnixNano":1,"durationNanos":"1","name":"","serviceName":""}],` + stats + `}`, "got number, want string"},
		{"GET", "/search", 400, json, `{"error":{"code":400,"message":"x","hint":"y"}}`, "additional properties 'hint'"},
		{"GET", "/search", 200, events, "event: result\ndata: " + found + "\n\n", ""},
		{"GET", "/search", 200, events, "event: outcome\ndata: " + found + "\n\n", "oneOf"},
		{"GET", "/search", 200, events, "event: result\ndata: {}\n\n", "oneOf"},
		{"GET", "/tags/span.a%2Fb/values", 200, json, `{"values":[{"type":"int","value":"1"}],"partial":false,` + stats + `}`, ""},
		{"GET", "/tags/span.a%2Fb/values", 200, json, `{"values":[{"type":"long","value":"1"}],"partial":false,` + stats + `}`, "value must be one of"},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", test.kind)
		w.WriteHeader(test.code)
		w.WriteString(test.body)
		d, err := newDescription(nativeOpenAPI, nativeRoot) // its own, so that nothing counts as answered
		if err != nil {
			t.Fatal(err)
		}
		err = d.check(httptest.NewRequest(test.method, "/clew"+nativeRoot+test.path, nil), w)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %s, %d %s %s: %v", test.method, test.path, test.code, test.kind, test.body, err)
		}
	}
}
