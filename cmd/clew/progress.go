package main

import (
	"fmt"
	"time"

	"github.com/clewhq/clew/api"
)

// progress shows on one line of a terminal how far a query has come.
type progress struct {
	out   screen
	from  time.Time
	shown bool
}

// quietFor is how long a query may take before it is worth a line.
const quietFor = 300 * time.Millisecond

func newProgress(out screen) *progress { return &progress{out: out, from: time.Now().Add(quietFor)} }

func (p *progress) show(at api.Progress) {
	if time.Now().Before(p.from) {
		return
	}
	p.shown = true
	fmt.Fprintf(p.out, "\r\x1b[K%s of %s, %s looked at", grouped(int(at.Done)), counted(int(at.Total), "chunk"), counted(int(at.Stats.Rows), "span"))
}

// clear removes the line.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
