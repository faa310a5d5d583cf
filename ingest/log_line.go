package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clewhq/clew/span"
)

// logLine is a log record as a line of JSON has it, whatever its writer calls the fields.
type logLine struct {
	trace        span.TraceID
	span         span.SpanID
	traceText    string
	flags        uint32
	time         uint64
	severity     int32
	number       int32 // OTLP's, if the line has it
	severityText string
	body         []byte // AnyValue
	service      string
	attrs        []byte // fields 6 of LogRecord
	seen         [numLineFields]bool
	later        []laterMember
}

// laterMember is a member that is decided about at the end of its line.
type laterMember struct {
	name  string
	value jsontext.Value
}

// read reads one JSON object. Of several members with the same meaning the first counts; all others, and those that
// cannot be read as what they are called, become attributes.
func (l *logLine) read(j *jsonReader, raw []byte) error {
	*l = logLine{attrs: l.attrs[:0], body: l.body[:0], later: l.later[:0]}
	j.reset(raw)
	if j.dec.PeekKind() != jsontext.KindBeginObject {
		return errors.New("it is not a JSON object")
	}
	err := j.object(func(name []byte) error {
		value, err := j.dec.ReadValue()
		if err != nil {
			return err
		}
		return l.member(string(name), value)
	})
	if err == nil {
		err = j.end()
	}
	for _, m := range l.later {
		n, _ := lineNameOf(m.name, appendPlain(nil, m.name))
		if !l.take(n, m.value) && err == nil {
			err = l.addAttr(m.name, m.value)
		}
	}
	return j.locate(err)
}

func (l *logLine) member(name string, value jsontext.Value) error {
	var buf [maxNameOfLine]byte
	short := appendPlain(buf[:0], name)
	n, ok := lineNameOf(name, short)
	if n.form == severityNumber && l.setNumber(value) {
		return nil
	}
	if ok && n.weak && !l.seen[n.field] && isScalar(value) {
		l.later = append(l.later, laterMember{name, slices.Clone(value)})
		return nil
	}
	if ok && l.take(n, value) || !isScalar(value) && l.lookInto(short, value, 0) {
		return nil
	}
	return l.addAttr(name, value)
}

func isScalar(value jsontext.Value) bool {
	return value.Kind() != '{' && value.Kind() != '['
}

// take takes a value for a field that has none yet, if it can be read as one.
func (l *logLine) take(n lineName, value jsontext.Value) bool {
	if l.seen[n.field] || !l.set(n, value) {
		return false
	}
	l.seen[n.field] = true
	return true
}

// lookInto takes fields out of an object that loggers put them into, and reports whether nothing else is in it.
func (l *logLine) lookInto(container []byte, value jsontext.Value, depth int) (emptied bool) {
	const deep = 3
	below, ok := containers[string(container)]
	if !ok || depth == deep {
		return false
	}
	if value.Kind() == '[' {
		_ = eachElement(value, func(v jsontext.Value) {
			if v.Kind() == '{' {
				l.lookInto(container, v, depth+1)
			}
		})
		return false
	}
	members, taken := 0, 0
	err := eachMember(value, func(name string, v jsontext.Value) {
		var buf [2 * maxNameOfLine]byte
		both := appendPlain(append(buf[:0], container...), name)
		short := both[len(container):]
		members++
		n, ok := lineNames[string(both)]
		if !ok {
			n, ok = lineNameOf(name, short)
			ok = ok && n.field < below && !n.weak
		}
		if ok && l.take(n, v) || !isScalar(v) && l.lookInto(short, v, depth+1) {
			taken++
		}
	})
	return err == nil && members > 0 && taken == members
}

// set reads a value as what its name says.
func (l *logLine) set(n lineName, value jsontext.Value) bool {
	text := ""
	switch value.Kind() {
	case '"':
		unquoted, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return false
		}
		text = string(unquoted)
	case '0', 't', 'f':
		text = string(value)
	}
	switch n.field {
	case traceField:
		return l.setTrace(n.form, value.Kind(), text)
	case spanField:
		if n.form == decimalForm {
			return decimalID(l.span[:], text)
		}
		return value.Kind() == '"' && hexID(l.span[:], text)
	case flagsField:
		return l.setFlags(n.form, text)
	case timeField:
		t, ok := uint64(0), false
		if value.Kind() == '{' {
			t, ok = timeIn(value)
		} else {
			t, ok = parseLineTime(text)
		}
		if ok {
			l.time = t
		}
		return ok
	case levelField:
		return l.setLevel(n, value.Kind(), text)
	case serviceField:
		if value.Kind() != '"' {
			return false
		}
		l.service = text
		return text != ""
	case bodyField:
		body, err := appendAnyOf(l.body[:0], value, 0)
		l.body = body
		return err == nil
	}
	return false
}

