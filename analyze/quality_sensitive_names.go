package analyze

import "strings"

// sensitiveNames are what values are secret under, without case, _ and -.
var sensitiveNames = func() map[string]string {
	names := map[string]string{}
	for what, list := range map[string]string{
		"password": "password passwd pwd passphrase passcode",
		"secret": `secret clientsecret secretkey privatekey secretaccesskey sharedsecret signingkey encryptionkey masterkey accountkey
			sharedaccesskey xamzsignature xgoogsignature`,
		"token":                  "token",
		"API key":                "apikey accesskey xapikey awsaccesskeyid",
		"social security number": "ssn socialsecuritynumber socialsecurity",
		"card number":            "creditcard creditcardnumber cardnumber ccnumber cvv cvc cvv2",
		"bank account":           "iban bankaccount bankaccountnumber accountnumber routingnumber",
		"tax number":             "taxid taxnumber taxidentificationnumber",
		"identity number":        "nationalid nationalidnumber passportnumber driverslicense driverslicensenumber drivinglicence",
		"health data":            "diagnosis patientid insuranceid medicalrecordnumber healthinsurancenumber",
		phoneNumber:              "phone phonenumber mobilenumber mobilephone telephone telephonenumber cellphone",
		birthDate:                "dateofbirth birthdate dob",
	} {
		for _, name := range strings.Fields(list) {
			names[name] = what
		}
	}
	return names
}()

// What values have to look like to be what they are called.
const (
	phoneNumber = "phone number"
	birthDate   = "date of birth"
)

// sensitiveEndings tell what a value is by how its name ends.
var sensitiveEndings = []string{"password", "passwd", "passphrase", "secret", "apikey", "secretkey", "privatekey", "secretaccesskey", "token"}

// endsNames has the last bytes of sensitive names, in small letters: most names are none at a glance.
var endsNames = func() (ends [256]bool) {
	for name := range sensitiveNames {
		ends[name[len(name)-1]|0x20] = true
	}
	ends['g'], ends['e'] = true, true // sig and signature
	return ends
}()

// openTokens are what "token" ends that is no secret: places in lists and in texts, and signals.
var openTokens = []string{"page", "next", "continuation", "continue", "cursor", "pagination", "sync", "resume", "cancellation", "cancel", "stop", "start", "end", "eos", "bos",
	"pad", "unexpected", "invalid", "missing", "expected", "unknown", "prompt", "completion", "first", "last", "per", "skip", "shutdown"}

// sensitiveHeaders are names that only count as those of headers: as words they are too common.
var sensitiveHeaders = map[string]string{
	"authorization": "credentials", "proxyauthorization": "credentials", "cookie": "cookie", "setcookie": "cookie",
}

func bareWord(name string) string {
	if strings.ContainsAny(name, "_-") {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "_", ""), "-", "")
	}
	return strings.ToLower(name)
}

// sensitiveName tells what a value is whose name is, or ends, so; "": nothing.
func sensitiveName(name string) string {
	word := bareWord(name)
	if what := sensitiveNames[word]; what != "" {
		return what
	}
	for _, end := range sensitiveEndings {
		if before, ok := strings.CutSuffix(word, end); ok && (end != "token" || !isOpenToken(before)) {
			return sensitiveNames[end]
		}
	}
	return ""
}

func isOpenToken(before string) bool {
	for _, open := range openTokens {
		if strings.HasSuffix(before, open) {
			return true
		}
	}
	return false
}

// keyLook is what a key says about its values.
type keyLook struct {
	what string // that they are; "": anything
	// isID: numbers under it are ids or codes of goods, of which one in ten has the check digit of a card.
	isID bool
}

// lookAtKey judges the last part of a key, before the place in a list that may stand behind it.
func lookAtKey(key string) keyLook {
	for range 2 {
		last := key[strings.LastIndexAny(key, ".:/")+1:]
		if !allDigits(last) {
			key = last
			break
		}
		key = strings.TrimSuffix(key[:len(key)-len(last)], ".")
	}
	word := bareWord(key)
	if what := sensitiveHeaders[word]; what != "" {
		return keyLook{what: what}
	}
	return keyLook{what: sensitiveName(key), isID: isIDName(key, word)}
}

func isIDName(name, word string) bool {
	switch word {
	case "id", "ids", "uid", "guid", "ean", "ean13", "gtin", "upc", "isbn", "barcode", "sku", "offset", "sequence", "seq", "nonce", "hash":
		return true
	}
	return strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "-id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")
}

// isPlaceholder reports whether a value stands for one that is not there, or says something about it.
func isPlaceholder(value string) bool {
	value = strings.Trim(value, "\"'` \\")
	if len(value) < 2 || strings.ContainsAny(value[:1], "?$%:{<*[(@&|#") {
		return true
	}
	lower := strings.ToLower(value)
	switch lower {
	case "null", "none", "nil", "true", "false", "yes", "no", "on", "off", "undefined", "masked", "filtered", "hidden", "removed", "n/a", "unset", "empty",
		"sanitized", "scrubbed", "obfuscated", "omitted", "protected", "deleted", "stripped", "sensitive", "required", "optional", "invalid", "incorrect",
		"wrong", "expired", "missing", "valid", "present", "absent", "unknown":
		return true
	}
	return strings.HasPrefix(lower, "redacted") || strings.Trim(value, "xX*.•-") == ""
}

