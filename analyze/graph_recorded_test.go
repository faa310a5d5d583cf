package analyze

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/ingest"
	"github.com/clewhq/clew/internal/recording"
	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/storetest"
)

var update = flag.Bool("update", false, "write testdata/*.txt anew from what the code does")

// recorded returns a store that has the recorded traffic.
func recorded(t *testing.T) store.Reader {
	requests, err := recording.Requests()
	if err != nil {
		t.Fatal(err)
	}
	m := &storetest.Model{}
	for _, raw := range requests {
		b := &span.Batch{Raw: raw, Format: span.FormatOTLPProto, Received: time.Unix(1, 0)}
		if _, err := ingest.DecodeOTLP(span.FormatOTLPProto, raw, b, ingest.Limits{}); err != nil {
			t.Fatal(err)
		}
		if err := m.Write(t.Context(), store.DefaultTenant, b); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestRecordedGraph holds the graph of the recorded traffic against testdata.
func TestRecordedGraph(t *testing.T) {
	g, err := Dependencies(t.Context(), recorded(t), store.DefaultTenant, store.TimeRange{}, GraphOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, n := range g.Nodes {
		fmt.Fprintf(&out, "%s (%s): %d spans, %d errors\n", n.Name, n.Kind, n.Spans, n.Errors)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&out, "%s -> %s (%s): %d calls, %d errors, client %v, server %v\n", e.Caller, e.Callee, e.Connection, e.Calls, e.Errors, e.Client, e.Server)
	}
	const path = "testdata/recorded.txt"
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", path, out.String())
	}
}
