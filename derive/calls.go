package derive

import "github.com/clewhq/clew/span"

// edgeKey is what the two spans of a call have in common: the id of the
// caller's, which is the parent of the callee's.
type edgeKey struct {
	trace span.TraceID
	span  span.SpanID
}

// call is what is known of a call, by the spans that have come.
type call struct {
	key            edgeKey
	until          int64       // when it stops waiting, unix nanoseconds
	older, newer   int32       // calls that wait, in the order in which they stop; noCall: there is none
	client, server string      // ""; that side sent no span yet
	callee         span.SpanID // the server's span
	peer           string      // whom the caller says it calls, "" if it does not
	outside        string      // who called a root, if no span comes that tells
	connection     string
	virtual        string // which side is one that sends no spans: client, server
	failed         bool
	weight         float64
	clientTook     float64 // seconds
	serverTook     float64
	sent, taken    uint64 // when a message was sent and when it was taken, unix nanoseconds
	exemplar       exemplar
	dimensions     []string
}

// takes reports whether a span can be the callee's: none has come yet, or it is sent again.
func (c *call) takes(callee span.SpanID) bool { return c.server == "" || c.callee == callee }

// calls are those that wait for their other side. All wait equally long, so
// that the order in which they came is the one in which they stop. Places are used again.
type calls struct {
	byKey        map[edgeKey]int32
	list         []call
	free         []int32
	first, final int32 // of those that wait
}

const noCall = -1

func newCalls() calls { return calls{byKey: map[edgeKey]int32{}, first: noCall, final: noCall} }

func (c *calls) len() int { return len(c.byKey) }

// at returns a call; it is valid until the next one begins.
func (c *calls) at(i int32) *call { return &c.list[i] }

// of returns the place of the call with a key.
func (c *calls) of(key edgeKey) int32 {
	if i, ok := c.byKey[key]; ok {
		return i
	}
	return noCall
}

// oldest returns the call that stops waiting first.
func (c *calls) oldest() int32 { return c.first }

// begin adds a call, which waits until a time.
func (c *calls) begin(key edgeKey, until int64) int32 {
	var i int32
	if n := len(c.free); n > 0 {
		i, c.free = c.free[n-1], c.free[:n-1]
	} else {
		i, c.list = int32(len(c.list)), append(c.list, call{})
	}
	c.list[i] = call{key: key, until: until, older: c.final, newer: noCall, dimensions: c.list[i].dimensions[:0]}
	if c.final == noCall {
		c.first = i
	} else {
		c.list[c.final].newer = i
	}
	c.final = i
	c.byKey[key] = i
	return i
}

// end removes a call.
func (c *calls) end(i int32) {
	at := &c.list[i]
	delete(c.byKey, at.key)
	if at.older == noCall {
		c.first = at.newer
	} else {
		c.list[at.older].newer = at.newer
	}
	if at.newer == noCall {
		c.final = at.older
	} else {
		c.list[at.newer].older = at.older
	}
	c.free = append(c.free, i)
}
