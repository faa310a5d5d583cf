package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader reads JSON token by token with the rules of OTLP/JSON: null is
// the same as absent, and a number may be written as a string.
//
// Invalid UTF-8 and lone surrogates become U+FFFD: JavaScript makes them when
// it cuts a string, and one such string must not cost the whole request.
type jsonReader struct {
	dec     jsontext.Decoder
	src     bytes.Buffer
	name    []byte // the last member name, if it had escapes
	str     []byte // the last string, if it had escapes
	decoded []byte // the last base64 value
}

// reset starts on raw, which is read in place and not changed.
func (j *jsonReader) reset(raw []byte) {
	j.src = *bytes.NewBuffer(raw)
	j.dec.Reset(&j.src, jsontext.AllowInvalidUTF8(true))
}

// release forgets the request.
func (j *jsonReader) release() { j.reset(nil) }

// size is the memory that stays with j, in bytes.
func (j *jsonReader) size() int { return cap(j.name) + cap(j.str) + cap(j.decoded) }

// object reads an object and calls member for each of its members that is not
// null, with the value still to be read. name is valid until member reads.
func (j *jsonReader) object(member func(name []byte) error) error {
	if err := j.open('{', "an object"); err != nil {
		return err
	}
	for j.dec.PeekKind() == '"' {
		raw, err := j.dec.ReadValue()
		if err != nil {
			return err
		}
		name := unquote(&j.name, raw)
		if j.dec.PeekKind() == 'n' {
			_, err = j.dec.ReadToken()
		} else {
			err = member(name)
		}
		if err != nil {
			return err
		}
	}
	_, err := j.dec.ReadToken() // '}', or what is wrong instead
	return err
}

