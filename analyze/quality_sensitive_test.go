package analyze

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// random is the secret part of texts in tests. It is put together here so that no scanner takes it for a secret.
const random = "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8s9T0"

func TestFindSecret(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("user:pass"))
	for text, want := range map[string]string{
		"":                            "",
		"GET /users/{id}":             "",
		"mail to eve@example.com now": "e-mail address",
		"eve+x@mail.example.co.uk":    "e-mail address",
		"golang.org/x/net@v0.17.0":    "",
		"render@app.js:12":            "",
		"@opentelemetry/api":          "",
		"user@localhost":              "",
		"card 4111 1111 1111 1111 ok": "card number",
		"4111-1111-1111-1111":         "card number",
		"378282246310005":             "card number", "5555555555554444": "card number",
		"4111111111111112":                                    "", // its check digit is wrong
		"1752241122334":                                       "", // a time, in milliseconds
		"0000000000000000":                                    "",
		"order-4111111111111111":                              "",
		"3f2504e0-4f89-41d3-9a0c-0305e82c3301":                "",
		"ssn 123-45-6789.":                                    "social security number",
		"000-45-6789":                                         "",
		"2024-01-15-17":                                       "",
		"DE89 3704 0044 0532 0130 00":                         "bank account (IBAN)",
		"GB82WEST12345698765432":                              "bank account (IBAN)",
		"GB82WEST12345698765433":                              "",
		"Authorization: Bearer " + random:                     "bearer token",
		"Bearer of good news and much more":                   "",
		"bearer realm=\"x\"":                                  "",
		"Basic " + basic:                                      "basic credentials",
		"Basic knowledge":                                     "",
		"eyJhbGciOiJI.eyJzdWIiOi.SflKxwRJSMeKK":               "JSON web token",
		"eyJhbGciOiJI":                                        "",
		"key AKIA" + strings.ToUpper(random[:16]) + " leaked": "AWS access key",
		"ghp_" + random:                                       "GitHub token",
		"sk-" + random:                                        "API key",
		"sk-learn-and-some-other-words-more":                  "",
		"xoxb-" + random:                                      "Slack token",
		"glpat-" + random:                                     "GitLab token",
		"-----BEGIN RSA PRIVATE KEY-----\nMII":                "private key",
		"-----BEGIN CERTIFICATE-----":                         "",
		"postgres://app:s3cret@db:5432/x":                     "password in a URL",
		"postgres://app:***@db:5432/x":                        "",
		"postgres://app@db:5432/x":                            "",
		"https://x.example/?a=1:2@3":                          "",
		"password=hunter2":                                    "password",
		"-Dspring.datasource.password=hunter2":                "password",
		"user=a&api_key=abc":                                  "API key",
		"WHERE password = ?":                                  "",
		"WHERE password = $1":                                 "",
		"password='x1y2'":                                     "password",
		"password=":                                           "",
		"password: must be longer":                            "",
		`{"password": "hunter2"}`:                             "password",
		`{"password": ""}`:                                    "",
		`{"password":null}`:                                   "",
		"token=[REDACTED]":                                    "",
		"token == x":                                          "",
		"page_token=abc":                                      "",
		"max_tokens=100":                                      "",
		"patient_id=77":                                       "health data",
	} {
		got := findSecret(text)
		if got.what != want {
			t.Errorf("%q has %q, want %q", text, got.what, want)
		}
		if got.what != "" && strings.Contains(got.masked, "hunter2") {
			t.Errorf("%q is shown as %q", text, got.masked)
		}
	}
}

