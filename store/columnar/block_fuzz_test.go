package columnar

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime/metrics"
	"slices"
	"testing"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store/columnar/colenc"
)

// fuzzVictim is a block to be damaged, and what to know about it.
type fuzzVictim struct {
	data      []byte
	sections  []section
	questions []question
	right     [][]string
	ids       []span.TraceID
}

func fuzzVictims(t testing.TB) (list []*fuzzVictim) {
	for _, spans := range [][]span.Span{someSpans(3, 1), richSpans(5, 40), richSpans(1, 100)} {
		v := &fuzzVictim{data: blockFile(t, spans)}
		b, err := openBytes(t, v.data)
		if err != nil {
			t.Fatal(err)
		}
		v.sections = sections(t, b)
		for _, s := range spans {
			if !slices.Contains(v.ids, s.TraceID) {
				v.ids = append(v.ids, s.TraceID)
			}
		}
		v.questions = questions(v.ids, someFields)
		v.right = answersOf(t, v.questions, v.data)
		list = append(list, v)
	}
	return list
}

// damage changes the block as edits say, five bytes each: where (three bytes,
// or a section and a place in it), how, and a byte. With repair, checksums fit what they cover.
func (v *fuzzVictim) damage(edits []byte, repair bool) []byte {
	data := bytes.Clone(v.data)
	for ; len(edits) >= 5; edits = edits[5:] {
		at := int(binary.LittleEndian.Uint16(edits[1:]))
		how, x := edits[3], edits[4]
		if how&0x80 != 0 {
			s := v.sections[int(edits[0])%len(v.sections)]
			at = int(s.off) + at%int(s.len)
		}
		at = (at + int(edits[0])<<16&^int(how)>>7) % len(data)
		switch how % 5 {
		case 0:
			data[at] ^= 1 << (x % 8)
		case 1:
			data[at] = x
		case 2:
			data[at] += x
		case 3: // repeat what is there
			copy(data[at:min(at+int(x)+1, len(data))], data[max(0, at-int(x)-1):at])
		case 4:
			for i := at; i < min(at+int(x)%16+1, len(data)); i++ {
				data[i] = 0xff
			}
		}
	}
	if repair {
		v.repair(data)
	}
	return data
}

// repair makes the checksums of all sections fit.
func (v *fuzzVictim) repair(data []byte) {
	for _, s := range v.sections {
		part := data[s.off : s.off+uint64(s.len)]
		switch s.kind {
		case "magic":
			copy(part, blockMagic)
		case "footer":
			binary.LittleEndian.PutUint32(data[len(data)-trailerSize+12:], crc32.Checksum(part, castagnoli))
		case "trailer":
			copy(part[:12], v.data[s.off:])
			copy(part[16:], trailerMagic)
		default:
			body := part[:len(part)-crcSize]
			binary.LittleEndian.PutUint32(part[len(body):], crc32.Checksum(body, castagnoli))
		}
	}
}

// fuzzMemory is the most that reading one damaged block of some kilobytes may
// allocate, in bytes, all together.
const fuzzMemory = 1 << 30

// FuzzBlock damages a block and reads it in every way. Nothing panics, memory is
// bounded, and while checksums tell of the damage, every answer is right or says
// what it lacks. With checksums repaired, what stands behind them is on its own:
// it has to find an error or give something well formed.
func FuzzBlock(f *testing.F) {
	f.Add(uint8(0), false, uint8(0), []byte{0, 100, 0, 0, 1})
	f.Add(uint8(1), false, uint8(20), []byte{5, 3, 0, 0x80, 7, 9, 0, 1, 0x81, 3})
	f.Add(uint8(2), true, uint8(70), []byte{3, 0, 0, 0x81, 200})
	for i := range uint8(60) {
		f.Add(i, true, 3*i, []byte{i, i % 7, 0, 0x80 | i%5, 2 + i})
		f.Add(i, true, 7*i, []byte{200 - i, i % 3, 0, 0x84, 9})
	}
	list := fuzzVictims(f)
	f.Fuzz(func(t *testing.T, which uint8, repair bool, ask uint8, edits []byte) {
		v := list[int(which)%len(list)]
		data := v.damage(edits, repair)
		before := allocated()
		if b, err := openBytes(t, data); err == nil {
			err := b.verify()
			if !repair && err == nil && !bytes.Equal(data, v.data) {
				t.Error("verify does not find the damage")
			}
		}
		e := openBlocks(t, data)
		for i := range 12 {
			q := (int(ask) + 17*i) % len(v.questions)
			lines, partial := v.questions[q].ask(t.Context(), e)
			if repair {
				continue
			}
			if err := compareAnswers(lines, v.right[q], partial); err != nil {
				t.Errorf("%s: %v", v.questions[q].name, err)
			}
		}
		mergeDamaged(t, e, list[0].data)
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if n := allocated() - before; n > fuzzMemory {
			t.Errorf("%d MiB were allocated", n>>20)
		}
	})
}