// array reads an array and calls element for each element, with it still to be read.
func (j *jsonReader) array(element func() error) error {
	if err := j.open('[', "an array"); err != nil {
		return err
	}
	for {
		switch j.dec.PeekKind() {
		case ']', jsontext.KindInvalid:
			_, err := j.dec.ReadToken()
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

func (j *jsonReader) open(kind jsontext.Kind, want string) error {
	if got := j.dec.PeekKind(); got != kind && got != jsontext.KindInvalid {
		return j.mismatch(want)
	}
	_, err := j.dec.ReadToken()
	return err
}

// skip reads a value of any kind and forgets it.
func (j *jsonReader) skip() error { return j.dec.SkipValue() }

// end checks that nothing follows the value that was read.
func (j *jsonReader) end() error {
	if _, err := j.dec.ReadToken(); err != io.EOF {
		if err == nil {
			err = j.fail(errors.New("unexpected data after the request"))
		}
		return err
	}
	return nil
}

// text reads a string. It is valid until the next call of text.
func (j *jsonReader) text() ([]byte, error) {
	if k := j.dec.PeekKind(); k != '"' && k != jsontext.KindInvalid {
		return nil, j.mismatch("a string")
	}
	raw, err := j.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	return unquote(&j.str, raw), nil
}

// unquote returns what a JSON string that is known to be well formed stands
// for: a part of raw, or *buf if something had to be replaced.
func unquote(buf *[]byte, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw[1 : len(raw)-1]
	}
	*buf, _ = jsontext.AppendUnquote((*buf)[:0], raw) // the error tells of what became U+FFFD
	return *buf
}

func (j *jsonReader) bool() (bool, error) {
	switch j.dec.PeekKind() {
	case 't', 'f', jsontext.KindInvalid:
		tok, err := j.dec.ReadToken()
		if err != nil {
			return false, err
		}
		return tok.Bool(), nil
	}
	return false, j.mismatch("true or false")
}

// number reads a number or a string and returns its characters.
func (j *jsonReader) number() ([]byte, error) {
	switch j.dec.PeekKind() {
	case '0':
		return j.dec.ReadValue()
	case '"', jsontext.KindInvalid:
		return j.text()
	}
	return nil, j.mismatch("a number")
}

func (j *jsonReader) uint64() (uint64, error) {
	s, err := j.number()
	if err != nil {
		return 0, err
	}
	if v, err := strconv.ParseUint(string(s), 10, 64); err == nil {
		return v, nil
	}
	if f, ok := wholeNumber(s); ok && f >= 0 {
		return uint64(f), nil
	}
	return 0, j.badNumber(s, "an unsigned 64-bit integer")
}

func (j *jsonReader) uint32() (uint32, error) {
	s, err := j.number()
	if err != nil {
		return 0, err
	}
	if v, err := strconv.ParseUint(string(s), 10, 32); err == nil {
		return uint32(v), nil
	}
	if f, ok := wholeNumber(s); ok && f >= 0 && f <= math.MaxUint32 {
		return uint32(f), nil
	}
	return 0, j.badNumber(s, "an unsigned 32-bit integer")
}

func (j *jsonReader) int64() (int64, error) {
	s, err := j.number()
	if err != nil {
		return 0, err
	}
	if v, err := strconv.ParseInt(string(s), 10, 64); err == nil {
		return v, nil
	}
	if f, ok := wholeNumber(s); ok {
		return int64(f), nil
	}
	return 0, j.badNumber(s, "a 64-bit integer")
}

// enum reads an enum, which OTLP/JSON writes as an integer and never as a name.
func (j *jsonReader) enum() (int32, error) {
	if j.dec.PeekKind() == '"' {
		return 0, j.mismatch("an integer (OTLP/JSON has no enum names)")
	}
	s, err := j.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(string(s), 10, 32)
	if err != nil {
		return 0, j.badNumber(s, "a 32-bit integer")
	}
	return int32(v), nil
}

func (j *jsonReader) float64() (float64, error) {
	s, err := j.number()
	if err != nil {
		return 0, err
	}
	switch string(s) {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if f, ok := decimal(s); ok {
		return f, nil
	}
	return 0, j.badNumber(s, "a 64-bit floating-point number")
}

// wholeNumber reads an integer in the notation of a float, such as 1e3 or 5.0.
func wholeNumber(s []byte) (float64, bool) {
	f, ok := decimal(s)
	return f, ok && f == math.Trunc(f) && math.Abs(f) <= 1<<53
}

// decimal reads a number without the notations that only Go knows.
func decimal(s []byte) (float64, bool) {
	if strings.Trim(string(s), "+-.0123456789eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil
}

// bytes reads base64 of either alphabet, padded or not. The result is valid until the next call.
func (j *jsonReader) bytes() ([]byte, error) {
	s, err := j.text()
	if err != nil {
		return nil, err
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	j.decoded, err = enc.AppendDecode(j.decoded[:0], bytes.TrimRight(s, "="))
	if err != nil {
		return nil, j.fail(errors.New("invalid base64"))
	}
	return j.decoded, nil
}

// id reads an id in hex into dst and returns the number of digits; dst is set
// only if they fit. What is not hex at all is an error.
func (j *jsonReader) id(dst []byte) (digits int, err error) {
	s, err := j.text()
	if err != nil {
		return 0, err
	}
	if len(bytes.Trim(s, "0123456789abcdefABCDEF")) > 0 {
		return 0, j.fail(fmt.Errorf("%s is not hex, in which OTLP/JSON writes ids", clip(s)))
	}
	if len(s) == 2*len(dst) {
		_, err = hex.Decode(dst, s)
	}
	return len(s), err
}

// mismatch reads the next value, which is not of the wanted kind, and reports it.
func (j *jsonReader) mismatch(want string) error {
	got := map[jsontext.Kind]string{
		'n': "null", 't': "true", 'f': "false", '"': "a string", '0': "a number", '{': "an object", '[': "an array",
	}[j.dec.PeekKind()]
	if _, err := j.dec.ReadToken(); err != nil {
		return err
	}
	return j.fail(fmt.Errorf("expected %s, got %s", want, got))
}

func (j *jsonReader) badNumber(got []byte, want string) error {
	return j.fail(fmt.Errorf("%s is not %s", clip(got), want))
}

// clip quotes at most some characters of s.
func clip(s []byte) string {
	if len(s) > 40 {
		return strconv.Quote(string(s[:40])) + "…"
	}
	return strconv.Quote(string(s))
}

// jsonError says where in a request an error lies.
type jsonError struct {
	path   string
	offset int64 // in bytes; the error lies before it
	err    error
}

func (e *jsonError) Error() string {
	if e.path == "" {
		return fmt.Sprintf("byte %d: %v", e.offset, e.err)
	}
	return fmt.Sprintf("byte %d, %s: %v", e.offset, e.path, e.err)
}

func (e *jsonError) Unwrap() error { return e.err }

// fail returns err as one about the value that was read last.
func (j *jsonReader) fail(err error) error {
	return &jsonError{jsonPath(j.dec.StackPointer()), j.dec.InputOffset(), err}
}

// locate turns an error of the tokenizer into one of ours.
func (j *jsonReader) locate(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return &jsonError{jsonPath(syntax.JSONPointer), syntax.ByteOffset, errors.New("unexpected end of the request")}
		}
		return &jsonError{jsonPath(syntax.JSONPointer), syntax.ByteOffset, syntax.Err}
	case err == io.EOF:
		return j.fail(errors.New("unexpected end of the request"))
	}
	return err
}

// jsonPath writes a JSON pointer as resourceSpans[0].scopeSpans[1].
func jsonPath(p jsontext.Pointer) string {
	const most = 300 // a sender chooses the names of unknown members
	var path strings.Builder
	for token := range p.Tokens() {
		if path.Len() > most {
			path.WriteString("…")
			break
		}
		if _, err := strconv.Atoi(token); err == nil {
			path.WriteString("[" + token + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token[:min(len(token), most)])
	}
	return path.String()
}