func (l *logLine) setTrace(form lineForm, kind jsontext.Kind, text string) bool {
	switch form {
	case decimalForm:
		return (hexLen(text) || decimalID(l.trace[8:], text)) && (!hexLen(text) || hexID(l.trace[:], text)) && !l.trace.IsZero()
	case pathForm:
		if i := strings.LastIndex(text, "/traces/"); i >= 0 {
			text = text[i+len("/traces/"):]
		}
		return hexLen(text) && hexID(l.trace[:], text) && !l.trace.IsZero()
	case xrayForm:
		id, ok := strings.CutPrefix(text, "1-")
		id = strings.Replace(id, "-", "", 1)
		return ok && hexLen(id) && hexID(l.trace[:], id) && !l.trace.IsZero()
	case parentForm:
		parts := strings.Split(text, "-")
		if len(parts) < 4 || !hexLen(parts[1]) || !hexID(l.trace[:], parts[1]) || l.trace.IsZero() {
			return false
		}
		l.seen[spanField] = !l.seen[spanField] && len(parts[2]) == 16 && hexID(l.span[:], parts[2]) || l.seen[spanField]
		l.seen[flagsField] = !l.seen[flagsField] && l.setFlags(usualForm, parts[3]) || l.seen[flagsField]
		return true
	}
	if kind != '"' {
		return false
	}
	l.traceText = text
	if len(text) == 36 { // as a UUID
		text = strings.ReplaceAll(text, "-", "")
	}
	return hexID(l.trace[:], text) && !l.trace.IsZero()
}

// hexLen reports whether a text is as long as a trace id.
func hexLen(text string) bool { return len(text) == 2*len(span.TraceID{}) }

func (l *logLine) setFlags(form lineForm, text string) bool {
	if form == sampledForm {
		sampled, err := strconv.ParseBool(strings.ToLower(text))
		if err == nil && sampled {
			l.flags = 1
		}
		return err == nil
	}
	flags, err := strconv.ParseUint(text, 16, 8)
	if err == nil {
		l.flags = uint32(flags)
	}
	return err == nil
}

// setLevel reads a level that is a word or a number. A word that is no known level is kept as it is written, if it is
// called a level for sure.
func (l *logLine) setLevel(name lineName, kind jsontext.Kind, text string) bool {
	if n, err := strconv.Atoi(text); err == nil {
		if name.form == pythonForm {
			text = pythonLevel(n)
		} else {
			text = levelOf(n)
		}
	} else if kind != '"' {
		return false
	}
	severity := severityOf(text)
	if text == "" || name.weak && severity == 0 {
		return false
	}
	l.severity, l.severityText = severity, text
	return true
}

// setNumber reads OTLP's number of a severity, which says more than the word beside it.
func (l *logLine) setNumber(value jsontext.Value) bool {
	n, err := strconv.ParseUint(string(value), 10, 8)
	if err != nil || n < 1 || n > 24 || l.number != 0 {
		return false
	}
	l.number = int32(n)
	return true
}

// traceFault says what is wrong with the trace id, "" if nothing is.
func (l *logLine) traceFault() string {
	switch {
	case l.seen[traceField]:
		return ""
	case l.traceText == "":
		return "no trace_id"
	}
	return fmt.Sprintf("a trace_id that is not 32 hex digits, not all zero: %s", clip([]byte(l.traceText)))
}

func (l *logLine) addAttr(name string, value jsontext.Value) error {
	var pair []byte
	pair = protowire.AppendString(append(pair, 1<<3|length), name)
	encoded, err := appendAnyOf(nil, value, 0)
	if err != nil {
		return err
	}
	pair = protowire.AppendBytes(append(pair, 2<<3|length), encoded)
	l.attrs = protowire.AppendBytes(append(l.attrs, 6<<3|length), pair)
	return nil
}

