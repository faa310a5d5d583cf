package api

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/span"
)

// connection is a client that takes some bytes and then stalls.
type connection struct {
	*httptest.ResponseRecorder
	room      int
	deadlines []time.Time
}

func (c *connection) SetWriteDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, t)
	return nil
}

func (c *connection) Write(p []byte) (int, error) {
	if len(p) > c.room {
		return 0, os.ErrDeadlineExceeded
	}
	c.room -= len(p)
	return c.ResponseRecorder.Write(p)
}

func TestStalledClient(t *testing.T) {
	rows := recorded(t)
	for i := range rows {
		rows[i].TraceID = span.TraceID{15: 1}
		rows[i].Message = strings.Repeat("long ", 50_000)
	}
	var log strings.Builder
	cfg := testConfig()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	for _, f := range faces {
		c := &connection{ResponseRecorder: httptest.NewRecorder(), room: 500_000}
		before := time.Now()
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler {
					t.Errorf("%s: the answer ends with %v", f.name, p)
				}
			}()
			f.open(cfg, filled(t, rows...)).ServeHTTP(c, httptest.NewRequest(http.MethodGet, f.trace+"1", nil))
		}()
		if len(c.deadlines) < 2 {
			t.Fatalf("%s: %d writes have a deadline", f.name, len(c.deadlines))
		}
		if first := c.deadlines[0]; first.Before(before.Add(stallTimeout)) || first.After(time.Now().Add(stallTimeout)) {
			t.Errorf("%s: the first write may take until %v", f.name, first.Sub(before))
		}
	}
	if log.Len() > 0 {
		t.Errorf("logged as the server's fault: %s", &log)
	}
}

// TestErrorReplacesWhatWasHeld checks that an error is a whole answer although
// some of another one was written before.
func TestErrorReplacesWhatWasHeld(t *testing.T) {
	face := newFace(testConfig(), nil, failNative)
	fault := errors.New("disk on fire")
	face.get("/early", func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, `{"data":[`)
		return fault
	})
	face.get("/panic", func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, `{"data":[`)
		panic(fault)
	})
	face.get("/late", func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, strings.Repeat("x", heldBytes+1))
		return fault
	})
	if w := get(t, face.mux, "/early"); w.Code != 500 || w.Body.String() != `{"error":{"code":500,"message":"disk on fire"}}`+"\n" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if w := get(t, face.mux, "/panic"); w.Code != 500 || !strings.HasPrefix(w.Body.String(), `{"error":`) {
		t.Errorf("panic: status %d: %s", w.Code, w.Body)
	}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("an answer that fails late ends with %v", p)
		}
	}()
	get(t, face.mux, "/late")
}
