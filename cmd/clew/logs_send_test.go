package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/api"
	"github.com/clewhq/clew/span"
)

const shopTraceID = "c10000000000000000000000000000e3"

// lineOfTrace is a line of JSON that a service logs.
func lineOfTrace(text string) string {
	message, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"trace_id":%q,"span_id":"0000000000000002","level":"WARN","msg":%s,"order":7}`+"\n", shopTraceID, message)
}

// postedLines is a server that passes on each line that is posted to it, after it has refused the first request.
func postedLines(t *testing.T) (client, <-chan string) {
	t.Helper()
	lines, refused := make(chan string, 100), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !refused {
			refused = true
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		in := bufio.NewScanner(r.Body)
		n := 0
		for ; in.Scan(); n++ {
			lines <- in.Text() + "\n"
		}
		fmt.Fprintf(w, `{"accepted":%d,"withoutTraceId":0,"malformed":0}`, n)
	}))
	t.Cleanup(server.Close)
	return client{server: server.URL}, lines
}

// TestFollow writes to a file that is followed: lines in pieces, then in a file of its name, then in one that was cut.
func TestFollow(t *testing.T) {
	c, lines := postedLines(t)
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	write := func(text string, flags int) {
		t.Helper()
		f, err := os.OpenFile(path, flags|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		for _, text := range want {
			if got := <-lines; got != lineOfTrace(text) {
				t.Fatalf("got %q, want %q", got, text)
			}
		}
	}
	write(lineOfTrace("one")+lineOfTrace("two")[:20], 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var notes bytes.Buffer
	o := sendOptions{client: c, follow: true, poll: time.Millisecond, retry: time.Millisecond}
	go func() { done <- o.run(ctx, path, nil, newScreen(&notes)) }()
	expect("one")
	write(lineOfTrace("two")[20:], os.O_APPEND)
	expect("two")
	write(lineOfTrace("three"), os.O_APPEND)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(lineOfTrace("four"), 0)
	expect("three", "four")
	write("", os.O_TRUNC)
	write(lineOfTrace("5"), os.O_APPEND)
	expect("5")
	write(lineOfTrace("6"), os.O_APPEND)
	expect("6") // so the one before was answered
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := notes.String(); !strings.Contains(got, "503 Service Unavailable: not now; trying again in") || !strings.HasSuffix(got, "5 log records kept\n") && !strings.HasSuffix(got, "6 log records kept\n") {
		t.Errorf("%s", got)
	}
}

// TestSendAndShow sends lines to a server, as a file and by standard input, and shows them.
func TestSendAndShow(t *testing.T) {
	s := startServer(t, "--data-dir", t.TempDir())
	c := client{server: s.url("http", "")}
	send := func(text string) string {
		t.Helper()
		var notes bytes.Buffer
		o := sendOptions{client: c, service: "shop"}
		if err := o.run(t.Context(), "-", strings.NewReader(text), newScreen(&notes)); err != nil {
			t.Fatal(err)
		}
		return notes.String()
	}
	long := `{"msg":"` + strings.Repeat("x", maxLine) + `"}` + "\n"
	got := send(lineOfTrace("sold \x1b[31m out") + "\n" + `{"msg":"alone"}` + "\n" + "{broken\n" + long + strings.TrimSpace(lineOfTrace("no end")))
	if !strings.Contains(got, "line 2 has no trace_id") ||
		!strings.HasSuffix(got, "2 log records kept, 1 line without a trace id not kept, 1 line that cannot be read not kept, 1 line longer than 1 MiB not kept\n") {
		t.Errorf("%s", got)
	}
	if got := send("a: yaml\n"); !strings.Contains(got, "no line is a JSON object") || !strings.HasSuffix(got, "0 log records kept, 1 line that cannot be read not kept\n") {
		t.Errorf("%s", got)
	}
	out, err := clew("logs", shopTraceID, "--server", c.server)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"; there are log records of it", "records   2 records", "WARN   0000000000000002  shop  no end order=7", `sold \x1b[31m out order=7`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if shown, err := clew("trace", shopTraceID, "--logs", "--server", c.server); err != nil || shown != out {
		t.Errorf("trace --logs of a trace that is not there: %v\n%s", err, shown)
	}
	if out, err := clew("logs", shopTraceID, "--grep", "END", "--server", c.server); err != nil || strings.Contains(out, "sold") || !strings.Contains(out, "matching  1\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestInterruptedInput checks that a command whose input says nothing more ends when it is told to.
func TestInterruptedInput(t *testing.T) {
	c, lines := postedLines(t)
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	o := sendOptions{client: c, follow: true, retry: time.Millisecond}
	go func() { done <- o.run(ctx, "-", in, newScreen(io.Discard)) }()
	if _, err := io.WriteString(out, lineOfTrace("one")+lineOfTrace("two")[:9]); err != nil {
		t.Fatal(err)
	}
	if got := <-lines; got != lineOfTrace("one") {
		t.Errorf("got %q", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestSendGivesUp checks that a file is not sent for ever to a server that is not there.
func TestSendGivesUp(t *testing.T) {
	o := sendOptions{client: client{server: "http://127.0.0.1:1"}, retry: time.Millisecond}
	var notes bytes.Buffer
	err := o.run(t.Context(), "-", strings.NewReader(lineOfTrace("x")), newScreen(&notes))
	if err == nil || !strings.Contains(err.Error(), "cannot reach a server") || strings.Count(notes.String(), "trying again") != sendAttempts-1 {
		t.Errorf("%v\n%s", err, notes.String())
	}
}

// TestWaterfallWithLogs draws records below their spans and the others at the end.
func TestWaterfallWithLogs(t *testing.T) {
	spans := []traceSpan{}
	for _, row := range shopTrace() {
		service := ""
		if len(row.Resource.Attrs) > 0 {
			service = row.Resource.Attrs[0].Value.Str
		}
		spans = append(spans, traceSpan{id: row.SpanID, parent: row.Parent, start: row.Start, end: row.End, service: service, name: row.Name, failed: row.Status == 2})
	}
	w := newWaterfall(spans)
	w.id = span.TraceID{0: 0xc1, 15: 0xe3}
	record := func(id, level, text string, ms uint64) api.LogRecord {
		return api.LogRecord{SpanID: id, Level: level, Service: "cart", Text: text, TimeUnixNano: shopStart + ms*1e6}
	}
	w.setLogs(&api.LogList{Matching: 5, Logs: []api.LogRecord{
		record("0000000000000003", "info", "reading\tcart", 13), record("0000000000000003", "error", "timeout", 20),
		record("", "warn", "of the whole trace", 30), record("00000000000000ff", "", "of another span", 31),
	}})
	var buf bytes.Buffer
	screen := newScreen(&buf)
	screen.zone = time.UTC
	if err := w.draw(screen, 0, 0); err != nil {
		t.Fatal(err)
	}
	golden(t, "trace_logs.txt", buf.String())
}
