package api

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-logfmt/logfmt"
	"google.golang.org/protobuf/encoding/protowire"
)

// requestFields are the fields of a request of tempopb.StreamingQuerier that matter,
// each with the parameter that says the same over HTTP.
type requestFields map[protowire.Number]requestField

type requestField struct {
	param string
	// text writes a number as the parameter has it; nil for a field that is a text.
	text func(n uint64) string
	// pairs marks a map of texts.
	pairs bool
}

// tagParam is the parameter that has the tag, which over HTTP is in the path.
const tagParam = "tag"

var (
	searchRequest = requestFields{
		1: {param: "tags", pairs: true},
		2: {param: "minDuration", text: milliseconds32},
		3: {param: "maxDuration", text: milliseconds32},
		4: {param: "limit", text: decimal},
		5: {param: "start", text: decimal},
		6: {param: "end", text: decimal},
		8: {param: "q"},
		9: {param: "spss", text: decimal},
	}
	tagsRequest = requestFields{
		1: {param: "scope"},
		2: {param: "q"},
		3: {param: "start", text: decimal},
		4: {param: "end", text: decimal},
		5: {param: "limit", text: decimal},
	}
	valuesRequest = requestFields{
		1: {param: tagParam},
		2: {param: "q"},
		4: {param: "start", text: decimal},
		5: {param: "end", text: decimal},
		6: {param: "limit", text: decimal},
	}
	instantRequest = requestFields{
		1: {param: "q"},
		2: {param: "start", text: nanoseconds},
		3: {param: "end", text: nanoseconds},
	}
	rangeRequest = requestFields{
		1:  {param: "q"},
		2:  {param: "start", text: nanoseconds},
		3:  {param: "end", text: nanoseconds},
		4:  {param: "step", text: nanoseconds},
		16: {param: "exemplars", text: decimal},
	}
)

// decimal writes a number of 32 bits.
func decimal(n uint64) string { return strconv.FormatUint(uint64(uint32(n)), 10) }

// milliseconds32 writes a duration of 32 bits in milliseconds as seconds.
func milliseconds32(n uint64) string {
	return nanoseconds(uint64(uint32(n)) * uint64(time.Millisecond))
}

// nanoseconds writes a time or a duration in nanoseconds as seconds.
func nanoseconds(n uint64) string {
	const second = uint64(time.Second)
	return fmt.Sprintf("%d.%09d", n/second, n%second)
}

// parse reads a message. As everywhere in protobuf, a field that has its default counts as
// one that is not there, the last of several counts, and fields that are not known are passed over.
func (fields requestFields) parse(data []byte) (params, error) {
	p := params{url.Values{}}
	pairs := map[string]string{}
	for len(data) > 0 {
		num, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return p, badMessage(n)
		}
		data = data[n:]
		field, known := fields[num]
		switch {
		case known && field.text != nil && kind == protowire.VarintType:
			var value uint64
			value, n = protowire.ConsumeVarint(data)
			p.Del(field.param)
			if value != 0 {
				p.Set(field.param, field.text(value))
			}
		case known && field.text == nil && kind == protowire.BytesType:
			var value []byte
			value, n = protowire.ConsumeBytes(data)
			if !field.pairs {
				p.Set(field.param, string(value))
			} else if err := addPair(pairs, value); err != nil {
				return p, err
			}
		default:
			n = protowire.ConsumeFieldValue(num, kind, data)
		}
		if n < 0 {
			return p, badMessage(n)
		}
		data = data[n:]
	}
	return p, p.setTags(pairs)
}

func badMessage(n int) error {
	return badRequest("malformed request: %v", protowire.ParseError(n))
}

// addPair reads an entry of a map { string key 1; string value 2 }.
func addPair(pairs map[string]string, data []byte) error {
	entry := requestFields{1: {param: "key"}, 2: {param: "value"}}
	p, err := entry.parse(data)
	if err == nil {
		pairs[p.Get("key")] = p.Get("value")
	}
	return err
}

// setTags sets the parameter tags to pairs, if there are any.
func (p params) setTags(pairs map[string]string) error {
	var list []any
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		bad := func(c rune) bool { return c <= ' ' || c == '=' || c == '"' || c == utf8.RuneError }
		if key == "" || strings.ContainsFunc(key, bad) {
			return badRequest("invalid tags: %q is not the name of a tag", key)
		}
		list = append(list, key, pairs[key])
	}
	if len(list) == 0 {
		return nil
	}
	text, err := logfmt.MarshalKeyvals(list...)
	if err != nil {
		return badRequest("invalid tags: %v", err)
	}
	p.Set("tags", string(text))
	return nil
}
