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
	// queue: it names a queue or topic, which is a place in a broker.
	queue bool
}

// PeerKeys are the semantic conventions' attributes, each before the one that it
// replaced, in order of precedence; those that are not for talkers alone come first.
var PeerKeys = []PeerKey{
	{"service.peer.name", false, External, Call, false},
	{"peer.service", false, External, Call, false},
	{"db.system.name", true, Database, Query, false},
	{"db.system", true, Database, Query, false},
	{"db.namespace", true, Database, Query, false},
	{"db.name", true, Database, Query, false},
	{"messaging.system", true, Messaging, Message, false},
	{"messaging.destination.name", true, Messaging, Message, true},
	{"messaging.destination", true, Messaging, Message, true},
	{"server.address", true, External, Call, false},
	{"net.peer.name", true, External, Call, false},
}

// firstTalkerKey is the place in PeerKeys of the first that is for talkers alone.
var firstTalkerKey = slices.IndexFunc(PeerKeys, func(k PeerKey) bool { return k.Talkers })

// peerKeys returns PeerKeys in the order in which they are asked.
func (o GraphOptions) peerKeys() []PeerKey {
	keys := slices.Clone(PeerKeys)
	if o.Queues {
		slices.SortStableFunc(keys[firstTalkerKey:], func(a, b PeerKey) int {
			switch {
			case a.queue == b.queue:
				return 0
			case a.queue:
				return -1
			}
			return 1
		})
	}
	return keys
}

func peerFields() []store.Field {
	var fields []store.Field
	for _, k := range PeerKeys {
		fields = append(fields, store.Attr(store.SpanScope, k.Key))
	}
	return fields
}

// AddressPattern matches what is written like an IP address, which names no service.
const AddressPattern = `[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*`

var address = regexp.MustCompile(`^(?:` + AddressPattern + `)$`)

// IsAddress reports whether a name is written like an IP address.
func IsAddress(name string) bool { return address.MatchString(name) }

// NameColumn reads the names of services from a column of chunks.
type NameColumn struct {
	Field  store.Field
	NoIPs  bool // addresses are no names
	Number func(name string) uint32

	codes   []uint32 // of the chunk; nil: no row has the field
	dict    store.Values
	numbers []uint32 // by code of dict: 1 + the number of the name, or 0 if it was not looked at
}

// Begin turns to a chunk.
func (c *NameColumn) Begin(chunk store.Chunk) {
	column := chunk.Column(c.Field)
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

// Any reports whether a row of the chunk may have a name.
func (c *NameColumn) Any() bool { return c.codes != nil }

// At returns the number of the name of a row, or 0.
func (c *NameColumn) At(row int32) uint32 {
	if c.codes == nil || c.codes[row] == store.NoCode {
		return 0
	}
	known := &c.numbers[c.codes[row]]
	if *known == 0 {
		*known = 1
		if v := c.dict.At(c.codes[row]); v.Type == span.String && v.Str != "" && !(c.NoIPs && IsAddress(v.Str)) {
			*known += c.Number(v.Str)
		}
	}
	return *known - 1
}

// All sets numbers to those of all rows. Rows of no trace get any.
func (c *NameColumn) All(numbers []uint32) {
	if c.codes == nil {
		clear(numbers)
		return
	}
	for row, code := range c.codes[:len(numbers)] {
		if code < uint32(len(c.numbers)) && c.numbers[code] != 0 {
			numbers[row] = c.numbers[code] - 1
		} else {
			numbers[row] = c.At(int32(row))
		}
	}
}

// peer is whom a span names.
type peer struct {
	node uint32
	key  uint8 // place in linker.keys
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
		if i == firstTalkerKey {
			rows = slices.DeleteFunc(rows, func(row int32) bool { return l.kinds[row] == server })
		}
		if len(rows) == 0 {
			return
		}
		names := &l.peerNames[i]
		if i >= firstTalkerKey {
			names.Begin(c)
		}
		if !names.Any() {
			continue
		}
		rows = slices.DeleteFunc(rows, func(row int32) bool {
			n := names.At(row)
			l.peers[row] = peer{n, uint8(i)}
			return n != 0
		})
	}
}
