package api

import (
	"bufio"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// heldBytes is how much of an answer is gathered before it is sent.
	heldBytes = 64 << 10
	// stallTimeout is how long a client may take to accept that much.
	stallTimeout = time.Minute
)

// response holds an answer back until there is much of it, which saves system
// calls and lets an error that comes early replace it.
type response struct {
	http.ResponseWriter
	held    *bufio.Writer
	started bool // something was sent
}

var heldPool = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, heldBytes) }}

func newResponse(w http.ResponseWriter) *response {
	r := &response{ResponseWriter: w, held: heldPool.Get().(*bufio.Writer)}
	r.discard()
	return r
}

// release ends the use of w; what it still holds is dropped.
func (w *response) release() {
	w.held.Reset(nil)
	heldPool.Put(w.held)
	w.held = nil
}

func (w *response) Write(p []byte) (int, error) { return w.held.Write(p) }

func (w *response) WriteHeader(code int) {
	w.started = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *response) flush() error { return w.held.Flush() }

// FlushError sends all that is held. It is for http.ResponseController.
func (w *response) FlushError() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return fmt.Errorf("%w: %w", errClientGone, err)
	}
	return nil
}

func (w *response) discard() { w.held.Reset(sender{w}) }

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sender writes to the client, and gives up on one that does not take it.
type sender struct{ *response }

func (s sender) Write(p []byte) (int, error) {
	s.started = true
	// Connections have deadlines; other writers do not, and need none.
	_ = http.NewResponseController(s.ResponseWriter).SetWriteDeadline(time.Now().Add(stallTimeout))
	n, err := s.ResponseWriter.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errClientGone, err)
	}
	return n, err
}
