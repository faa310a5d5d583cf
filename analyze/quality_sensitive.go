package analyze

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// secret is something sensitive in a text.
type secret struct {
	what   string // what it is; "": nothing was found
	masked string // a hint of it that gives nothing away
}

// maxSecretText is how much of a text is looked at.
const maxSecretText = 16 << 10

// Classes of bytes.
const (
	isDigit = 1 << iota
	isLetter
	isAt
	isEquals
	isColon
)

var byteClass = func() (class [256]uint8) {
	for b := range class {
		switch {
		case b >= '0' && b <= '9':
			class[b] = isDigit
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
			class[b] = isLetter
		}
	}
	class['@'], class['='], class[':'] = isAt, isEquals, isColon
	return class
}()

func isAlnum(b byte) bool { return byteClass[b]&(isDigit|isLetter) != 0 }

// findSecret looks for credentials and personal data in a text. One pass over the bytes decides what to look for
// at all: most texts have nothing of the kind.
func findSecret(text string) secret {
	text = text[:min(len(text), maxSecretText)]
	var met uint8
	digits, before := 0, byte(' ')
	for i := range len(text) {
		class := byteClass[text[i]]
		met |= class
		digits += int(class & isDigit)
		if class&(isDigit|isLetter) != 0 && !isAlnum(before) {
			if s := tokenAt(text[i:]); s.what != "" {
				return s
			}
		}
		before = text[i]
	}
	if met&isAt != 0 && met&isColon != 0 {
		if s := urlPassword(text); s.what != "" {
			return s
		}
	}
	if met&(isEquals|isColon) != 0 {
		if s := namedSecret(text); s.what != "" {
			return s
		}
	}
	if met&isAt != 0 {
		if s := mailAddress(text); s.what != "" {
			return s
		}
	}
	if digits >= 9 {
		return longNumber(text)
	}
	return secret{}
}

// tokenForm is a credential that can be told by how it begins.
type tokenForm struct {
	prefix string
	what   string
	least  int // characters behind the prefix
	most   int // 0: any number
}

// tokenForms are those that issuers document, by their first byte.
var tokenForms = func() (forms [256][]tokenForm) {
	for _, f := range []tokenForm{
		{"AKIA", "AWS access key", 16, 16}, {"ASIA", "AWS access key", 16, 16}, {"AIza", "Google API key", 35, 35},
		{"ya29.", "Google access token", 20, 0}, {"GOCSPX-", "Google client secret", 20, 0},
		{"ghp_", "GitHub token", 36, 0}, {"gho_", "GitHub token", 36, 0}, {"ghu_", "GitHub token", 36, 0},
		{"ghs_", "GitHub token", 36, 0}, {"ghr_", "GitHub token", 36, 0}, {"github_pat_", "GitHub token", 40, 0},
		{"glpat-", "GitLab token", 20, 0}, {"npm_", "npm token", 36, 36}, {"pypi-AgEI", "PyPI token", 40, 0},
		{"xoxb-", "Slack token", 10, 0}, {"xoxp-", "Slack token", 10, 0}, {"xoxa-", "Slack token", 10, 0},
		{"xoxr-", "Slack token", 10, 0}, {"xoxs-", "Slack token", 10, 0},
		{"sk_live_", "Stripe key", 16, 0}, {"rk_live_", "Stripe key", 16, 0}, {"sk_test_", "Stripe key", 16, 0},
		{"sk-", "API key", 20, 0}, {"hf_", "Hugging Face token", 30, 0}, {"dop_v1_", "DigitalOcean token", 64, 64},
		{"shpat_", "Shopify token", 32, 32}, {"SG.", "SendGrid key", 60, 0},
	} {
		forms[f.prefix[0]] = append(forms[f.prefix[0]], f)
	}
	return forms
}()

// tokenAt recognises a credential at the beginning of a text.
func tokenAt(text string) secret {
	for _, f := range tokenForms[text[0]] {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok {
			run := tokenRun(rest)
			if len(run) >= f.least && (f.most == 0 || len(run) <= f.most) && looksRandom(run) {
				return secret{f.what, f.prefix + "***"}
			}
		}
	}
	switch text[0] {
	case 'e':
		return webToken(text)
	case 'B', 'b':
		return authorization(text)
	}
	return secret{}
}

