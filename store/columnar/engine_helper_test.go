package columnar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/store/columnar/colenc"
	"github.com/clewhq/clew/store/storetest"
)

const testTenant = store.DefaultTenant

// farOff is later than any test lasts.
const farOff = 1000 * time.Hour

// testEngine is an engine whose heads wait for Settle, and what was written to it.
type testEngine struct {
	*Engine
	t    testing.TB
	opts Options
	sent *ledger
	// later is added to the clock.
	later *atomic.Int64
}

// openEngine opens an engine on a disk in memory, unless opts name another one.
func openEngine(t testing.TB, opts Options) *testEngine {
	t.Helper()
	e := newTestEngine(t, opts)
	if err := e.open(); err != nil {
		t.Fatal(err)
	}
	return e
}

func newTestEngine(t testing.TB, opts Options) *testEngine {
	if opts.FS == nil {
		opts.FS = newFSMem()
	}
	if opts.Dir == "" {
		opts.Dir = "/data"
	}
	if opts.Decode == nil {
		opts.Decode = storetest.DecodeSpans
	}
	if opts.HeadAge == 0 {
		opts.HeadAge, opts.HeadIdle = farOff, farOff
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	later := new(atomic.Int64)
	opts.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	e := &testEngine{t: t, opts: opts, sent: &ledger{traces: map[span.TraceID]map[string]bool{}}, later: later}
	t.Cleanup(func() {
		if e.Engine != nil {
			_ = e.Close(context.Background()) // which a test that cares has done itself
		}
	})
	return e
}

func (e *testEngine) open() (err error) {
	e.Engine, err = Open(e.opts)
	return err
}

func (e *testEngine) reopen() {
	e.t.Helper()
	if err := errors.Join(e.Close(e.t.Context()), e.open()); err != nil {
		e.t.Fatal(err)
	}
}

// abandon closes the engine and leaves its heads to the log.
func (e *testEngine) abandon() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = e.Close(ended) // says that the heads were left
}

// write writes spans as one batch and remembers them.
func (e *testEngine) write(spans ...span.Span) error {
	b := new(span.Batch)
	for i := range spans {
		b.Append(&spans[i])
	}
	b.Format, b.Raw, b.Received = span.FormatOTLPProto, encodeRows(e.t, b), e.opts.Now()
	e.sent.note(b, false)
	err := e.Write(e.t.Context(), testTenant, b)
	if err == nil {
		e.sent.note(b, true)
	}
	return err
}

func (e *testEngine) mustWrite(spans ...span.Span) {
	e.t.Helper()
	if err := e.write(spans...); err != nil {
		e.t.Fatal(err)
	}
}

func (e *testEngine) mustSettle() {
	e.t.Helper()
	if err := e.Settle(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// blockCount returns how many blocks there are, and the rows in them.
func (e *testEngine) blockCount() (blocks, rows int) {
	s := e.tenants[testTenant].snapshot()
	defer s.release()
	for _, b := range s.blocks {
		blocks, rows = blocks+1, rows+int(b.meta.Rows)
	}
	return blocks, rows
}

// mergeAll merges all blocks to one.
func (e *testEngine) mergeAll() error {
	t := e.tenants[testTenant]
	s := t.snapshot()
	defer s.release()
	if len(s.blocks) < 2 {
		return nil
	}
	merged, err := t.writeMerged(e.t.Context(), s.blocks, nil)
	if err == nil {
		t.replace(s.blocks, merged)
	}
	return err
}

// checkAll fails the test unless everything that was acknowledged is there, once, and nothing is said to be missing.
func (e *testEngine) checkAll(when string) {
	e.t.Helper()
	missing, gaps, err := e.sent.compare(e.t.Context(), e.Engine)
	if err != nil || missing > 0 || len(gaps) > 0 {
		e.t.Fatalf("%s: %d acknowledged spans are missing, gaps %q, %v", when, missing, gaps, err)
	}
}

// ledger knows what was sent, and what of it was acknowledged.
type ledger struct {
	mu     sync.Mutex
	traces map[span.TraceID]map[string]bool // spans as text, by trace; true: acknowledged
}

func (l *ledger) note(b *span.Batch, acked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range b.Len() {
		id := b.TraceIDs[i]
		if l.traces[id] == nil {
			l.traces[id] = map[string]bool{}
		}
		text := spanText(b, i)
		l.traces[id][text] = l.traces[id][text] || acked
	}
}

// spanText is all of a span in one string, which is another one for every other span.
func spanText(b *span.Batch, i int) string {
	s := b.Span(i)
	t := spanEncoder(fmt.Appendf(nil, "%s %s %s ", s.TraceID, s.SpanID, s.Parent))
	t.strings(s.Name, s.Message, s.TraceState)
	t.numbers(uint64(s.Flags), uint64(s.Kind), s.Start, s.End, uint64(s.Status), uint64(s.Dropped.Attrs), uint64(s.Dropped.Events), uint64(s.Dropped.Links))
	t.attrs(s.Attrs)
	for _, e := range s.Events {
		t.strings("event", e.Name)
		t.numbers(e.Time, uint64(e.DroppedAttrs))
		t.attrs(e.Attrs)
	}
	for _, l := range s.Links {
		t.strings("link", string(l.TraceID[:]), string(l.SpanID[:]), l.TraceState)
		t.numbers(uint64(l.Flags), uint64(l.DroppedAttrs))
		t.attrs(l.Attrs)
	}
	t.strings("resource", s.Resource.SchemaURL, s.Resource.EntityRefs)
	t.numbers(uint64(s.Resource.DroppedAttrs))
	t.attrs(s.Resource.Attrs)
	t.strings("scope", s.Scope.Name, s.Scope.Version, s.Scope.SchemaURL)
	t.numbers(uint64(s.Scope.DroppedAttrs))
	t.attrs(s.Scope.Attrs)
	return string(t)
}

type spanEncoder []byte

func (e *spanEncoder) strings(list ...string) {
	for _, s := range list {
		*e = append(strconv.AppendInt(*e, int64(len(s)), 10), ':')
		*e = append(append(*e, s...), ' ')
	}
}

func (e *spanEncoder) numbers(list ...uint64) {
	for _, n := range list {
		*e = append(strconv.AppendUint(*e, n, 10), ' ')
	}
}

func (e *spanEncoder) attrs(list []span.KeyValue) {
	*e = append(*e, "{ "...)
	for _, kv := range list {
		e.strings(kv.Key, kv.Value.Type.String(), kv.Value.Str)
		e.numbers(kv.Value.Num)
	}
	*e = append(*e, "} "...)
}

func (l *ledger) clone() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &ledger{traces: map[span.TraceID]map[string]bool{}}
	for id, spans := range l.traces {
		c.traces[id] = maps.Clone(spans)
	}
	return c
}

// forgive takes back all acknowledgements.
func (l *ledger) forgive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, spans := range l.traces {
		for text := range spans {
			spans[text] = false
		}
	}
}

