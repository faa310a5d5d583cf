package api

import (
	"github.com/clewhq/clew/span"
)

// sendOTLP sends a trace as messages of TracesData in OTLP, none of which is empty.
func sendOTLP(b *span.Batch, send func([]byte) error) error { return sendGroups(b, group(b), send) }

// sendGroups is sendOTLP for spans in an order of their own.
func sendGroups(b *span.Batch, groups []resourceGroup, send func([]byte) error) error {
	c := &otlpChunk{b: b, send: send}
	for _, r := range groups {
		c.openResource(r.resource)
		for _, s := range r.scopes {
			c.openScope(s.scope)
			for _, i := range s.spans {
				if err := c.add(int(i)); err != nil {
					return err
				}
			}
			c.closeScope()
		}
		c.closeResource()
	}
	return send(c.buf)
}

// otlpChunk is a message that grows up to chunkBytes. The resource and the scope
// that are open when it is sent are those that the next one begins with.
type otlpChunk struct {
	b               *span.Batch
	send            func([]byte) error
	buf, carry      []byte
	spans           int
	resource, scope uint32
	inResource      int // where the open ResourceSpans begins in buf
	inScope         int // where the open ScopeSpans begins
}

func (c *otlpChunk) openResource(i uint32) {
	c.resource = i
	c.buf, c.inResource = begin(c.buf, 1)
	c.buf = appendResource(c.buf, c.b, i)
}

func (c *otlpChunk) closeResource() {
	c.buf = appendText(c.buf, 3, c.b.Dict.Bytes(c.b.Resources[c.resource].SchemaURL))
	c.buf = end(c.buf, c.inResource)
}

func (c *otlpChunk) openScope(i uint32) {
	c.scope = i
	c.buf, c.inScope = begin(c.buf, 2)
	c.buf = appendScopeEnds(c.buf, c.b, i)
}

func (c *otlpChunk) closeScope() { c.buf = end(c.buf, c.inScope) }

// add appends a span. If it does not fit, what was there before is sent.
func (c *otlpChunk) add(i int) error {
	begun := len(c.buf)
	c.buf = appendSpan(c.buf, c.b, i)
	if c.spans > 0 && len(c.buf) > chunkBytes {
		c.carry = append(c.carry[:0], c.buf[begun:]...)
		c.buf = c.buf[:begun]
		c.closeScope()
		c.closeResource()
		if err := c.send(c.buf); err != nil {
			return err
		}
		c.buf, c.spans = c.buf[:0], 0
		c.openResource(c.resource)
		c.openScope(c.scope)
		c.buf = append(c.buf, c.carry...)
	}
	c.spans++
	return nil
}
