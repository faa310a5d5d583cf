package analyze

import (
	"encoding/base64"
	"net/netip"
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
	isAt     // or %, as in %40
	isAssign // stands between a name and its value
	isDash
	isSlash
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
	class['@'], class['%'] = isAt, isAt
	class['='], class[':'], class['>'] = isAssign, isAssign, isAssign
	class['-'], class['/'] = isDash, isSlash
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
	if met&isAt != 0 && met&isAssign != 0 && met&isSlash != 0 {
		if s := urlPassword(text); s.what != "" {
			return s
		}
	}
	if met&isAssign != 0 {
		if s := namedSecret(text); s.what != "" {
			return s
		}
	}
	if met&isDash != 0 {
		if s := flagSecret(text); s.what != "" {
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
	// plain: what follows need not look random, as nothing else begins so.
	plain bool
}

// tokenForms are those that issuers document, by their first byte.
var tokenForms = func() (forms [256][]tokenForm) {
	for _, f := range []tokenForm{
		{"AKIA", "AWS access key", 16, 16, true}, {"ASIA", "AWS access key", 16, 16, true}, {"AIza", "Google API key", 35, 35, true},
		{"ya29.", "Google access token", 20, 0, false}, {"GOCSPX-", "Google client secret", 20, 0, true},
		{"ghp_", "GitHub token", 36, 0, true}, {"gho_", "GitHub token", 36, 0, true}, {"ghu_", "GitHub token", 36, 0, true},
		{"ghs_", "GitHub token", 36, 0, true}, {"ghr_", "GitHub token", 36, 0, true}, {"github_pat_", "GitHub token", 40, 0, true},
		{"glpat-", "GitLab token", 20, 0, true}, {"glptt-", "GitLab token", 20, 0, true}, {"gldt-", "GitLab token", 20, 0, false},
		{"npm_", "npm token", 36, 36, false}, {"pypi-AgEI", "PyPI token", 40, 0, true}, {"rubygems_", "RubyGems token", 48, 48, false},
		{"dckr_pat_", "Docker token", 27, 0, true}, {"xoxb-", "Slack token", 10, 0, false}, {"xoxp-", "Slack token", 10, 0, false},
		{"xoxa-", "Slack token", 10, 0, false}, {"xoxr-", "Slack token", 10, 0, false}, {"xoxs-", "Slack token", 10, 0, false},
		{"xoxe-", "Slack token", 10, 0, false}, {"xapp-", "Slack token", 10, 0, false},
		{"sk_live_", "Stripe key", 16, 0, true}, {"rk_live_", "Stripe key", 16, 0, true}, {"sk_test_", "Stripe key", 16, 0, false},
		{"whsec_", "Stripe key", 24, 0, false}, {"sk-", "API key", 16, 0, false}, {"hf_", "Hugging Face token", 30, 0, false},
		{"dop_v1_", "DigitalOcean token", 64, 64, false}, {"shpat_", "Shopify token", 32, 32, false}, {"SG.", "SendGrid key", 60, 0, false},
		{"hvs.", "Vault token", 24, 0, false}, {"glsa_", "Grafana token", 32, 0, false}, {"dapi", "Databricks token", 32, 32, false},
		{"NRAK-", "New Relic key", 27, 27, false}, {"ATATT3", "Atlassian token", 40, 0, false}, {"AGE-SECRET-KEY-1", "private key", 50, 0, false},
	} {
		forms[f.prefix[0]] = append(forms[f.prefix[0]], f)
	}
	return forms
}()

// tokenAt recognises a credential, or a bank account, at the beginning of a text.
func tokenAt(text string) secret {
	for _, f := range tokenForms[text[0]] {
		if rest, ok := strings.CutPrefix(text, f.prefix); ok {
			run := tokenRun(rest)
			if len(run) >= f.least && (f.most == 0 || len(run) <= f.most) && (f.plain && !isPlaceholder(run) || looksRandom(run)) {
				return secret{f.what, f.prefix + "***"}
			}
		}
	}
	switch text[0] {
	case 'e':
		if s := webToken(text); s.what != "" {
			return s
		}
	case 'B', 'b':
		if s := authorization(text); s.what != "" {
			return s
		}
	}
	return bankAccount(text)
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
	isSigned := len(parts) >= 2 && strings.HasPrefix(parts[1], "eyJ")
	isEncrypted := len(parts) == 5 && len(parts[2]) >= 16
	if len(parts[0]) < 10 || !isSigned && !isEncrypted {
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
	case scheme == "BEGIN" && isPrivateKey(rest):
		return secret{"private key", "-----BEGIN PRIVATE KEY-----***"}
	case strings.EqualFold(scheme, "bearer") && len(run) >= 16 && looksRandom(run):
		return secret{"bearer token", "Bearer ***"}
	case strings.EqualFold(scheme, "basic"):
		coded := rest[:len(rest)-len(strings.TrimLeft(rest, base64Digits))]
		plain, err := base64.RawStdEncoding.DecodeString(coded)
		if err == nil && strings.Contains(string(plain), ":") {
			return secret{"basic credentials", "Basic ***"}
		}
	}
	return secret{}
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// isPrivateKey recognises the first line of a PEM or PGP file behind BEGIN.
func isPrivateKey(text string) bool {
	label, _, ok := strings.Cut(text[:min(len(text), 40)], "-----")
	return ok && strings.Contains(label, "PRIVATE KEY")
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
