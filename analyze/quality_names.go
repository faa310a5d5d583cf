package analyze

import (
	"strings"
)

// maxNameLength is how much of a span's name is looked at.
const maxNameLength = 512

// How many names a template has to stand for to be blamed.
const (
	oneName  = 1  // with an id that cannot be anything else
	twoNames = 2  // with what may be an id
	someMore = 21 // with digits of any sort
)

// nameTemplate returns a span's name with what looks like an id, or a value, written as what it is in braces, and how
// many names it has to stand for to do harm; 0: the name is its own template. Single numbers only count as parts of a
// path: HTTP 404 is no id. If there is no id, all digits are written as numbers: so many such names are no constants.
func nameTemplate(name string) (template string, least int) {
	name = name[:min(len(name), maxNameLength)]
	if !strings.ContainsAny(name, "0123456789@'") {
		return name, 0
	}
	if isSQL(name) {
		template, least = sqlTemplate(name), twoNames
	} else {
		template, least = idTemplate(name)
	}
	if template == name {
		template, least = digitTemplate(name), someMore
	}
	if template == name {
		return name, 0
	}
	return template, least
}

// idTemplate returns a name with its ids written as what they are.
func idTemplate(name string) (template string, least int) {
	var out strings.Builder
	least = twoNames
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
		part, isSure := partTemplate(name[i:end], before, after)
		if isSure {
			least = oneName
		}
		out.WriteString(part)
		i = end
	}
	return out.String(), least
}

// digitTemplate returns a name with all runs of digits written as numbers.
func digitTemplate(name string) string {
	var out strings.Builder
	for i := 0; i < len(name); i++ {
		if byteClass[name[i]] != isDigit {
			out.WriteByte(name[i])
			continue
		}
		for i+1 < len(name) && byteClass[name[i+1]] == isDigit {
			i++
		}
		out.WriteString("{number}")
	}
	return out.String()
}

// isNameByte reports whether a byte is of a word, an id or an address, and not between two.
func isNameByte(b byte) bool {
	return isAlnum(b) || b == '-' || b == '_' || b == '.' || b == '@' || b >= 0x80
}

// partTemplate returns what stands for a part of a name, which may be itself, and whether it is an id for sure.
func partTemplate(part string, before, after byte) (template string, isSure bool) {
	switch {
	case isUUID(part):
		return "{uuid}", true
	case strings.IndexByte(part, '@') > 0 && mailAddress(part).what != "":
		return "{e-mail}", true
	case isIPv4(part):
		return "{ip}", false
	case allDigits(part):
		return numberTemplate(part, before, after)
	case isHexID(part) || strings.HasPrefix(part, "0x") && len(part) >= 8 && isHexNumber(part[2:]):
		return "{hex}", len(part) >= 16
	case isLongID(part) || isCapitalID(part) || before == '/' && isRandomID(part):
		return "{id}", true
	}
	if number, ending, ok := strings.Cut(part, "."); ok && before == '/' && allDigits(number) && ending != "" && allLetters(ending) {
		return "{number}." + ending, false
	}
	return idsBetween(part), false
}

// numberTemplate judges a part of digits only.
func numberTemplate(part string, before, after byte) (template string, isSure bool) {
	const long, port = 5, 5 // digits
	inPath := before == '/' && strings.IndexByte("/?:# ", after) >= 0
	switch {
	case inPath:
		return "{number}", len(part) >= long && !isDate(part)
	case before == '=' || before == '#', before == ':' && (after == ':' || len(part) > port), before != ':' && len(part) >= long:
		return "{number}", false
	}
	return part, false
}

// isDate reports whether digits are a day of these centuries, as in the versions of some APIs.
func isDate(digits string) bool {
	if len(digits) != 8 || digits[:2] != "19" && digits[:2] != "20" {
		return false
	}
	month, day := digits[4:6], digits[6:]
	return month >= "01" && month <= "12" && day >= "01" && day <= "31"
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
		case allDigits(word) && len(word) >= 5 && !isDate(word):
			word = "{number}"
		case isHexID(word):
			word = "{hex}"
		case isLongID(word) || isCapitalID(word):
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

func isHexNumber(text string) bool {
	for i := range len(text) {
		if !isHex(text[i]) {
			return false
		}
	}
	return true
}

// isLongID reports whether a text mixes letters and digits as random ids do.
func isLongID(text string) bool {
	digits, changes := mixture(text, false)
	return len(text) >= 16 && digits >= 3 && digits < len(text) && changes >= 5
}

// isCapitalID reports whether a text mixes capitals and digits as short random ids do.
func isCapitalID(text string) bool {
	digits, changes := mixture(text, false)
	return len(text) >= 10 && digits >= 3 && digits < len(text) && changes >= 5 && strings.ToUpper(text) == text
}

// isRandomID reports whether a text mixes capitals, small letters and digits as random ids do that may have dashes in them.
func isRandomID(text string) bool {
	if len(text) < 16 {
		return false
	}
	digits, changes := mixture(text, true)
	return digits >= 3 && 2*changes > len(text)
}

// mixture counts the digits of a text, and where letters and digits change; of random ids also where capitals and small
// letters do, as if dashes were not there. Of a text with anything else it counts nothing.
func mixture(text string, random bool) (digits, changes int) {
	const isSmall = 1 << 7
	before := uint8(0)
	for i := range len(text) {
		class := byteClass[text[i]]
		if random && (text[i] == '-' || text[i] == '_') {
			continue
		}
		if class&(isDigit|isLetter) == 0 {
			return 0, 0
		}
		if class == isDigit {
			digits++
		} else if random && text[i] >= 'a' {
			class |= isSmall
		}
		if class != before {
			changes++
		}
		before = class
	}
	return digits, changes
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