// isMasked reports whether a value has only placeholders. Those of headers stand behind a scheme or the names of cookies.
func isMasked(what, value string) bool {
	if what != "credentials" && what != "cookie" {
		return isPlaceholder(value)
	}
	for part := range strings.SplitSeq(value, ";") {
		part = strings.TrimSpace(part)
		if i := strings.LastIndexAny(part, " ="); i >= 0 {
			part = part[i+1:]
		}
		if !isPlaceholder(part) {
			return false
		}
	}
	return true
}

// secretByKey is what a value is that stands under a key.
func secretByKey(what, value string) secret {
	if what == "" || isMasked(what, value) || !fits(what, value) {
		return secret{}
	}
	return secret{what, "***"}
}

// fits reports whether a value can be what its name says.
func fits(what, value string) bool {
	switch what {
	case phoneNumber:
		return countDigits(value) >= 7
	case birthDate:
		return countDigits(value) >= 4
	case "password":
		return !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "~") // PWD is a folder
	}
	return true
}

func countDigits(text string) (n int) {
	for i := range len(text) {
		n += int(byteClass[text[i]] & isDigit)
	}
	return n
}

// namedSecret finds password=…, "password":"…", password=>…, <password>… and password: … if that looks like one.
func namedSecret(text string) secret {
	for i := 1; i+1 < len(text); i++ {
		b := text[i]
		if byteClass[b] != isAssign || text[i+1] == '=' || b == '>' && text[i-1] == '=' {
			continue
		}
		name, isQuoted, before := nameBefore(text[max(0, i-maxNamePart):i])
		if name == "" || !endsNames[name[len(name)-1]|0x20] {
			continue
		}
		what := sensitiveName(name)
		if what == "" && b == '=' && (before == '?' || before == '&') && (name == "sig" || strings.EqualFold(name, "signature")) {
			what = "secret" // of signed URLs
		}
		if what == "" || b == '>' && before != '<' && before != ':' {
			continue
		}
		value := valueAt(text[i+1:])
		if isPlaceholder(value) || !fits(what, value) || b == ':' && !isQuoted && !looksLike(what, value) {
			continue
		}
		return secret{what, name + string(b) + "***"}
	}
	return secret{}
}

// nameBefore returns the name at the end of a text, whether it is quoted, and the byte before it.
func nameBefore(text string) (name string, isQuoted bool, before byte) {
	text = strings.TrimRight(text, " ")
	bare := strings.TrimRight(text, "\"'\\")
	end := len(bare)
	for end > 0 && (isAlnum(bare[end-1]) || bare[end-1] == '_' || bare[end-1] == '-') {
		end--
	}
	if end > 0 {
		before = bare[end-1]
	}
	return bare[end:], len(bare) < len(text), before
}

// looksLike reports whether a value behind a word and a colon, which may begin any sentence, is what the word says.
func looksLike(what, value string) bool {
	const password, key = 6, 12 // characters
	digits := countDigits(value)
	if what == "password" {
		return len(value) >= password && digits > 0 && digits < len(value)
	}
	return len(value) >= key && looksRandom(value) || what == "social security number" && digits == 9
}

// flagSecret finds --password … of a command line.
func flagSecret(text string) secret {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "--")
		if !ok {
			return secret{}
		}
		rest = after
		end := 0
		for end < len(after) && end <= maxNamePart && (isAlnum(after[end]) || after[end] == '-' || after[end] == '_' || after[end] == '.') {
			end++
		}
		if end == len(after) || after[end] != ' ' {
			continue
		}
		if s := flagValue("--"+after[:end], valueAt(after[end:])); s.what != "" {
			return s
		}
	}
}

// flagValue tells what the value of a flag of a command line is: --password and -password have theirs in the next word.
func flagValue(flag, value string) secret {
	name := strings.TrimLeft(flag, "-")
	if len(name) == len(flag) || strings.ContainsAny(name, "= ") || strings.HasPrefix(value, "-") {
		return secret{}
	}
	if what := lookAtKey(name).what; what != "" && !isPlaceholder(value) && fits(what, value) {
		return secret{what, flag + " ***"}
	}
	return secret{}
}

// valueAt returns the value at the beginning of a text, as far as tokens are looked at.
func valueAt(text string) string {
	text = strings.TrimLeft(text[:min(len(text), maxToken)], " >")
	text = strings.TrimPrefix(text, `\`)
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
	if end := strings.IndexAny(text, " \t\r\n&;,'\"})<"); end >= 0 {
		text = text[:end]
	}
	return text
}
