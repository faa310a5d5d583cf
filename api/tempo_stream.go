package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

const (
	tempoService = "tempopb.StreamingQuerier"
	// packetBytes is about how much one message of a stream has.
	packetBytes = 1 << 20
	// maxPacket is how much clients of gRPC take in one, unless they are told otherwise.
	maxPacket = 4 << 20
	// maxStreamRequest bounds a request of gRPC, in bytes.
	maxStreamRequest = 1 << 20
)

// streams serves tempopb.StreamingQuerier to who speaks HTTP/2.
func (t *tempo) streams() http.Handler {
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(maxStreamRequest))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: tempoService,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			t.stream("Search", searchRequest, t.streamSearch),
			t.stream("SearchTags", tagsRequest, streamTags(t.tagNames())),
			t.stream("SearchTagsV2", tagsRequest, streamTags(t.scopedTags())),
			t.stream("SearchTagValues", valuesRequest, func(s *tempoStream, p params) error {
				return streamTags(t.tagTexts(p.Get(tagParam)))(s, p)
			}),
			t.stream("SearchTagValuesV2", valuesRequest, func(s *tempoStream, p params) error {
				return streamTags(t.typedValues(p.Get(tagParam)))(s, p)
			}),
			t.stream("MetricsQueryRange", rangeRequest, t.streamRange),
			t.stream("MetricsQueryInstant", instantRequest, t.streamInstant),
		},
	}, t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { server.ServeHTTP(grpcWriter{w}, r) })
}

// stream describes a method that answers with any number of messages.
func (t *tempo) stream(name string, fields requestFields, answer func(*tempoStream, params) error) grpc.StreamDesc {
	method := "/" + tempoService + "/" + name
	handle := func(_ any, call grpc.ServerStream) error {
		return t.call(call.Context(), method, func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			s := &tempoStream{call: call, ctx: ctx, stopQuery: cancel, sent: map[string]uint64{}, now: t.Now}
			return s.run(fields, answer)
		})
	}
	return grpc.StreamDesc{StreamName: name, ServerStreams: true, Handler: handle}
}

// tempoStream is the answer to one call. While a query runs, its messages have what is new or
// changed since the ones before; at the end comes what is left.
type tempoStream struct {
	call      grpc.ServerStream
	ctx       context.Context
	stopQuery context.CancelFunc
	tenants   []string
	sent      map[string]uint64 // for protoWriter
	now       func() time.Time
	told      time.Time // when something was last sent of a query that runs
	err       error     // of sending while it ran
}

func (s *tempoStream) run(fields requestFields, answer func(*tempoStream, params) error) error {
	var request []byte
	if err := s.call.RecvMsg(&request); err != nil {
		return err
	}
	md, _ := metadata.FromIncomingContext(s.ctx)
	var err error
	if s.tenants, err = severalTenants(md.Get(span.TenantHeader)); err != nil {
		return err
	}
	p, err := fields.parse(request)
	if err != nil {
		return err
	}
	if err := answer(s, p); s.err == nil {
		return err
	}
	return s.err
}

// send sends an answer, in as many messages as it takes, at least one.
func (s *tempoStream) send(a tempoAnswer) error {
	p := &protoWriter{w: s, full: packetBytes, most: maxPacket, sent: s.sent}
	a.writeProto(p)
	return p.flush()
}

// Write sends a message, for protoWriter.
func (s *tempoStream) Write(message []byte) (int, error) {
	if err := s.call.SendMsg(message); err != nil {
		return 0, fmt.Errorf("%w: %w", errClientGone, err)
	}
	return len(message), nil
}

// end sends the last messages of an answer; gaps are why it may lack something.
func (s *tempoStream) end(a tempoAnswer, gaps []string) error {
	s.call.SetTrailer(gapTrailer(gaps))
	return s.send(a)
}

// progress sends what a query found so far, if it is time. One call at a time.
func (s *tempoStream) progress(every time.Duration, p store.Progress, partial func(jobs) tempoAnswer) {
	now := s.now()
	if s.err != nil || now.Sub(s.told) < every {
		return
	}
	s.told = now
	if s.err = s.send(partial(jobs{p.Done, p.Total})); s.err != nil {
		s.stopQuery()
	}
}

func (t *tempo) streamSearch(s *tempoStream, p params) error {
	q, opts, err := t.parseSearch(p)
	if err != nil {
		return err
	}
	opts.Progress = func(p store.Progress, want func() *traceql.SearchResult) {
		s.progress(progressEvery, p, func(j jobs) tempoAnswer {
			found := want()
			found.Stats = p.Stats
			if len(s.tenants) > 1 {
				found.Traces = joinTraces(found.Traces)
			}
			return searchAnswer{found, j}
		})
	}
	found, err := t.findTraces(s.ctx, s.tenants, q, opts)
	if err != nil {
		return err
	}
	return s.end(searchAnswer{found, allJobs(found.Stats)}, found.Gaps)
}

func (t *tempo) streamRange(s *tempoStream, p params) error {
	return t.streamSeries(s, p, false, func(found *traceql.SeriesResult, j jobs) tempoAnswer { return rangeAnswer{found, j} })
}

func (t *tempo) streamInstant(s *tempoStream, p params) error {
	return t.streamSeries(s, p, true, func(found *traceql.SeriesResult, j jobs) tempoAnswer { return instantAnswer{found, j} })
}

func (t *tempo) streamSeries(s *tempoStream, p params, instant bool, answer func(*traceql.SeriesResult, jobs) tempoAnswer) error {
	q, opts, err := t.parseSeries(p, instant)
	if err != nil {
		return err
	}
	opts.Progress = func(p store.Progress, want func() *traceql.SeriesResult) {
		s.progress(partialEvery, p, func(j jobs) tempoAnswer {
			found := want()
			found.Stats = p.Stats
			return answer(found, j)
		})
	}
	found, err := t.findSeries(s.ctx, s.tenants, q, opts)
	if err != nil {
		return err
	}
	return s.end(answer(found, allJobs(found.Stats)), nil) // which tells its gaps itself
}

func streamTags(q tagQuery) func(*tempoStream, params) error {
	return func(s *tempoStream, p params) error {
		found, err := q.find(s.ctx, s.tenants, p, func(p store.Progress, want func() *traceql.TagResult) {
			s.progress(progressEvery, p, func(j jobs) tempoAnswer {
				found := want()
				return q.answer(found, cost{stats: p.Stats, jobs: j})
			})
		})
		if err != nil {
			return err
		}
		return s.end(q.answer(found, cost{stats: found.Stats, jobs: allJobs(found.Stats)}), tagGaps(found))
	}
}

// rawCodec passes messages on as they are on the wire: []byte to send, *[]byte to receive.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

// Marshal copies the message: what is sent may be read after SendMsg has returned.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.Copy(v.([]byte), mem.DefaultBufferPool())}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// grpcWriter lets grpc.Server flush, whatever is around the connection, and gives
// up on a client that does not take what is sent.
type grpcWriter struct{ http.ResponseWriter }

func (w grpcWriter) Write(p []byte) (n int, err error) {
	defer w.deadline()()
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w grpcWriter) Flush() {
	defer w.deadline()()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that is gone ends the call's context
}

// deadline bounds what is sent until its result is called: a deadline that passes ends the stream,
// even if nothing waits to be sent.
func (w grpcWriter) deadline() func() {
	c := http.NewResponseController(w.ResponseWriter)
	if c.SetWriteDeadline(time.Now().Add(stallTimeout)) != nil {
		return func() {}
	}
	return func() { _ = c.SetWriteDeadline(time.Time{}) }
}
