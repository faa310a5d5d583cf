package analyze

import (
	"strconv"
	"strings"
)

// fileEndings are what stands behind an @ in a path or a version, and is no domain.
var fileEndings = func() map[string]bool {
	endings := map[string]bool{}
	for _, e := range strings.Fields(`js mjs cjs ts tsx jsx py go java rb php json css html xml yaml yml map txt log gz tgz jar png jpg jpeg gif svg webp
		service socket timer slice local internal localdomain`) {
		endings[e] = true
	}
	return endings
}()

// machineNames are before the @ of what only looks like an address: git@github.com:x/y, nodes of RabbitMQ, workers of Celery.
var machineNames = map[string]bool{"git": true, "hg": true, "svn": true, "rabbit": true, "celery": true}

// maxNamePart is how much of a name is looked at before the @ of an address or behind the dashes of a flag.
const maxNamePart = 64

// mailAddress finds an e-mail address, also as it is in URLs.
func mailAddress(text string) secret {
	for i := range len(text) {
		hi := i + 1
		switch {
		case text[i] == '%' && strings.HasPrefix(text[i+1:], "40"):
			hi = i + 3
		case text[i] != '@':
			continue
		}
		lo, from := i, hi
		for lo > 0 && i-lo < maxNamePart && (isAlnum(text[lo-1]) || strings.IndexByte("._%+-", text[lo-1]) >= 0) {
			lo--
		}
		for hi < len(text) && (isAlnum(text[hi]) || text[hi] == '.' || text[hi] == '-') {
			hi++
		}
		if lo == i || !isAlnum(text[lo]) || machineNames[text[lo:i]] || strings.HasSuffix(text[:lo], "://") {
			continue
		}
		if top := topDomain(text[from:hi]); top != "" {
			return secret{"e-mail address", text[lo:lo+1] + "***@***." + top}
		}
	}
	return secret{}
}

// topDomain returns the last label of a domain that people have addresses in; "" if it is none.
func topDomain(domain string) string {
	domain = strings.TrimRight(domain, ".-")
	dot := strings.LastIndexByte(domain, '.')
	if dot < 1 || strings.HasSuffix(domain, ".gserviceaccount.com") || allDigits(strings.ReplaceAll(domain[:dot], ".", "")) {
		return ""
	}
	top := domain[dot+1:]
	if len(top) < 2 || len(top) > 24 || fileEndings[strings.ToLower(top)] || !allLetters(top) {
		return ""
	}
	return top
}

// longNumber finds numbers of cards, of social security and of phones, each between what is no letter or digit.
func longNumber(text string) secret {
	for i := 0; i < len(text); {
		if !isAlnum(text[i]) {
			if text[i] == '+' || text[i] == '(' {
				if s := phoneAt(text, i); s.what != "" {
					return s
				}
			}
			i++
			continue
		}
		end := i
		for end < len(text) && (isAlnum(text[end]) || isGroupEnd(text, end)) {
			end++
		}
		outside := (i == 0 || strings.IndexByte("._-+#", text[i-1]) < 0) && (end == len(text) || strings.IndexByte("_-", text[end]) < 0)
		if outside {
			if s := secretNumber(text[i:end]); s.what != "" {
				return s
			}
		}
		i = end
	}
	return secret{}
}

// isGroupEnd reports whether a blank or dash stands between two digits.
func isGroupEnd(text string, i int) bool {
	return (text[i] == ' ' || text[i] == '-') && i > 0 && i+1 < len(text) && byteClass[text[i-1]] == isDigit && byteClass[text[i+1]] == isDigit
}

// secretNumber tells what a number is, or one among several with blanks or dashes between them.
func secretNumber(text string) secret {
	const longest = 50 // that is looked at in groups
	if len(text) < 11 || !hasOnlyGroups(text) {
		return secret{}
	}
	if len(text) > longest {
		text = text[:longest]
	}
	for lo := 0; lo < len(text); lo++ {
		if lo > 0 && byteClass[text[lo-1]] == isDigit {
			continue
		}
		groups, digits, separator := make([]int, 0, 5), 0, byte(0)
		for i := lo; ; {
			end := i
			for end < len(text) && byteClass[text[end]] == isDigit {
				end++
			}
			groups, digits = append(groups, end-i), digits+end-i
			if s := groupedNumber(text[lo:end], groups, digits, separator); s.what != "" {
				return s
			}
			if end >= len(text) || digits > maxCardDigits || len(groups) == cap(groups) || separator != 0 && text[end] != separator {
				break
			}
			separator, i = text[end], end+1
		}
	}
	return secret{}
}

func hasOnlyGroups(text string) bool {
	for i := range len(text) {
		if byteClass[text[i]] == isLetter {
			return false
		}
	}
	return true
}

// groupedNumber tells what digits are by how they stand in groups.
func groupedNumber(text string, groups []int, digits int, separator byte) secret {
	is := func(want ...int) bool {
		if len(groups) != len(want) {
			return false
		}
		for i := range want {
			if groups[i] != want[i] {
				return false
			}
		}
		return true
	}
	bare := text
	if separator != 0 {
		bare = strings.ReplaceAll(text, string(separator), "")
	}
	switch {
	case separator == '-' && is(3, 2, 4) && isSocial(bare):
		return secret{"social security number", "***-**-****"}
	case separator == '-' && is(3, 3, 4) && bare[0] >= '2' && bare[3] >= '2':
		return secret{phoneNumber, "***-***-****"}
	case (separator == 0 || is(4, 4, 4, 4) || is(4, 6, 5) || is(4, 6, 4) || is(4, 4, 4, 4, 3) || is(4, 4, 4, 1)) && isCard(bare):
		return secret{"card number", "**** " + bare[len(bare)-4:]}
	}
	return secret{}
}

