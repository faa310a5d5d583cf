package store

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// Limits of a dfa. What is beyond them is left to package regexp.
const (
	dfaMaxInsts  = 1 << 16 // instructions of the program
	dfaMaxDivide = 1 << 20 // comparisons of runes with instructions, to divide the runes into classes
	dfaMaxMemory = 1 << 20 // bytes of all states
)

// dfa matches whole strings by a deterministic automaton that is built as far
// as strings ask for it. A state stands for the set of the program's
// instructions that may take the next rune. Strings are decoded as package
// regexp does: each byte of invalid UTF-8 is a U+FFFD.
//
// Matching takes no lock: a state never changes, but for transitions, which
// are set once. What it lacks is built under the mutex.
type dfa struct {
	start   *dfaState
	classes runeClasses

	full   atomic.Bool // no more states
	mu     sync.Mutex
	sets   instSets
	states map[string]*dfaState // by key
	key    []byte
	memory int // of the states, in bytes
}

type dfaState struct {
	ascii   [utf8.RuneSelf]atomic.Pointer[dfaState] // the next state; nil: not built
	wide    []atomic.Pointer[dfaState]              // the same by class of rune
	insts   []uint32                                // sorted
	accepts bool                                    // if the string ends here
	settled bool                                    // accepts holds whatever follows
}

// newDFA makes a dfa for strings that begin with prefix, as all matches do, and
// is given what follows it. It returns nil for an expression that is beyond it.
func newDFA(tree *syntax.Regexp, prefix string) (*dfa, error) {
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > dfaMaxInsts {
		return nil, err
	}
	for _, inst := range prog.Inst {
		if inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return nil, nil // it depends on the runes around
		}
	}
	classes, ok := newRuneClasses(prog)
	if !ok {
		return nil, nil
	}
	d := &dfa{
		classes: classes,
		sets:    instSets{prog: prog, seen: make([]uint32, len(prog.Inst))},
		states:  map[string]*dfaState{},
	}
	set, accepts := d.sets.first()
	for _, r := range prefix {
		set, accepts = d.sets.next(set, r)
	}
	d.start = d.state(set, accepts)
	return d, nil
}

// match reports whether the string matches; ok is false if that cannot be told
// because there are too many states.
func (d *dfa) match(b []byte) (matched, ok bool) {
	s, rest := d.start.run(b)
	for len(rest) > 0 && !s.settled {
		r, size := utf8.DecodeRune(rest)
		slot := d.slot(s, r)
		next := slot.Load()
		if next == nil {
			if next = d.build(s, slot, r); next == nil {
				return false, false
			}
		}
		s, rest = next.run(rest[size:])
	}
	return s.accepts, true
}

// dfaMaxReach is how many states reaches looks at.
const dfaMaxReach = 256

// reaches reports whether some string of characters of an ASCII alphabet matches; it is true if that cannot be told.
func (d *dfa) reaches(alphabet string) bool {
	met := map[*dfaState]bool{d.start: true}
	for next := []*dfaState{d.start}; len(next) > 0; {
		s := next[0]
		next = next[1:]
		if s.accepts || len(met) > dfaMaxReach {
			return true
		}
		if s.settled { // accepts nothing, whatever follows
			continue
		}
		for _, c := range alphabet {
			to := s.ascii[c].Load()
			if to == nil {
				if to = d.build(s, &s.ascii[c], c); to == nil {
					return true
				}
			}
			if !met[to] {
				met[to] = true
				next = append(next, to)
			}
		}
	}
	return false
}

// run goes on from s as far as there is nothing to be decoded or built, and
// no verdict, and returns what is left.
func (s *dfaState) run(b []byte) (end *dfaState, rest []byte) {
	for i, c := range b {
		if c >= utf8.RuneSelf {
			return s, b[i:]
		}
		next := s.ascii[c].Load()
		if next == s {
			continue // a branch can be foreseen; an assignment would wait for the load
		}
		if next == nil {
			return s, b[i:]
		}
		if s = next; s.settled {
			return s, nil
		}
	}
	return s, nil
}

// slot returns where the state after s and r is kept.
func (d *dfa) slot(s *dfaState, r rune) *atomic.Pointer[dfaState] {
	if r < utf8.RuneSelf {
		return &s.ascii[r]
	}
	return &s.wide[d.classes.of(r)]
}