// maxToken is how much of a token is looked at.
const maxToken = 512

// tokenRun returns the characters of tokens at the beginning of a text.
func tokenRun(text string) string {
	text = text[:min(len(text), maxToken)]
	end := strings.IndexFunc(text, func(r rune) bool {
		return !(r < 128 && isAlnum(byte(r))) && r != '-' && r != '_' && r != '.' && r != '='
	})
	if end < 0 {
		return text
	}
	return text[:end]
}

// looksRandom tells a key from words with the same prefix.
func looksRandom(text string) bool {
	digits, letters := 0, 0
	for i := range len(text) {
		switch byteClass[text[i]] {
		case isDigit:
			digits++
		case isLetter:
			letters++
		}
	}
	return digits > 1 && letters > 1
}

// webToken recognises a JSON web token.
func webToken(text string) secret {
	if !strings.HasPrefix(text, "eyJ") {
		return secret{}
	}
	parts := strings.Split(tokenRun(text), ".")
	if len(parts) < 2 || len(parts[0]) < 10 || !strings.HasPrefix(parts[1], "eyJ") {
		return secret{}
	}
	return secret{"JSON web token", "eyJ***"}
}

// authorization recognises what stands behind a scheme of HTTP's Authorization, and private keys.
func authorization(text string) secret {
	scheme, rest, ok := strings.Cut(text[:min(len(text), maxToken)], " ")
	if !ok {
		return secret{}
	}
	run := tokenRun(rest)
	switch {
	case scheme == "BEGIN" && strings.Contains(rest[:min(len(rest), 40)], "PRIVATE KEY-----"):
		return secret{"private key", "-----BEGIN PRIVATE KEY-----***"}
	case strings.EqualFold(scheme, "bearer") && len(run) >= 16 && looksRandom(run):
		return secret{"bearer token", "Bearer ***"}
	case strings.EqualFold(scheme, "basic") && len(run) >= 8:
		plain, err := base64.StdEncoding.DecodeString(run)
		if err == nil && strings.Contains(string(plain), ":") {
			return secret{"basic credentials", "Basic ***"}
		}
	}
	return secret{}
}

// urlPassword finds scheme://user:password@host.
func urlPassword(text string) secret {
	for rest := text; ; {
		scheme, after, ok := strings.Cut(rest, "://")
		if !ok {
			return secret{}
		}
		rest = after
		authority := after
		if end := strings.IndexAny(after, "/?# \t\n\"'<>,"); end >= 0 {
			authority = after[:end]
		}
		at := strings.LastIndexByte(authority, '@')
		if at < 0 {
			continue
		}
		_, password, ok := strings.Cut(authority[:at], ":")
		if ok && !isPlaceholder(password) {
			return secret{"password in a URL", lastWord(scheme) + "://***:***@***"}
		}
	}
}

// lastWord returns the letters and digits at the end of a text, as of a URL's scheme.
func lastWord(text string) string {
	i := len(text)
	for i > 0 && len(text)-i < 20 && isAlnum(text[i-1]) {
		i--
	}
	return text[i:]
}

// sensitiveNames are what values are secret under, without case, _ and -.
var sensitiveNames = map[string]string{
	"password": "password", "passwd": "password", "pwd": "password", "passphrase": "password",
	"secret": "secret", "clientsecret": "secret", "secretkey": "secret", "privatekey": "secret",
	"token": "token", "accesstoken": "token", "refreshtoken": "token", "idtoken": "token", "authtoken": "token", "sessiontoken": "token",
	"bearertoken": "token", "xauthtoken": "token", "apitoken": "token",
	"apikey": "API key", "xapikey": "API key", "accesskey": "API key",
	"ssn": "social security number", "creditcard": "card number", "creditcardnumber": "card number", "cardnumber": "card number", "cvv": "card number", "cvc": "card number",
	"iban": "bank account", "diagnosis": "health data", "patientid": "health data", "insuranceid": "health data",
}