// distinct returns how many different spans were sent.
func (l *ledger) distinct() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, spans := range l.traces {
		n += len(spans)
	}
	return n
}

// compare reads everything back by id and by scan. It returns how many
// acknowledged spans are missing and what the answers say that they lack; err
// tells of wrong answers: a span that was never sent, or one that is there
// twice, or answers that disagree.
func (l *ledger) compare(ctx context.Context, r store.Reader) (missing int, gaps []string, err error) {
	byScan, gaps, err := scanAll(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	for id, sent := range l.clone().traces {
		found := map[string]int{}
		trace, err := r.Trace(ctx, testTenant, id, store.TimeRange{})
		switch {
		case errors.Is(err, store.ErrNotFound):
			if err != store.ErrNotFound {
				gaps = append(gaps, err.Error())
			}
		case err != nil:
			return 0, nil, fmt.Errorf("trace %s: %w", id, err)
		default:
			gaps = append(gaps, trace.Gaps...)
			for i := range trace.Spans.Len() {
				found[spanText(trace.Spans, i)]++
			}
		}
		for text, n := range found {
			if _, ok := sent[text]; !ok || n > 1 {
				return 0, nil, fmt.Errorf("trace %s has %d times (sent: %v) %.300q", id, n, ok, text)
			}
		}
		for text, acked := range sent {
			if acked && found[text] == 0 {
				missing++
			}
		}
		if len(gaps) == 0 && byScan[id] != len(found) {
			return 0, nil, fmt.Errorf("trace %s has %d spans by id and %d in a scan", id, len(found), byScan[id])
		}
		delete(byScan, id)
	}
	if len(byScan) > 0 {
		return 0, nil, fmt.Errorf("a scan finds traces that were never sent: %v", byScan)
	}
	slices.Sort(gaps)
	return missing, slices.Compact(gaps), nil
}

// scanAll returns how many spans each trace has, and what could not be read.
func scanAll(ctx context.Context, r store.Reader) (map[span.TraceID]int, []string, error) {
	found := map[span.TraceID]int{}
	var wrong error
	result, err := eachTrace(ctx, r, &store.Query{}, func(_ store.Chunk, t store.TraceRun) {
		if found[t.ID] > 0 {
			wrong = fmt.Errorf("a scan yields trace %s twice", t.ID)
		}
		found[t.ID] = t.Hi - t.Lo
	})
	if err != nil || wrong != nil {
		return nil, nil, errors.Join(err, wrong)
	}
	return found, result.Gaps, nil
}

// eachTrace calls f for each trace of the chunks that can be read, one at a time.
func eachTrace(ctx context.Context, r store.Reader, q *store.Query, f func(c store.Chunk, t store.TraceRun)) (*store.ScanResult, error) {
	var mu sync.Mutex
	return r.Scan(ctx, testTenant, q, func(_ int, c store.Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		traces := slices.Clone(c.Traces())
		if c.Err() != nil {
			return nil // the answer says so
		}
		for _, t := range traces {
			f(c, t)
		}
		return nil
	})
}

// isUnavailable reports whether a write was refused as it is when the disk is to blame.
func isUnavailable(err error) bool {
	var retry *store.RetryError
	return errors.As(err, &retry) && !retry.Overload && retry.After > 0 && strings.HasPrefix(err.Error(), "spans cannot be stored now: ")
}

// someSpans returns about n random spans.
func someSpans(seed uint64, n int) []span.Span { return storetest.NewGen(seed).Spans(n) }

// inBubble runs a test in virtual time. The compressors, which belong to the
// process, are used once before, so that no channel of theirs belongs to the bubble.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	useCodecs(t)
	synctest.Test(t, f)
}

func useCodecs(t *testing.T) {
	raw := bytes.Repeat([]byte("0123456789abcdef"), 100)
	back, _, err := colenc.Bytes(nil, colenc.AppendBytes(nil, raw))
	if err != nil || !bytes.Equal(back, raw) {
		t.Fatal(err)
	}
}