// phoneAt finds a phone number that begins with + and its country, or with an area in parentheses.
func phoneAt(text string, at int) secret {
	if at > 0 && isAlnum(text[at-1]) {
		return secret{}
	}
	switch {
	case text[at] == '+':
		first, most := text[min(at+1, len(text)-1)], 15
		if first == '1' { // North America
			most = 11
		}
		digits, end := 0, at+1
		for i := at + 1; i < len(text) && digits < most; i++ {
			if byteClass[text[i]] == isDigit {
				digits, end = digits+1, i+1
			} else if digits == 0 || strings.IndexByte(" -.()", text[i]) < 0 {
				break
			}
		}
		isWhole := end == len(text) || !isAlnum(text[end])
		if isWhole && (first == '1' && digits == most || first >= '2' && first <= '9' && digits >= 10) {
			return secret{phoneNumber, "+" + string(first) + "***"}
		}
	case text[at] == '(':
		rest := text[at+1:]
		if area, number, ok := strings.Cut(rest[:min(len(rest), 20)], ")"); ok && len(area) == 3 && allDigits(area) {
			number = strings.TrimPrefix(number, " ")
			if len(number) >= 8 && number[3] == '-' && allDigits(number[:3]+number[4:8]) && (len(number) == 8 || !isAlnum(number[8])) {
				return secret{phoneNumber, "(***) ***-****"}
			}
		}
	}
	return secret{}
}

func allDigits(text string) bool {
	for i := range len(text) {
		if byteClass[text[i]] != isDigit {
			return false
		}
	}
	return text != ""
}

// maxCardDigits are those of the longest number of a card.
const maxCardDigits = 19

// cardIssuers are the first digits of payment cards, from and to, with their lengths. Any number of 13 digits passes Luhn's
// check one time in ten, times and counters too: the issuer tells cards from those.
var cardIssuers = []struct{ digits, from, to, least, most int }{
	{1, 4, 4, 16, 16}, {1, 4, 4, 13, 13}, {2, 51, 55, 16, 16}, {4, 2221, 2720, 16, 16}, {2, 34, 34, 15, 15}, {2, 37, 37, 15, 15},
	{4, 6011, 6011, 16, 16}, {3, 644, 659, 16, 16}, {4, 3528, 3589, 16, 16}, {3, 300, 305, 14, 14}, {2, 36, 36, 14, 14}, {2, 38, 39, 14, 14},
	{2, 62, 62, 16, 19}, {4, 2200, 2204, 16, 16}, {4, 5018, 5018, 13, 19}, {4, 5020, 5020, 13, 19}, {4, 5038, 5038, 13, 19},
	{4, 6304, 6304, 13, 19}, {4, 6759, 6759, 13, 19}, {4, 6761, 6763, 13, 19},
}

// isCard reports whether digits are those of a payment card: by the issuer, and by the check digit (Luhn).
func isCard(digits string) bool {
	if len(digits) < 13 || len(digits) > maxCardDigits || !allDigits(digits) {
		return false
	}
	issued := false
	for _, c := range cardIssuers {
		n, _ := strconv.Atoi(digits[:c.digits])
		issued = issued || n >= c.from && n <= c.to && len(digits) >= c.least && len(digits) <= c.most
	}
	if !issued || strings.Count(digits, digits[:1]) == len(digits) {
		return false
	}
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// isSocial reports whether 9 digits can be a social security number of the United States.
func isSocial(digits string) bool {
	return allDigits(digits) && digits[:3] != "000" && digits[:3] != "666" && digits[0] != '9' && digits[3:5] != "00" && digits[5:] != "0000"
}

// accountLengths are how long IBANs of a country are, as SWIFT's registry has it. Without them one of a hundred codes of
// capitals and digits would be one.
var accountLengths = func() map[string]int {
	lengths := map[string]int{}
	for n, countries := range map[int]string{
		15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
		22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
		26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE",
		31: "MT SC", 32: "LC", 33: "RU",
	} {
		for _, country := range strings.Fields(countries) {
			lengths[country] = n
		}
	}
	return lengths
}()

// bankAccount recognises an IBAN at the beginning of a text, in groups or not: moved by four and with letters as numbers,
// it leaves 1 by 97 (ISO 13616).
func bankAccount(text string) secret {
	if len(text) < 15 || byteClass[text[0]] != isLetter || byteClass[text[1]] != isLetter || !allDigits(text[2:4]) {
		return secret{}
	}
	country := strings.ToUpper(text[:2])
	length := accountLengths[country]
	if length == 0 {
		return secret{}
	}
	var bare []byte
	end := 0
	for ; end < len(text) && len(bare) < length; end++ {
		if b := text[end]; isAlnum(b) {
			bare = append(bare, b)
		} else if b != ' ' || len(bare)%4 != 0 {
			return secret{}
		}
	}
	if len(bare) < length || end < len(text) && (isAlnum(text[end]) || text[end] == '_' || text[end] == '-') {
		return secret{}
	}
	account := string(bare)
	if isSmall := account[:2] == strings.ToLower(country); isSmall && allDigits(account[2:]) {
		account = strings.ToUpper(account) // small letters behind it would be those of an id
	}
	if account != strings.ToUpper(account) || remainder97(account[4:]+account[:4]) != 1 {
		return secret{}
	}
	return secret{"bank account (IBAN)", country + "***"}
}

// remainder97 returns what is left of a number by 97; letters stand for 10 to 35.
func remainder97(text string) int {
	left := 0
	for i := range len(text) {
		if b := text[i]; byteClass[b] == isDigit {
			left = (left*10 + int(b-'0')) % 97
		} else {
			left = (left*100 + int(b-'A') + 10) % 97
		}
	}
	return left
}
