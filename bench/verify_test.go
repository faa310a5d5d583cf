package main

import (
	"math/rand/v2"
	"slices"
	"testing"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

var readers = []string{"tempo", "tempo-v1", "jaeger"}

// loaded returns a fake that holds testData, and its URL.
func loaded(t *testing.T) (f *fake, grpcAddr, httpURL string) {
	t.Helper()
	f = newFake()
	addr, url := startFake(t, f)
	if _, err := load(t.Context(), testLoad(addr), testGenerator(t), testData.Spans); err != nil {
		t.Fatal(err)
	}
	return f, addr, url
}

func verifyAll(t *testing.T, api, url string) (*verifyResult, error) {
	t.Helper()
	r, err := newTraceReader(api, url+"/", 2)
	if err != nil {
		t.Fatal(err)
	}
	return verify(t.Context(), testGenerator(t), testData, r, 0, 2)
}

func TestVerify(t *testing.T) {
	f, _, url := loaded(t)
	g := testGenerator(t)
	for _, api := range readers {
		r, err := verifyAll(t, api, url)
		if err != nil {
			t.Fatal(err)
		}
		if r.err() != nil || r.Traces != testTraces || r.Of != r.Traces || r.Spans != testData.Spans {
			t.Errorf("%s: %+v of undamaged data", api, r)
		}
	}
	tests := []struct {
		name           string
		change         func([]*trace.Span) []*trace.Span
		missing, extra uint64
	}{
		{"span missing", func(s []*trace.Span) []*trace.Span { return s[1:] }, 1, 0},
		{"span twice", func(s []*trace.Span) []*trace.Span { return append(s, s[0]) }, 0, 1},
		{"foreign span", func(s []*trace.Span) []*trace.Span {
			return append(s, &trace.Span{TraceId: s[0].TraceId, SpanId: []byte("12345678")})
		}, 0, 1},
		{"other span instead", func(s []*trace.Span) []*trace.Span {
			return append(s[1:], &trace.Span{TraceId: s[0].TraceId, SpanId: []byte("12345678")})
		}, 1, 1},
		{"trace missing", func([]*trace.Span) []*trace.Span { return nil }, 3, 0},
	}
	k := uint64(0)
	for len(expected(g, testData.Spans, k, nil).Spans) != 3 {
		k++
	}
	id := g.Trace(k, nil).ID
	for _, test := range tests {
		var before []*trace.Span
		f.change(id, func(s []*trace.Span) []*trace.Span {
			before = s
			return test.change(slices.Clone(s))
		})
		for _, api := range readers {
			r, err := verifyAll(t, api, url)
			if err != nil {
				t.Fatal(err)
			}
			if r.Missing != test.missing || r.Extra != test.extra || len(r.Wrong) != 1 {
				t.Errorf("%s, %s: %+v", test.name, api, r)
			}
			contains(t, r.err(), id.String())
		}
		f.change(id, func([]*trace.Span) []*trace.Span { return before })
	}
}

// TestVerifyWrongAnswer checks that an answer that cannot be right is an error.
func TestVerifyWrongAnswer(t *testing.T) {
	f, _, url := loaded(t)
	id := testGenerator(t).Trace(3, nil).ID
	for _, test := range []struct {
		span *trace.Span
		want string
	}{
		{&trace.Span{TraceId: make([]byte, 16), SpanId: []byte("12345678")}, "span of trace 0000"},
		{&trace.Span{TraceId: id[:], SpanId: []byte("123456789")}, "span id"},
	} {
		f.change(id, func([]*trace.Span) []*trace.Span { return []*trace.Span{test.span} })
		for _, api := range readers {
			_, err := verifyAll(t, api, url)
			contains(t, err, test.want)
		}
	}
}

func TestVerifySample(t *testing.T) {
	_, _, url := loaded(t)
	r, err := newTraceReader("tempo", url, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify(t.Context(), testGenerator(t), testData, r, 100, 3)
	if err != nil || got.err() != nil || got.Traces != 100 || got.Of != testTraces || got.Spans == 0 || got.Spans >= testData.Spans {
		t.Errorf("sample of 100 traces: %+v, %v", got, err)
	}
}

func TestVerifyUnknownData(t *testing.T) {
	f := newFake()
	_, url := startFake(t, f)
	for _, api := range readers {
		r, err := verifyAll(t, api, url)
		if err != nil {
			t.Fatal(err)
		}
		if r.Missing != testData.Spans || r.Extra != 0 || len(r.Wrong) != maxWrong {
			t.Errorf("%s: %d of %d missing, %d described", api, r.Missing, testData.Spans, len(r.Wrong))
		}
	}
}

func TestSampler(t *testing.T) {
	for _, test := range []struct{ total, sample, want uint64 }{{10, 0, 10}, {10, 3, 3}, {10, 10, 10}, {3, 10, 3}, {1, 1, 1}} {
		s := newSampler(test.total, test.sample)
		if s.sample != test.want {
			t.Errorf("sample %d of %d has %d", test.sample, test.total, s.sample)
		}
		last := -1
		for i := range s.sample {
			got := int(s.pick(i, rand.New(rand.NewPCG(1, i))))
			if got <= last || got >= int(test.total) {
				t.Errorf("%+v: pick %d is %d after %d", s, i, got, last)
			}
			last = got
		}
	}
}

func TestDiff(t *testing.T) {
	ids := func(text string) (list []span.SpanID) {
		for _, c := range text {
			list = append(list, span.SpanID{byte(c)})
		}
		return list
	}
	for _, test := range []struct {
		want, got      string
		missing, extra int
	}{
		{"", "", 0, 0}, {"abc", "cba", 0, 0}, {"abc", "", 3, 0}, {"", "ab", 0, 2},
		{"abc", "ac", 1, 0}, {"abc", "abbc", 0, 1}, {"aab", "ab", 1, 0}, {"abd", "acd", 1, 1},
	} {
		missing, extra := diff(ids(test.want), ids(test.got))
		if missing != test.missing || extra != test.extra {
			t.Errorf("want %q, got %q: %d missing, %d extra", test.want, test.got, missing, extra)
		}
	}
}

// FuzzParse checks that no answer of a server makes a reader panic.
func FuzzParse(f *testing.F) {
	f.Add(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte{0x12, 0x02, 0x12, 0x00}))
	f.Add([]byte(`{"data":[{"spans":[{"traceID":"1","spanID":"2"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, api := range readers {
			r, err := newTraceReader(api, "", 1)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.parse(body, span.TraceID{15: 1}, nil)
			if err == nil && len(got) > len(body) {
				t.Errorf("%s: %d spans in %d bytes", api, len(got), len(body))
			}
		}
	})
}
