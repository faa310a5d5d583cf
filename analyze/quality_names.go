package analyze

import (
	"strings"
)

// maxNameLength is how much of a span's name is looked at.
const maxNameLength = 512

// nameTemplate returns a span's name with what looks like an id, or a value, written as what it is in braces; it is
// the name itself if there is nothing of the kind. Single numbers only count as parts of a path: HTTP 404 is no id.
func nameTemplate(name string) string {
	name = name[:min(len(name), maxNameLength)]
	if !strings.ContainsAny(name, "0123456789@'") {
		return name
	}
	if isSQL(name) {
		return sqlTemplate(name)
	}
	var out strings.Builder
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && isNameByte(name[end]) {
			end++
		}
		if end == i {
			out.WriteByte(name[i])
			i++
			continue
		}
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = name[i-1]
		}
		if end < len(name) {
			after = name[end]
		}
		out.WriteString(partTemplate(name[i:end], before, after))
		i = end
	}
	return out.String()
}

// isNameByte reports whether a byte is of a word, an id or an address, and not between two.
func isNameByte(b byte) bool {
	return isAlnum(b) || b == '-' || b == '_' || b == '.' || b == '@' || b >= 0x80
}

// partTemplate returns what stands for a part of a name, which may be itself.
func partTemplate(part string, before, after byte) string {
	switch {
	case isUUID(part):
		return "{uuid}"
	case strings.IndexByte(part, '@') > 0 && mailAddress(part).what != "":
		return "{e-mail}"
	case isIPv4(part):
		return "{ip}"
	case allDigits(part):
		inPath := before == '/' && (after == '/' || after == '?' || after == ' ')
		if inPath || before == '=' || len(part) >= 5 && before != ':' {
			return "{number}"
		}
		return part
	case isHexID(part):
		return "{hex}"
	case isLongID(part):
		return "{id}"
	}
	return idsBetween(part)
}

// idsBetween returns a part with its ids written as what they are, if they stand between dashes, underscores and dots: order-4711-pay.
func idsBetween(part string) string {
	if !strings.ContainsAny(part, "-_.") {
		return part
	}
	var out strings.Builder
	for i := 0; i < len(part); {
		end := i
		for end < len(part) && strings.IndexByte("-_.", part[end]) < 0 {
			end++
		}
		word := part[i:end]
		switch {
		case allDigits(word) && len(word) >= 5:
			word = "{number}"
		case isHexID(word):
			word = "{hex}"
		case isLongID(word):
			word = "{id}"
		}
		out.WriteString(word)
		if end < len(part) {
			out.WriteByte(part[end])
			end++
		}
		i = end
	}
	return out.String()
}

func isHex(b byte) bool {
	return byteClass[b] == isDigit || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (text[i] == '-') || !dash && !isHex(text[i]) {
			return false
		}
	}
	return true
}

// isHexID reports whether a text is 8 or more hexadecimal digits, and no word or number.
func isHexID(text string) bool {
	digits := 0
	for i := range len(text) {
		if !isHex(text[i]) {
			return false
		}
		if byteClass[text[i]] == isDigit {
			digits++
		}
	}
	return len(text) >= 8 && digits >= 2 && digits < len(text)
}

// isLongID reports whether a text mixes letters and digits as random ids do.
func isLongID(text string) bool {
	digits, changes, before := 0, 0, uint8(0)
	for i := range len(text) {
		class := byteClass[text[i]]
		if class == 0 {
			return false
		}
		if class == isDigit {
			digits++
		}
		if class != before {
			changes++
		}
		before = class
	}
	return len(text) >= 16 && digits >= 3 && digits < len(text) && changes >= 5
}

func isIPv4(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return false
	}
	for _, p := range parts {
		if len(p) > 3 || !allDigits(p) {
			return false
		}
	}
	return true
}

func isSQL(name string) bool {
	verb, rest, _ := strings.Cut(name, " ")
	switch strings.ToUpper(verb) {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		rest = strings.ToUpper(rest)
		return strings.Contains(rest, " WHERE ") || strings.Contains(rest, " VALUES") || strings.Contains(rest, " SET ")
	}
	return false
}

// sqlTemplate returns a statement with its literals written as {value}.
func sqlTemplate(name string) string {
	var out strings.Builder
	for i := 0; i < len(name); {
		end := i
		switch {
		case name[i] == '\'':
			if closing := strings.IndexByte(name[i+1:], '\''); closing >= 0 {
				end = i + closing + 2
			} else {
				end = len(name)
			}
		case byteClass[name[i]] == isDigit && i > 0 && strings.IndexByte(" =(,<>", name[i-1]) >= 0:
			for end < len(name) && (isAlnum(name[end]) || name[end] == '.') {
				end++
			}
		default:
			out.WriteByte(name[i])
			i++
			continue
		}
		out.WriteString("{value}")
		i = end
	}
	return out.String()
}
