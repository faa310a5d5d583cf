package api

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/clewhq/clew/store"
)

// Events of a query come not more often than this.
const (
	progressEvery = 200 * time.Millisecond
	partialEvery  = time.Second
)

// events sends the answer to a query as server-sent events, each with a JSON document as its data:
//
//	progress  how far the query has come (Progress)
//	partial   what would be the result if it ended now
//	result    the result, once, at the end
//	error     or, instead, {"error":ErrorBody}
//
// What is wrong before the first event is a plain error of HTTP.
type events struct {
	w          http.ResponseWriter
	progressAt time.Time // when the last one was sent
	partialAt  time.Time
	begun      bool
	err        error // of sending
	stopQuery  context.CancelFunc
	now        func() time.Time
}

// Progress is how far a query has come.
type Progress struct {
	Done  uint64 `json:"done"` // chunks
	Total uint64 `json:"total"`
	Stats Stats  `json:"stats"`
}

// answer runs a query and writes its result, as events if the client asks for
// them; otherwise e is nil.
func (n *native) answer(w http.ResponseWriter, r *http.Request, run func(ctx context.Context, e *events) (any, error)) error {
	if !accepts(r, "text/event-stream") {
		result, err := run(r.Context(), nil)
		if err != nil {
			return err
		}
		return writeJSON(w, result)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	e := &events{w: w, stopQuery: cancel, now: n.Now}
	result, err := run(ctx, e)
	switch {
	case e.err != nil:
		return e.err
	case err == nil:
		e.send("result", result)
	case !e.begun:
		return err
	default:
		code, err := n.explainError(r.Context(), r.URL.Path, err)
		e.send("error", map[string]ErrorBody{"error": errorBody(code, err)})
	}
	return e.err
}

// progress tells how far the query has come and, if it is time, what it has so
// far. One call at a time.
func (e *events) progress(p store.Progress, partial func() any) {
	now := e.now()
	if now.Sub(e.progressAt) < progressEvery {
		return
	}
	if e.progressAt.IsZero() {
		e.partialAt = now
	}
	e.progressAt = now
	e.send("progress", Progress{Done: p.Done, Total: p.Total, Stats: Stats(p.Stats)})
	if now.Sub(e.partialAt) >= partialEvery {
		e.partialAt = now
		e.send("partial", partial())
	}
}

func (e *events) send(name string, data any) {
	if e.err != nil {
		return
	}
	if !e.begun {
		e.begun = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // or a proxy may hold events back
		h.Set(gzhttp.HeaderNoCompression, "1")
	}
	if e.err = e.write(name, data); e.err != nil {
		e.stopQuery()
	}
}

func (e *events) write(name string, data any) error {
	if _, err := fmt.Fprintf(e.w, "event: %s\ndata: ", name); err != nil {
		return err
	}
	if err := encodeJSON(e.w, data); err != nil { // which ends the line
		return err
	}
	if _, err := io.WriteString(e.w, "\n"); err != nil {
		return err
	}
	return http.NewResponseController(e.w).Flush()
}

// accepts reports whether the request accepts a media type by name.
func accepts(r *http.Request, kind string) bool {
	for _, line := range r.Header.Values("Accept") {
		for accepted := range strings.SplitSeq(line, ",") {
			if k, _, _ := mime.ParseMediaType(accepted); k == kind {
				return true
			}
		}
	}
	return false
}
