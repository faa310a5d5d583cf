package analyze

import (
	"regexp"
	"slices"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// PeerKey is an attribute of spans that names whom they talk to.
type PeerKey struct {
	Key string
	// Talkers: it does so on spans that send something or take it from a broker; on others
	// it is about themselves. Addresses are no names there.
	Talkers bool

	node NodeKind // of who is named
	via  Connection
}

// PeerKeys are in order of precedence; those that are not for talkers alone come first.
var PeerKeys = []PeerKey{
	{"service.peer.name", false, External, Call},
	{"peer.service", false, External, Call},
	{"db.system.name", true, Database, Query},
	{"db.system", true, Database, Query},
	{"messaging.system", true, Messaging, Message},
	{"server.address", true, External, Call},
	{"net.peer.name", true, External, Call},
}

// firstTalkerKey is the place in PeerKeys of the first that is for talkers alone.
var firstTalkerKey = slices.IndexFunc(PeerKeys, func(k PeerKey) bool { return k.Talkers })

func peerFields() []store.Field {
	var fields []store.Field
	for _, k := range PeerKeys {
		fields = append(fields, store.Attr(store.SpanScope, k.Key))
	}
	return fields
}

// address matches what is written like an IP address.
var address = regexp.MustCompile(`^(?:[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*)$`)

// nameColumn reads the names of nodes from a column of chunks.
type nameColumn struct {
	field store.Field
	noIPs bool // addresses are no names

	codes   []uint32 // of the chunk; nil: no row has the field
	dict    store.Values
	numbers []uint32 // by code of dict: 1 + the number of the node, or 0 if it was not looked at
}

func (c *nameColumn) begin(chunk store.Chunk) {
	column := chunk.Column(c.field)
	c.codes = column.Codes
	if column.Codes == nil {
		return
	}
	if column.Dict != c.dict {
		c.dict = column.Dict
		clear(c.numbers)
	}
	if n := c.dict.Len(); n > len(c.numbers) {
		c.numbers = append(c.numbers, make([]uint32, n-len(c.numbers))...)
	}
}

// at returns the number of the node that a row names, or 0.
func (c *nameColumn) at(row int32, l *linker) uint32 {
	code := c.codes[row]
	if code == store.NoCode {
		return 0
	}
	if known := c.numbers[code]; known != 0 {
		return known - 1
	}
	n := uint32(0)
	if v := c.dict.At(code); v.Type == span.String && !(c.noIPs && address.MatchString(v.Str)) {
		n = l.number(v.Str)
	}
	c.numbers[code] = n + 1
	return n
}

// all sets numbers to those of all rows. Rows of no trace get any.
func (c *nameColumn) all(numbers []uint32, l *linker) {
	if c.codes == nil {
		clear(numbers)
		return
	}
	for row, code := range c.codes[:len(numbers)] {
		if code < uint32(len(c.numbers)) && c.numbers[code] != 0 {
			numbers[row] = c.numbers[code] - 1
		} else {
			numbers[row] = c.at(int32(row), l)
		}
	}
}

// peer is whom a span names.
type peer struct {
	node uint32
	key  uint8 // place in PeerKeys
}

// namePeers sets the peers of the rows of asking. Most are named by the first
// keys, so the columns of the others are often not read.
func (l *linker) namePeers(c store.Chunk) {
	for _, row := range l.asking {
		l.peers[row] = peer{}
	}
	rows := append(l.unnamed[:0], l.asking...)
	l.unnamed = rows
	for i := range l.peerNames {
		if len(rows) == 0 {
			return
		}
		names := &l.peerNames[i]
		if i >= firstTalkerKey {
			names.begin(c)
		}
		if names.codes == nil {
			continue
		}
		left := rows[:0]
		for _, row := range rows {
			n := uint32(0)
			if l.kinds[row] != server || !PeerKeys[i].Talkers {
				n = names.at(row, l)
			}
			if n != 0 {
				l.peers[row] = peer{n, uint8(i)}
			} else {
				left = append(left, row)
			}
		}
		rows = left
	}
}