func TestSecretsByKey(t *testing.T) {
	for key, want := range map[string]string{
		"password": "password", "db.user.password": "password", "trustStorePassword": "password", "http.request.header.authorization": "credentials",
		"http.response.header.set-cookie": "cookie", "app.api_key": "API key", "X-Api-Key": "API key", "user.ssn": "social security number",
		"gen_ai.usage.input_tokens": "", "gen_ai.token.type": "", "k8s.pod.name": "", "authorization.policy": "", "app.secret.name": "",
	} {
		if got := sensitiveKey(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// TestNestedSecrets are found in arrays and maps, by value and by key.
func TestNestedSecrets(t *testing.T) {
	// Arrays and maps as OTLP encodes them: field 1 of an array is a value, of a map a key (1) with a value (2).
	message := func(field byte, body string) string { return string([]byte{field<<3 | 2, byte(len(body))}) + body }
	text := func(s string) string { return message(1, s) }
	list := func(members ...string) (v span.Value) {
		v.Type = span.Array
		for _, m := range members {
			v.Str += message(1, m)
		}
		return v
	}
	pair := func(key, value string) span.Value {
		return span.Value{Type: span.Map, Str: message(1, message(1, key)+message(2, value))}
	}
	for _, test := range []struct {
		key   string
		value span.Value
		want  string
	}{
		{"args", list(text("run"), text("-Dpassword=hunter2")), "password"},
		{"args", list(text("run"), text("fast")), ""},
		{"tags", pair("token", text("abc")), "token"},
		{"tags", pair("color", text("eve@example.com")), "e-mail address"},
		{"tags", pair("color", text("red")), ""},
		{"http.request.header.authorization", list(text("Digest x")), "credentials"},
		{"app.password", span.IntValue(1234), "password"},
		{"app.password", span.IntValue(0), ""},
		{"app.has.password", span.BoolValue(true), ""},
		{"broken", span.Value{Type: span.Map, Str: "\xff"}, ""},
	} {
		if got := secretIn(sensitiveKey(test.key), test.value, 0); got.what != test.want {
			t.Errorf("%s = %v has %q, want %q", test.key, test.value, got.what, test.want)
		}
	}
}

func TestNameTemplate(t *testing.T) {
	for name, want := range map[string]string{
		"GET /users/123":         "GET /users/{number}",
		"GET /users/123/orders?": "GET /users/{number}/orders?",
		"GET /api/v1/users":      "GET /api/v1/users",
		"HTTP 404":               "HTTP 404",
		"GET localhost:8080":     "GET localhost:8080",
		"order 3f2504e0-4f89-41d3-9a0c-0305e82c3301 done": "order {uuid} done",
		"load 9f86d081884c7d65":                           "load {hex}",
		"job-12345-run":                                   "job-{number}-run",
		"get 01ARZ3NDEKTSV4RRFFQ69G5FAV":                  "get {id}",
		"ping 10.1.2.3":                                   "ping {ip}",
		"mail a@example.com":                              "mail {e-mail}",
		"SELECT * FROM t WHERE id = 5 AND name = 'x'":     "SELECT * FROM t WHERE id = {value} AND name = {value}",
		"INSERT INTO t VALUES ('a''b', 3)":                "INSERT INTO t VALUES ({value}{value}, {value})",
		"SELECT shop.orders":                              "SELECT shop.orders",
		"grpc.health.v1.Health/Check":                     "grpc.health.v1.Health/Check",
		"oteldemo.CartService/GetCart":                    "oteldemo.CartService/GetCart",
		"deadbeef cafe facade":                            "deadbeef cafe facade",
		"S3.GetObject":                                    "S3.GetObject",
		"sha256 utf8 base64":                              "sha256 utf8 base64",
		"GET /product/0PUK6V6EV0":                         "GET /product/0PUK6V6EV0",
	} {
		if got := nameTemplate(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestRenamedAttributesAreCurrent(t *testing.T) {
	for from, to := range renamedAttributes {
		for _, name := range strings.FieldsFunc(to.to, func(r rune) bool { return r == ' ' || r == '(' || r == ')' }) {
			if next, ok := renamedAttributes[name]; ok {
				t.Errorf("%s is said to be %s, which is %s", from, name, next.to)
			}
		}
		if misplaced(store.Attr(store.SpanScope, from)) != "" && misplaced(store.Attr(store.ResourceScope, from)) != "" {
			t.Errorf("%s belongs nowhere", from)
		}
	}
}

// FuzzQualityTexts: no text makes it fail, or is shown where a secret is found in it.
func FuzzQualityTexts(f *testing.F) {
	for _, text := range []string{"password=hunter2", "GET /users/1", "a@b.cd", "4111 1111 1111 1111", "x://a:b@c", "SELECT 'a WHERE ", `"token":`, "eyJ.eyJ.", "DE89370400440532013000"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s := findSecret(text); len(s.masked) > 80 {
			t.Errorf("%q is shown as %q", text, s.masked)
		}
		secretIn(sensitiveKey(text), span.Value{Type: span.Map, Str: text}, 0)
		secretIn(sensitiveKey(text), span.Value{Type: span.Array, Str: text}, 0)
		isPublicAddress(text)
		if name := nameTemplate(text); utf8.ValidString(text[:min(len(text), maxNameLength)]) && !utf8.ValidString(name) {
			t.Errorf("%q becomes %q", text, name)
		}
	})
}
