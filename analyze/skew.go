package analyze

// Skew says how far a clock is off.
type Skew struct {
	// Row: what is said holds for this row and what lies below it, up to rows with a Skew of their own.
	Row int32
	// Adjust is what would have to be added to times so that they fit the caller's; nanoseconds.
	Adjust int64
}

// tick returns how coarse the clock is that told the start and the end of a span, in nanoseconds: many tell milliseconds, or
// microseconds. OpenTelemetry for JavaScript starts spans by a clock of milliseconds and adds what another one measured, so an end
// is off by as much, and by what the two drifted apart.
func tick(start, end uint64) int64 {
	const micro, milli = 1_000, 1_000_000
	switch {
	case start%milli != 0:
		return micro
	case end%milli != 0:
		return 2 * milli
	}
	return milli
}

// Skew finds servers' spans that do not lie within the client's span which called them, in another service: either
// clock is off. Such a span is put in the middle of the client's, or, if it took longer, at its start; the rest of the way there and
// back is taken to be the same, as NTP does it. A server that only ends after its client is no skew: clients give up.
// What is below is by the same clock until the service changes. Nothing of the trace is changed.
func (t *Trace) Skew() []Skew {
	var list []Skew
	adjust := make([]int64, t.Len())
	for row := range adjust {
		up := t.Parent[row]
		if up == NoRow {
			continue
		}
		own := int64(0) // of a clock that nothing is known about
		switch {
		case t.Service(int32(row)) == t.Service(up):
			own = adjust[up]
		case t.kind(up) == client && t.kind(int32(row)) == server:
			own = t.skewOf(up, int32(row), adjust[up])
		}
		adjust[row] = own
		if own != adjust[up] {
			list = append(list, Skew{int32(row), own})
		}
	}
	return list
}

// skewOf returns what a server's clock is off, if that of its client is off by so much.
func (t *Trace) skewOf(client, server int32, adjust int64) int64 {
	start, end := t.times(client)
	from, to := t.times(server)
	return clockOffset(start, end, from, to, adjust)
}

// clockOffset returns what would have to be added to the times of a server's span, of a call that its client saw from
// start to end, with a clock that itself lacks adjust.
func clockOffset(start, end, from, to uint64, adjust int64) int64 {
	early := int64(start-from) + adjust // how much the server began before the client
	late := int64(to-end) - adjust
	slack := int64(end-start) - int64(to-from)
	coarse := max(tick(from, to), tick(start, end))
	switch {
	case early <= coarse && (slack < 0 || late <= coarse):
		return 0
	case slack < 0:
		return early
	}
	return early + slack/2
}
