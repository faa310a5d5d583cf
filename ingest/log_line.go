package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
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
	severityText string
	body         []byte // AnyValue
	service      string
	attrs        []byte // fields 6 of LogRecord
	seen         [numLineFields]bool
}

// lineField is what a member of a line means.
type lineField int

const (
	otherField lineField = iota
	traceField
	spanField
	flagsField
	timeField
	levelField
	bodyField
	serviceField
	numLineFields
)

// lineFields are the usual names, in lower case and without "_", "-", "." and "@". "otel…" are those of
// OpenTelemetry's logging for Python.
var lineFields = map[string]lineField{
	"traceid": traceField, "oteltraceid": traceField,
	"spanid": spanField, "otelspanid": spanField,
	"traceflags": flagsField,
	"time":       timeField, "ts": timeField, "timestamp": timeField,
	"level": levelField, "loglevel": levelField, "levelname": levelField, "severity": levelField, "severitytext": levelField,
	"msg": bodyField, "message": bodyField, "body": bodyField,
	"service": serviceField, "servicename": serviceField, "otelservicename": serviceField,
}

var plainName = strings.NewReplacer("_", "", "-", "", ".", "", "@", "")

// fieldOf tells what a member means by its name.
func fieldOf(name []byte) lineField {
	if len(name) > 32 {
		return otherField
	}
	return lineFields[strings.ToLower(plainName.Replace(string(name)))]
}

// read reads one JSON object. Of several members with the same meaning the first counts; all others, and those that
// cannot be read as what they are called, become attributes.
func (l *logLine) read(j *jsonReader, raw []byte) error {
	*l = logLine{attrs: l.attrs[:0], body: l.body[:0]}
	j.reset(raw)
	if j.dec.PeekKind() != jsontext.KindBeginObject {
		return errors.New("it is not a JSON object")
	}
	err := j.object(func(name []byte) error {
		value, err := j.dec.ReadValue()
		if err != nil {
			return err
		}
		if f := fieldOf(name); f != otherField && !l.seen[f] && l.set(f, value) {
			l.seen[f] = true
			return nil
		}
		return l.addAttr(name, value)
	})
	if err == nil {
		err = j.end()
	}
	return j.locate(err)
}

// set takes a value for a field, if it can be read as one.
func (l *logLine) set(f lineField, value jsontext.Value) bool {
	text, isText := "", value.Kind() == '"'
	if isText {
		unquoted, err := jsontext.AppendUnquote(nil, value)
		isText = err == nil
		text = string(unquoted)
	}
	switch f {
	case traceField:
		l.traceText = text
		return isText && hexID(l.trace[:], text) && !l.trace.IsZero()
	case spanField:
		return isText && hexID(l.span[:], text)
	case flagsField:
		flags, err := strconv.ParseUint(text, 16, 8)
		l.flags = uint32(flags)
		return err == nil
	case timeField:
		ok := false
		if l.time, ok = parseLineTime(text); !ok && value.Kind() == '0' {
			l.time, ok = parseUnix(string(value))
		}
		return ok
	case levelField:
		if value.Kind() == '0' {
			text = pinoLevels[string(value)]
		}
		l.severity, l.severityText = severityOf(text), text
		return text != ""
	case serviceField:
		l.service = text
		return text != ""
	case bodyField:
		body, err := appendAnyOf(l.body[:0], value, 0)
		l.body = body
		return err == nil
	}
	return false
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

func (l *logLine) addAttr(name []byte, value jsontext.Value) error {
	var pair []byte
	pair = protowire.AppendBytes(append(pair, 1<<3|length), name)
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
	if l.severity != 0 {
		dst = append(dst, 2<<3|varint, byte(l.severity))
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

// lineTimes are forms of time beside numbers.
var lineTimes = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"}

// parseLineTime reads a time as text; without a zone it is UTC.
func parseLineTime(text string) (uint64, bool) {
	for _, layout := range lineTimes {
		if t, err := time.Parse(layout, text); err == nil && t.UnixNano() > 0 {
			return uint64(t.UnixNano()), t.Year() < 2262 // where nanoseconds end
		}
	}
	return parseUnix(text)
}

// parseUnix reads seconds, milliseconds, microseconds or nanoseconds since 1970, whichever is a time between 1973 and 5138.
func parseUnix(text string) (uint64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0) || f >= 1<<64 {
		return 0, false
	}
	whole, exact := uint64(f), false
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		whole, exact = n, true
	}
	for _, unit := range []struct{ below, nanos float64 }{{1e11, 1e9}, {1e14, 1e6}, {1e17, 1e3}} {
		if f >= unit.below {
			continue
		}
		if f*unit.nanos >= 1<<63 {
			return 0, false
		}
		if exact {
			return whole * uint64(unit.nanos), true
		}
		seconds, fraction := math.Modf(f)
		return uint64(seconds)*uint64(unit.nanos) + uint64(math.Round(fraction*unit.nanos)), true
	}
	return whole, true
}

// pinoLevels are the numbers of Node's loggers.
var pinoLevels = map[string]string{"10": "trace", "20": "debug", "30": "info", "40": "warn", "50": "error", "60": "fatal"}

// severityOf returns OTLP's number for a word, 0 if it is none.
func severityOf(word string) int32 {
	switch strings.ToLower(word) {
	case "trace":
		return 1
	case "debug":
		return 5
	case "info", "information", "informational":
		return 9
	case "notice":
		return 10
	case "warn", "warning":
		return 13
	case "error", "err":
		return 17
	case "critical", "crit", "alert":
		return 18
	case "fatal", "emergency", "emerg", "panic":
		return 21
	}
	return 0
}