// sensitiveHeaders are names that only count as those of headers: as words they are too common.
var sensitiveHeaders = map[string]string{
	"authorization": "credentials", "proxyauthorization": "credentials", "cookie": "cookie", "setcookie": "cookie",
}

func bareWord(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(name, "_", ""), "-", ""))
}

// sensitiveName tells what a value is whose name ends so; "": nothing.
func sensitiveName(name string) string {
	word := bareWord(name)
	if what := sensitiveNames[word]; what != "" {
		return what
	}
	for _, end := range []string{"password", "passwd", "secret", "apikey"} {
		if strings.HasSuffix(word, end) {
			return sensitiveNames[end]
		}
	}
	return ""
}

// sensitiveKey tells what the values of an attribute are, by the last part of its key.
func sensitiveKey(key string) string {
	last := key[strings.LastIndexByte(key, '.')+1:]
	if what := sensitiveHeaders[bareWord(last)]; what != "" {
		return what
	}
	return sensitiveName(last)
}

// isPlaceholder reports whether a value stands for one that is not there.
func isPlaceholder(value string) bool {
	value = strings.Trim(value, `"'`)
	if value == "" || strings.ContainsAny(value[:1], "?$%:{<*[(@&|#") {
		return true
	}
	switch strings.ToLower(value) {
	case "null", "none", "nil", "true", "false", "undefined", "redacted", "masked", "filtered", "hidden", "removed", "n/a", "unset", "empty":
		return true
	}
	return strings.Trim(value, "xX*.•-") == ""
}

// namedSecret finds password=… and "password":"…".
func namedSecret(text string) secret {
	for i := 1; i+1 < len(text); i++ {
		b := text[i]
		if b != '=' && b != ':' || text[i+1] == '=' {
			continue
		}
		name := strings.TrimRight(text[max(0, i-64):i], " ")
		if b == ':' { // only of JSON: password: may begin any sentence
			if !strings.HasSuffix(name, `"`) {
				continue
			}
			name = name[:len(name)-1]
		}
		end := len(name)
		for end > 0 && (isAlnum(name[end-1]) || name[end-1] == '_' || name[end-1] == '-') {
			end--
		}
		name = name[end:]
		what := sensitiveName(name)
		if what == "" || isPlaceholder(valueAt(text[i+1:])) {
			continue
		}
		return secret{what, name + string(b) + "***"}
	}
	return secret{}
}

// valueAt returns the value at the beginning of a text.
func valueAt(text string) string {
	text = strings.TrimLeft(text, " ")
	if text == "" {
		return ""
	}
	if q := text[0]; q == '"' || q == '\'' {
		text = text[1:]
		if end := strings.IndexByte(text, q); end >= 0 {
			text = text[:end]
		}
		return text
	}
	if end := strings.IndexAny(text, " \t\r\n&;,'\"})"); end >= 0 {
		text = text[:end]
	}
	return text
}

// fileEndings are what stands behind an @ in a path or a version, and is no domain.
var fileEndings = map[string]bool{"js": true, "mjs": true, "cjs": true, "ts": true, "tsx": true, "jsx": true, "py": true, "go": true, "java": true, "rb": true, "php": true, "json": true, "local": true, "internal": true}

// mailAddress finds an e-mail address.
func mailAddress(text string) secret {
	for i := range len(text) {
		if text[i] != '@' {
			continue
		}
		lo, hi := i, i+1
		for lo > 0 && (isAlnum(text[lo-1]) || strings.IndexByte("._%+-", text[lo-1]) >= 0) {
			lo--
		}
		for hi < len(text) && (isAlnum(text[hi]) || text[hi] == '.' || text[hi] == '-') {
			hi++
		}
		domain := strings.TrimRight(text[i+1:hi], ".-")
		dot := strings.LastIndexByte(domain, '.')
		if lo == i || dot < 1 || !isAlnum(text[lo]) {
			continue
		}
		top := domain[dot+1:]
		if len(top) < 2 || len(top) > 24 || fileEndings[strings.ToLower(top)] || !allLetters(top) {
			continue
		}
		return secret{"e-mail address", text[lo:lo+1] + "***@***." + top}
	}
	return secret{}
}

