package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
)

// send puts one trace into a server, as OTLP/HTTP: a root of my-service that takes two seconds and a failed
// call of the database below it.
func send(t *testing.T, s *testServer) {
	t.Helper()
	now := time.Now().Add(-10 * time.Second).UnixNano()
	resource := func(service string) string {
		return `"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"` + service + `"}}]}`
	}
	body := fmt.Sprintf(`{"resourceSpans":[
		{%s,"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET /cart","kind":2,
			"startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":2},
			"attributes":[{"key":"http.status_code","value":{"intValue":"503"}},{"key":"user.id","value":{"stringValue":"ada"}}]}]}]},
		{%s,"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"aaa19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b174",
			"name":"SELECT","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","status":{"code":2,"message":"deadlock"}}]}]}]}`,
		resource("my-service"), now, now+2e9, resource("db"), now+1e8, now+3e8)
	if code, answer := post(t, s.url("otlp-http", "/v1/traces"), "application/json", "", []byte(body)); code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
}

// TestQueryServer asks a whole server in every form that the command has.
func TestQueryServer(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	send(t, s)
	const traces, spans = "5b8efff798038103d269b633813fc60c  ", "eee19b7ec3c1b174"
	for _, test := range []struct {
		args []string
		want string // "" means that nothing is found
	}{
		{nil, traces},
		{[]string{"service=my-service duration > 1s"}, traces},
		{[]string{"service=my-service", "duration", ">", "1s"}, traces},
		{[]string{"service=my-service duration > 3s"}, ""},
		{[]string{"service=my-service error=true tags.http.status_code >= 500"}, traces},
		{[]string{"service=my-service error=true tags.http.status_code >= 504"}, ""},
		{[]string{"service=my-service error=false"}, ""},
		{[]string{"service=db", `operation="SELECT"`, "status=error", "kind=client", "minDuration=100ms", "maxDuration=1s"}, traces},
		{[]string{"deadlock OR cart"}, traces},
		{[]string{"service=db !user.id"}, traces},
		{[]string{"service=my-service !user.id"}, ""},
		{[]string{`{ resource.service.name = "my-service" } >> { statusMessage = "deadlock" }`}, traces},
		{[]string{`{ resource.service.name = "my-service" } << { statusMessage = "deadlock" }`}, ""},
		{[]string{"--spans", "{ status = error } | select(span.http.status_code)"}, spans + "  "},
		{[]string{"--spans", "{ status = error } | select(span.http.status_code)"}, "my-service GET /cart  status=error, span.http.status_code=503"},
		{[]string{"--sort", "slowest", "--since", "2m"}, traces},
		{[]string{"{ } | by(resource.service.name) | count() > 0"}, `└ by(resource.service.name)="db", count()=1, 1 span`},
		{[]string{"{ } | rate() by (resource.service.name)"}, `resource.service.name="my-service"`},
		{[]string{"--instant", "{ } | count_over_time()"}, "         2  count_over_time"},
		{[]string{"--step", "1m", "({ status = error } | count_over_time()) / ({ } | count_over_time())"}, "         1           1           1  "},
		{[]string{"--json", "service=db"}, `"query":"{ resource.service.name = \"db\" }"`},
		{[]string{"--json", "--spans", "service=db"}, `"spanId":"aaa19b7ec3c1b174"`},
		{[]string{"--json", "{ } | rate()"}, `"labels":[{"name":"__name__","type":"string","value":"rate"}]`},
		{[]string{"--explain", "service=my-service duration > 1s"}, `query     { resource.service.name = "my-service" && duration > 1s }`},
		{[]string{"--explain", "service=my-service"}, "\ntotal     "},
		{[]string{"--explain", "{ status = error } | rate()"}, "look 1    span by span"},
	} {
		out, err := clew(append([]string{"query", "--server", s.url("http", "")}, test.args...)...)
		if found := test.want != ""; err != nil || found == strings.Contains(out, "nothing found") || !strings.Contains(out, test.want) {
			t.Errorf("%q: %v\n%s\nwant %s", test.args, err, out, test.want)
		}
	}
	if _, err := clew("query", "--server", s.url("http", ""), "service=my-service durration ==> 1s"); err == nil || !strings.Contains(err.Error(), "\n      ") || !strings.HasSuffix(err.Error(), "^") {
		t.Errorf("a query with an error: %v", err)
	}
}

// TestDocumentedQueries runs every query that the documentation and the help show.
func TestDocumentedQueries(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	send(t, s)
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	text := newQueryCmd().Example
	for _, file := range append(files, "../../README.md", "front.html") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += "\n" + string(content)
	}
	text = strings.NewReplacer("&gt;", ">", "&lt;", "<", "&amp;", "&").Replace(text)
	commands := regexp.MustCompile(`(?m)^(?:<pre>|\s*)(?:\$ )?(?:bin/)?clew query( .*)?$`).FindAllStringSubmatch(text, -1)
	if len(commands) < 8 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, command := range commands {
		args := append([]string{"query", "--server", s.url("http", "")}, shellWords(t, command[1])...)
		if out, err := clew(args...); err != nil {
			t.Errorf("%s: %v\n%s", command[0], err, out)
		}
	}
}

// shellWords splits a line as a shell does, as far as the documentation needs it: quotes, and a comment at the end.
func shellWords(t *testing.T, line string) (words []string) {
	t.Helper()
	for _, word := range regexp.MustCompile(`'[^']*'|"[^"]*"|#.*|[^\s'"]+`).FindAllString(line, -1) {
		switch word[0] {
		case '#':
			return words
		case '\'', '"':
			word = word[1 : len(word)-1]
		default:
			if strings.ContainsAny(word, "<>|&!;*?$`(){}") {
				t.Errorf("the shell would not pass %s of %s on", word, line)
			}
		}
		words = append(words, word)
	}
	return words
}

// TestTempoStreams checks that gRPC is served on the port that has Tempo's HTTP API.
func TestTempoStreams(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	send(t, s)
	conn, err := grpc.NewClient(s.addrs["tempo"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const method = "/tempopb.StreamingQuerier/Search"
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, method)
	if err != nil {
		t.Fatal(err)
	}
	request, found := new(emptypb.Empty), new(emptypb.Empty) // which keep fields that they do not know
	request.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 8, protowire.BytesType), "{ status = error }"))
	if err := stream.SendMsg(request); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for err = stream.RecvMsg(found); err == nil; err = stream.RecvMsg(found) {
		answer = append(answer, found.ProtoReflect().GetUnknown()...)
	}
	if err != io.EOF || !bytes.Contains(answer, []byte("5b8efff798038103d269b633813fc60c")) {
		t.Errorf("%v, %q", err, answer)
	}
	if code, body := get(t, s.url("tempo", "/api/echo")); code != http.StatusOK || string(body) != "echo" {
		t.Errorf("%d %s", code, body)
	}
	if _, body := get(t, s.url("http", "/metrics")); !bytes.Contains(body, []byte(`route="POST /tempopb.StreamingQuerier/{method}"`)) {
		t.Error("the call is not counted")
	}
}