// appendRecord appends the content of a LogRecord.
func (l *logLine) appendRecord(dst []byte, now time.Time) []byte {
	if l.time != 0 {
		dst = protowire.AppendFixed64(append(dst, 1<<3|fixed64), l.time)
	}
	if severity := cmp.Or(l.number, l.severity); severity != 0 {
		dst = append(dst, 2<<3|varint, byte(severity))
	}
	if l.severityText != "" {
		dst = protowire.AppendString(append(dst, 3<<3|length), l.severityText)
	}
	if len(l.body) > 0 {
		dst = protowire.AppendBytes(append(dst, 5<<3|length), l.body)
	}
	dst = append(dst, l.attrs...)
	if l.flags != 0 {
		dst = protowire.AppendFixed32(append(dst, 8<<3|fixed32), l.flags)
	}
	dst = protowire.AppendBytes(append(dst, 9<<3|length), l.trace[:])
	if !l.span.IsZero() {
		dst = protowire.AppendBytes(append(dst, 10<<3|length), l.span[:])
	}
	// A line with a time of its own, which is sent again, has to be the same record.
	observed := l.time
	if observed == 0 {
		observed = uint64(now.UnixNano())
	}
	return protowire.AppendFixed64(append(dst, 11<<3|fixed64), observed)
}

// appendAnyOf appends a JSON value as an AnyValue. depth counts the lists around it.
func appendAnyOf(dst []byte, value jsontext.Value, depth int) ([]byte, error) {
	if depth > span.MaxDepth {
		return dst, span.ErrDepth
	}
	switch value.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		return protowire.AppendBytes(append(dst, 1<<3|length), text), err
	case 't', 'f':
		return append(dst, 2<<3|varint, byte(protowire.EncodeBool(value.Kind() == 't'))), nil
	case '0':
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return protowire.AppendVarint(append(dst, 3<<3|varint), uint64(n)), nil
		}
		f, err := strconv.ParseFloat(string(value), 64)
		if err != nil && !math.IsInf(f, 0) {
			return dst, err
		}
		return protowire.AppendFixed64(append(dst, 4<<3|fixed64), math.Float64bits(f)), nil
	case '[', '{':
		return appendListOf(dst, value, depth)
	}
	return dst, nil // null
}

// appendListOf appends an array or object.
func appendListOf(dst []byte, value jsontext.Value, depth int) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return dst, err
	}
	isObject := value.Kind() == '{'
	field := byte(5<<3 | length)
	if isObject {
		field = 6<<3 | length
	}
	var list []byte
	for dec.PeekKind() != ']' && dec.PeekKind() != '}' {
		var member []byte
		if isObject {
			name, err := dec.ReadToken()
			if err != nil {
				return dst, err
			}
			member = protowire.AppendString(append(member, 1<<3|length), name.String())
		}
		v, err := dec.ReadValue()
		if err != nil {
			return dst, err
		}
		encoded, err := appendAnyOf(nil, v, depth+1)
		if err != nil {
			return dst, err
		}
		if isObject {
			member = protowire.AppendBytes(append(member, 2<<3|length), encoded)
		} else {
			member = encoded
		}
		list = protowire.AppendBytes(append(list, 1<<3|length), member)
	}
	return protowire.AppendBytes(append(dst, field), list), nil
}

// eachMember calls a function with the members of an object.
func eachMember(value jsontext.Value, do func(name string, value jsontext.Value)) error {
	dec := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		text := name.String()
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		do(text, v)
	}
	return nil
}

// eachElement calls a function with the elements of an array.
func eachElement(value jsontext.Value, do func(jsontext.Value)) error {
	dec := jsontext.NewDecoder(bytes.NewReader(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		do(v)
	}
	return nil
}

// severityOf returns OTLP's number for a word, 0 if it is none. Go's slog writes what lies between two as WARN+1.
func severityOf(word string) int32 {
	word = strings.ToLower(word)
	n, ok := severities[word]
	if i := strings.IndexAny(word, "+-"); !ok && i > 0 {
		more, err := strconv.Atoi(word[i:])
		if base, ok := severities[word[:i]]; ok && err == nil && more > -24 && more < 24 {
			return min(max(base+int32(more), 1), 24)
		}
	}
	return n
}