// longNumber finds numbers of cards, of social security and of bank accounts, each between what is no letter or digit.
func longNumber(text string) secret {
	for i := 0; i < len(text); {
		if !isAlnum(text[i]) {
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

// secretNumber tells what a number is.
func secretNumber(text string) secret {
	if len(text) < 11 || len(text) > 50 {
		return secret{}
	}
	bare := strings.ReplaceAll(strings.ReplaceAll(text, " ", ""), "-", "")
	switch {
	case isCard(bare) && isCardGrouping(text):
		return secret{"card number", "**** " + bare[len(bare)-4:]}
	case len(text) == 11 && text[3] == '-' && text[6] == '-' && len(bare) == 9 && isSocial(bare):
		return secret{"social security number", "***-**-****"}
	case isAccount(bare):
		return secret{"bank account (IBAN)", bare[:2] + "***"}
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

// cardIssuers are the first digits of payment cards, from and to, with their lengths. Any number of 13 digits passes Luhn's
// check one time in ten, times and counters too: the issuer tells cards from those.
var cardIssuers = []struct{ digits, from, to, least, most int }{
	{1, 4, 4, 13, 19}, {2, 51, 55, 16, 16}, {4, 2221, 2720, 16, 16}, {2, 34, 34, 15, 15}, {2, 37, 37, 15, 15},
	{4, 6011, 6011, 16, 19}, {3, 644, 659, 16, 19}, {4, 3528, 3589, 16, 19}, {3, 300, 305, 14, 14}, {2, 36, 36, 14, 14}, {2, 38, 39, 14, 14}, {2, 62, 62, 16, 19},
}

// isCard reports whether digits are those of a payment card: by the issuer, and by the check digit (Luhn).
func isCard(digits string) bool {
	if len(digits) < 13 || len(digits) > 19 || !allDigits(digits) {
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

// isCardGrouping reports whether digits stand together, or in groups as on a card.
func isCardGrouping(text string) bool {
	groups := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '-' })
	if len(groups) == 1 {
		return true
	}
	for i, g := range groups {
		if len(g) < 4 && i+1 < len(groups) || len(g) > 6 {
			return false
		}
	}
	return len(groups) <= 5
}

// isSocial reports whether 9 digits can be a social security number of the United States.
func isSocial(digits string) bool {
	return allDigits(digits) && digits[:3] != "000" && digits[:3] != "666" && digits[0] != '9' && digits[3:5] != "00" && digits[5:] != "0000"
}

// isAccount reports whether a text is an IBAN: moved by four and with letters as numbers, it leaves 1 by 97 (ISO 13616).
func isAccount(text string) bool {
	if len(text) < 15 || len(text) > 34 || byteClass[text[0]] != isLetter || byteClass[text[1]] != isLetter || !allDigits(text[2:4]) {
		return false
	}
	var number strings.Builder
	for _, r := range text[4:] + text[:4] {
		switch {
		case r >= 'A' && r <= 'Z':
			number.WriteString(strconv.Itoa(int(r-'A') + 10))
		case r >= '0' && r <= '9':
			number.WriteRune(r)
		default:
			return false
		}
	}
	n, ok := new(big.Int).SetString(number.String(), 10)
	return ok && n.Mod(n, big.NewInt(97)).Int64() == 1
}

// isPublicAddress reports whether a text is the IP address of a host on the internet.
func isPublicAddress(text string) bool {
	if len(text) < 7 || len(text) > 45 || byteClass[text[0]] == 0 && text[0] != ':' {
		return false
	}
	a, err := netip.ParseAddr(text)
	return err == nil && a.IsGlobalUnicast() && !a.IsPrivate()
}

func allLetters(text string) bool {
	for i := range len(text) {
		if byteClass[text[i]] != isLetter {
			return false
		}
	}
	return true
}