// build sets slot, the state after s and r. It returns nil if there is no room for it.
func (d *dfa) build(s *dfaState, slot *atomic.Pointer[dfaState], r rune) *dfaState {
	if d.full.Load() {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.state(d.sets.next(s.insts, r))
	slot.Store(next)
	return next
}

// state returns the state for a set of instructions, or nil if there is no room for it.
func (d *dfa) state(set []uint32, accepts bool) *dfaState {
	d.key = append(d.key[:0], 0)
	if accepts {
		d.key[0] = 1
	}
	for _, pc := range set {
		d.key = binary.LittleEndian.AppendUint32(d.key, pc)
	}
	if s := d.states[string(d.key)]; s != nil {
		return s
	}
	if d.memory >= dfaMaxMemory {
		d.full.Store(true)
		return nil
	}
	s := &dfaState{wide: make([]atomic.Pointer[dfaState], d.classes.n), insts: slices.Clone(set), accepts: accepts}
	s.settled = len(set) == 0 && !accepts || accepts && d.sets.acceptAll(s.insts)
	d.states[string(d.key)] = s
	d.memory += int(unsafe.Sizeof(*s)) + 8*len(s.wide) + 4*len(s.insts) + len(d.key)
	return s
}

// instSets makes sets of those instructions of a program that take a rune.
// Each is valid until the next one, which may be made from it, is made.
type instSets struct {
	prog  *syntax.Prog
	seen  []uint32 // by instruction, the last round that met it
	round uint32
	todo  []uint32 // to be followed
	ends  []uint32 // to be followed if the text ends here
	set   []uint32
}

// first returns the instructions that may take the first rune of a string, and
// whether the empty string matches.
func (m *instSets) first() (set []uint32, accepts bool) {
	m.todo = append(m.todo[:0], uint32(m.prog.Start))
	return m.follow(true)
}

// next returns the instructions that may take the rune after r, if those of
// set take r, and whether a string that ends in r matches.
func (m *instSets) next(set []uint32, r rune) (next []uint32, accepts bool) {
	m.todo = m.todo[:0]
	for _, pc := range set {
		if inst := &m.prog.Inst[pc]; takes(inst, r) {
			m.todo = append(m.todo, inst.Out)
		}
	}
	return m.follow(false)
}

// acceptAll reports whether all strings match from a set that matches the
// empty one, by the loops on any rune in it: if those lead to themselves and
// to a match, they do so for ever.
func (m *instSets) acceptAll(set []uint32) bool {
	var loops []uint32
	for _, pc := range set {
		if m.prog.Inst[pc].Op == syntax.InstRuneAny {
			loops = append(loops, pc)
		}
	}
	next, accepts := m.next(loops, 0)
	for _, pc := range loops {
		_, found := slices.BinarySearch(next, pc)
		accepts = accepts && found
	}
	return accepts
}

// follow follows what m.todo leads to without a rune, at the beginning of the text or later.
func (m *instSets) follow(begin bool) (set []uint32, accepts bool) {
	m.round++
	m.set, m.ends = m.set[:0], m.ends[:0]
	accepts = m.closure(begin, false)
	// What takes a rune behind an end of text will never do so.
	before := len(m.set)
	m.todo, m.ends = m.ends, m.todo
	accepts = m.closure(begin, true) || accepts
	m.set = m.set[:before]
	slices.Sort(m.set)
	return m.set, accepts
}

// closure follows m.todo until it is empty, and reports whether that leads to a match.
func (m *instSets) closure(begin, end bool) (accepts bool) {
	for len(m.todo) > 0 {
		pc := m.todo[len(m.todo)-1]
		m.todo = m.todo[:len(m.todo)-1]
		if m.seen[pc] == m.round {
			continue
		}
		m.seen[pc] = m.round
		switch inst := &m.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			m.todo = append(m.todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			m.todo = append(m.todo, inst.Out)
		case syntax.InstEmptyWidth:
			switch ofEnd := syntax.EmptyOp(inst.Arg) == syntax.EmptyEndText; {
			case ofEnd && !end:
				m.ends = append(m.ends, inst.Out)
			case ofEnd || begin:
				m.todo = append(m.todo, inst.Out)
			}
		case syntax.InstMatch:
			accepts = true
		case syntax.InstFail:
		default: // it takes a rune
			m.set = append(m.set, pc)
		}
	}
	return accepts
}

// takes reports whether an instruction that takes a rune takes r.
func takes(inst *syntax.Inst, r rune) bool {
	switch inst.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	case syntax.InstRune1:
		return r == inst.Rune[0]
	}
	return inst.MatchRune(r)
}

// runeClasses divides the runes beyond ASCII into n classes: no instruction of
// a program tells two runes of one class apart.
type runeClasses struct {
	from  []rune   // sorted; the runes from here up to the next one
	class []uint32 // are of this class
	n     int
}

func (c *runeClasses) of(r rune) uint32 {
	if c.n == 1 {
		return 0
	}
	i, found := slices.BinarySearch(c.from, r)
	if !found {
		i--
	}
	return c.class[i]
}

// newRuneClasses fails if that would take too long.
func newRuneClasses(prog *syntax.Prog) (c runeClasses, ok bool) {
	c.from = []rune{utf8.RuneSelf}
	var insts []*syntax.Inst   // those that tell any runes apart
	looked := map[*rune]bool{} // repeated instructions share their runes
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		if inst.Op != syntax.InstRune && inst.Op != syntax.InstRune1 || looked[unsafe.SliceData(inst.Rune)] {
			continue
		}
		looked[unsafe.SliceData(inst.Rune)] = true
		before := len(c.from)
		if c.cut(inst.Rune); len(c.from) > before {
			insts = append(insts, inst)
		}
		if len(c.from)*len(insts) > dfaMaxDivide {
			return c, false
		}
	}
	slices.Sort(c.from)
	c.from = slices.Compact(c.from)
	classes := map[string]uint32{}
	taken := make([]byte, len(insts))
	for _, r := range c.from {
		for i, inst := range insts {
			taken[i] = 0
			if takes(inst, r) {
				taken[i] = 1
			}
		}
		class, known := classes[string(taken)]
		if !known {
			class = uint32(len(classes))
			classes[string(taken)] = class
		}
		c.class = append(c.class, class)
	}
	c.n = len(classes)
	return c, true
}

// cut adds the bounds of an instruction's runes.
func (c *runeClasses) cut(runes []rune) {
	between := func(lo, hi rune) {
		for _, r := range [...]rune{lo, hi + 1} {
			if r > utf8.RuneSelf && r <= unicode.MaxRune {
				c.from = append(c.from, r)
			}
		}
	}
	if len(runes) == 1 { // with those that it may be folded to
		between(runes[0], runes[0])
		for r := unicode.SimpleFold(runes[0]); r != runes[0]; r = unicode.SimpleFold(r) {
			between(r, r)
		}
		return
	}
	for i := 0; i+1 < len(runes); i += 2 {
		between(runes[i], runes[i+1])
	}
}