// mergeDamaged merges the engine's blocks with a sound one: that fails, or what comes out is sound.
func mergeDamaged(t *testing.T, e *Engine, other []byte) {
	tn := e.tenants[testTenant]
	s := tn.snapshot()
	defer s.release()
	sound, err := openBytes(t, other)
	if err != nil {
		t.Fatal(err)
	}
	merged, err := tn.writeMerged(t.Context(), append(s.blocks, sound), nil)
	if err != nil {
		return
	}
	defer merged.release()
	if err := merged.verify(); err != nil {
		t.Errorf("a merge makes a block that is not sound: %v", err)
	}
}

// allocated returns how many bytes the process has allocated since it began.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestAbsurdCounts: a number of things that no writer makes is an error before
// there is memory for them.
func TestAbsurdCounts(t *testing.T) {
	huge := func(before ...byte) []byte {
		raw := binary.AppendUvarint(before, 1<<40)
		return append(raw, make([]byte, 64)...) // runs of zeros, which take no bytes
	}
	const size = 1 << 20 // of the file
	for name, parse := range map[string]func() error{
		"footer":             func() error { return new(blockMeta).parse(huge(make([]byte, 12)...), blockMagic[7]) },
		"directory":          func() error { _, err := parseDirectory(huge(), numFixed, size); return err },
		"shapes":             func() error { _, err := parseShapes(huge(), 50); return err },
		"columns of shapes":  func() error { _, err := parseShapes(huge(0, 0, 0), 50); return err },
		"strings of tables":  func() error { _, _, err := parseTables(huge()); return err },
		"numbers of tables":  func() error { _, _, err := parseTables(huge(0, 0, 0, 0, 0, 0)); return err },
		"catalog":            func() error { _, _, err := parseCatalog(huge(0)); return err },
		"trace index":        func() error { _, err := parseTraceIndex(huge(20), size); return err },
		"page":               func() error { _, err := findInPage(nil, huge(), 0, 1); return err },
		"pieces of a column": func() error { _, _, err := parseColumn(huge(), 0, fixedKey(colKind), nil, 100); return err },
		"pieces of a chunk":  func() error { _, _, err := parsePieces(huge(0), 0, 50); return err },
		"values of a piece":  func() error { _, _, err := parsePieces(huge(0, 1, 0), 0, 50); return err },
		"codes of a piece":   func() error { _, _, err := parsePieces(huge(0, 1, 0, 1, 1, byte(pieceShared)), 0, 50); return err },
		"fingerprints":       func() error { _, err := parseFilters(huge(), []pieceRef{{mode: pieceLocal}}); return err },
		"segment of a filter": func() error {
			_, err := parseFilters(huge(1, 0, 0, 0, 0, 0, 0, 0, 0), []pieceRef{{mode: pieceLocal}})
			return err
		},
		"strings of a piece":  func() error { _, _, err := localStrings(huge(), &pieceRef{n: 1000}); return err },
		"chunks in a footer":  func() error { _, err := openBytes(t, footerOf(blockMeta{Rows: 2, Chunks: 1 << 40})); return err },
		"rows in a footer":    func() error { _, err := openBytes(t, footerOf(blockMeta{Rows: 1 << 40, Chunks: 1})); return err },
		"rows of a chunk":     func() error { _, err := parseChunks(rowsOfChunk(1<<40), &blockMeta{Rows: 100, Chunks: 1}); return err },
		"rows of all chunks":  func() error { _, err := parseChunks(rowsOfChunk(101), &blockMeta{Rows: 100, Chunks: 1}); return err },
		"traces without rows": func() error { _, err := parseChunks(rowsOfChunk(0), &blockMeta{Rows: 100, Chunks: 1}); return err },
	} {
		before := allocated()
		if err := parse(); !errors.Is(err, colenc.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if n := allocated() - before; n > 1<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

// footerOf returns a file with a footer and nothing else.
func footerOf(m blockMeta) []byte {
	footer := m.append(nil)
	data := append([]byte(blockMagic), footer...)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(blockMagic)))
	data = binary.LittleEndian.AppendUint32(data, uint32(len(footer)))
	data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(footer, castagnoli))
	return append(data, trailerMagic...)
}

// rowsOfChunk returns a table with one chunk of n rows and a trace.
func rowsOfChunk(n uint64) (raw []byte) {
	for _, v := range []uint64{n, 1, 0, 0, 0, 0, 0, 0, 0} {
		raw = colenc.AppendInts(raw, []uint64{v})
	}
	return raw
}
