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

		// Keys as they are documented, and what only looks like them.
		"AKIA" + "IOSFODNN7EXAMPLE":                     "AWS access key",
		"akiaiosfodnn7example":                          "",
		"AKIA" + "IOSFODNN7":                            "",
		"ghp_" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ": "GitHub token",
		"ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx":      "",
		"ghs_short":                                         "",
		"npm_lifecycle_event_of_the_package_was":            "",
		"sk-" + "proj-abc123def456ghi":                      "API key",
		"sk-spinner-double-bounce-1":                        "",
		"hvs." + random:                                     "Vault token",
		"xapp-" + random:                                    "Slack token",
		"eyJhbGciOi.AbCdEfGhIj.AbCdEfGhIjKlMnOp.Ab.Cd":      "JSON web token",
		"Basic dXNlcjpwYXNz":                                "basic credentials",
		"Basic dXNlcjo/Pj8+":                                "basic credentials",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----":             "private key",
		"-----BEGIN OPENSSH PRIVATE KEY-----":               "private key",
		"-----BEGIN PUBLIC KEY-----":                        "",
		"3f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a":          "", // of a commit
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b": "",

		// Names and values.
		"{'user': 'eve', 'password': 'hunter2'}":           "password",
		`{\"password\":\"hunter2\"}`:                       "password",
		`:password=>"hunter2"`:                             "password",
		"<wsse:Password>hunter2</wsse:Password>":           "password",
		"login failed, password: hunter2":                  "password",
		"password: 8 characters or more":                   "",
		"app --user eve --password hunter2":                "password",
		"app --password-file /run/secrets/db":              "",
		"app --password --help":                            "",
		"PWD=/srv/app OLDPWD=/":                            "",
		"Server=db;User Id=sa;Pwd=hunter2;":                "password",
		"AWS_SECRET_ACCESS_KEY=abcd/efgh":                  "secret",
		"GITHUB_TOKEN=abcdefgh":                            "token",
		"next_token=abcdefgh&pageToken=x1":                 "",
		"unexpected token: identifier":                     "",
		"has_password=1&show_password=true":                "",
		"password=<hidden> token=REDACTED":                 "",
		"password=required":                                "",
		"https://s3.example/x?X-Amz-Signature=abcdef":      "secret",
		"https://blob.example/x?sv=2020&sig=abcdef%3D":     "secret",
		"the method signature=void":                        "",
		"grant_type=password&scope=openid":                 "",
		"if a >= 5 && token > b":                           "",
		"redis://:s3cret@cache:6379/0":                     "password in a URL",
		"jdbc:postgresql://db/x?user=app&password=hunter2": "password",
		"https://example.com:8080/a@b":                     "",
		"date_of_birth=1980-01-02":                         "date of birth",
		"tax_id=12-3456789":                                "tax number",

		// Addresses.
		"https://x.example/?email=alice%40example.com": "e-mail address",
		"git@github.com:clewhq/clew.git":               "",
		"postgres://app@db.example.com:5432/x":         "",
		"/img/logo@2x.png":                             "",
		"/cache/lodash@4.17.21.tgz":                    "",
		"getty@tty1.service":                           "",
		"svc@project.iam.gserviceaccount.com":          "",
		"rabbit@node-1.example.com":                    "",

		// Numbers.
		"paid 100 by 4111 1111 1111 1111 12/27": "card number",
		"4111111111111111 123":                  "card number",
		"6759649826438453":                      "card number",
		"2200 1234 5678 9019":                   "card number",
		"30569309025904":                        "card number",
		"4556737586899855123":                   "", // 19 digits, as ids have
		"1760000000000000000 4111":              "",
		"1 123-45-6789":                         "social security number",
		"123-45-67890":                          "",
		"GB82 WEST 1234 5698 7654 32":           "bank account (IBAN)",
		"to FR1420041010050500013M02606, paid":  "bank account (IBAN)",
		"de89370400440532013000":                "bank account (IBAN)",
		"De89370400440532013000":                "",
		"fr1420041010050500013m02606":           "",
		"ZZ89370400440532013000":                "",
		"call +1 415-555-2671 now":              "phone number",
		"+4915112345678":                        "phone number",
		"tel:+44 20 7946 0958":                  "phone number",
		"(415) 555-2671":                        "phone number",
		"415-555-2671":                          "phone number",
		"1.0.0+20241015103000":                  "",
		"2025-01-01T00:00:00+02:00":             "",
		"+1700000000123":                        "",
		"115-055-2671":                          "",
		"10.20.30.40 and 1.2.3.4":               "",
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
		"http.request.header.authorization.0": "credentials", "aws.secret_access_key": "secret", "csrf-token": "token", "user.phone_number": "phone number",
		"app.next_token": "", "app.pageToken": "", "sync_token": "", "cancellationToken": "", "secret.id": "", "messaging.kafka.message.key": "", "thread.id": "",
		"gen_ai.usage.input_tokens": "", "gen_ai.token.type": "", "k8s.pod.name": "", "authorization.policy": "", "app.secret.name": "",
	} {
		if got := lookAtKey(key).what; got != want {
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
		{"http.request.header.authorization", list(text("Digest abc")), "credentials"},
		{"app.password", span.IntValue(1234), "password"},
		{"app.password", span.IntValue(0), ""},
		{"app.has.password", span.BoolValue(true), ""},
		{"process.command_args", list(text("app"), text("--db-password"), text("hunter2")), "password"},
		{"process.command_args", list(text("app"), text("--token"), text("--verbose")), ""},
		{"http.request.header.authorization", list(text("Bearer ***")), ""},
		{"http.request.header.cookie", list(text("session=[Filtered]; theme=REDACTED")), ""},
		{"http.request.header.cookie", list(text("session=8a7f; theme=REDACTED")), "cookie"},
		{"order.id", span.StringValue("4111111111111111"), ""},
		{"product.ean", span.IntValue(4222222222222), ""},
		{"enduser.id", span.StringValue("eve@example.com"), "e-mail address"},
		{"enduser.id", span.StringValue("u-8a7f"), ""},
		{"llm.prompt.token", span.IntValue(57), ""},
		{"app.token", span.IntValue(57), ""},
		{"app.pwd", span.StringValue("/srv/app"), ""},
		{"user.phone", span.StringValue("pixel 9"), ""},
		{"user.phone", span.StringValue("030 1234567"), "phone number"},
		{"broken", span.Value{Type: span.Map, Str: "\xff"}, ""},
	} {
		if got := secretIn(lookAtKey(test.key), test.value, 0); got.what != test.want {
			t.Errorf("%s = %v has %q, want %q", test.key, test.value, got.what, test.want)
		}
	}
}

func TestNameTemplate(t *testing.T) {
	for name, want := range map[string]struct {
		template string
		least    int
	}{
		// For sure.
		"GET /users/12345": {"GET /users/{number}", oneName},
		"order 3f2504e0-4f89-41d3-9a0c-0305e82c3301 done": {"order {uuid} done", oneName},
		"load 9f86d081884c7d65":                           {"load {hex}", oneName},
		"get 01ARZ3NDEKTSV4RRFFQ69G5FAV":                  {"get {id}", oneName},
		"GET /product/0PUK6V6EV0":                         {"GET /product/{id}", oneName},
		"GET /s/V1StGXR8_Z5jdHi6B-myT":                    {"GET /s/{id}", oneName},
		"GET /docs/507f1f77bcf86cd799439011":              {"GET /docs/{hex}", oneName},
		"mail a@example.com":                              {"mail {e-mail}", oneName},

		// Perhaps.
		"GET /users/123":                              {"GET /users/{number}", twoNames},
		"GET /users/123/orders?":                      {"GET /users/{number}/orders?", twoNames},
		"GET /users/123.json":                         {"GET /users/{number}.json", twoNames},
		"GET /users/123:activate":                     {"GET /users/{number}:activate", twoNames},
		"job-12345-run":                               {"job-{number}-run", twoNames},
		"GET user:12345:profile":                      {"GET user:{number}:profile", twoNames},
		"GET session:8f14e45fceea":                    {"GET session:{hex}", twoNames},
		"free 0x7ffe1234":                             {"free {hex}", twoNames},
		"ping 10.1.2.3":                               {"ping {ip}", twoNames},
		"GET /20231001/accounts":                      {"GET /{number}/accounts", twoNames},
		"SELECT * FROM t WHERE id = 5 AND name = 'x'": {"SELECT * FROM t WHERE id = {value} AND name = {value}", twoNames},
		"INSERT INTO t VALUES ('a''b', 3)":            {"INSERT INTO t VALUES ({value}{value}, {value})", twoNames},

		// Hardly: such names are constants unless there are very many.
		"GET /api/v1/users":           {"GET /api/v{number}/users", someMore},
		"GET /api/v2":                 {"GET /api/v{number}", someMore},
		"HTTP 404":                    {"HTTP {number}", someMore},
		"GET localhost:8080":          {"GET localhost:{number}", someMore},
		"DynamoDB_20120810.GetItem":   {"DynamoDB_{number}.GetItem", someMore},
		"GET /2015-03-31/functions":   {"GET /{number}-{number}-{number}/functions", someMore},
		"grpc.health.v1.Health/Check": {"grpc.health.v{number}.Health/Check", someMore},
		"S3.GetObject":                {"S{number}.GetObject", someMore},
		"sha256 utf8 base64":          {"sha{number} utf{number} base{number}", someMore},
		"oauth2v1beta1 x86_64 log4j2": {"oauth{number}v{number}beta{number} x{number}_{number} log{number}j{number}", someMore},
		"worker-17":                   {"worker-{number}", someMore},

		// Not at all.
		"GET /v{version}/users/{id}":   {"GET /v{version}/users/{id}", 0},
		"SELECT shop.orders":           {"SELECT shop.orders", 0},
		"oteldemo.CartService/GetCart": {"oteldemo.CartService/GetCart", 0},
		"deadbeef cafe facade":         {"deadbeef cafe facade", 0},
		"":                             {"", 0},
	} {
		if got, least := nameTemplate(name); got != want.template || least != want.least {
			t.Errorf("%q is %q of %d, want %q of %d", name, got, least, want.template, want.least)
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
		secretIn(lookAtKey(text), span.Value{Type: span.Map, Str: text}, 0)
		secretIn(lookAtKey(text), span.Value{Type: span.Array, Str: text}, 0)
		isPublicAddress(text)
		if name, _ := nameTemplate(text); utf8.ValidString(text[:min(len(text), maxNameLength)]) && !utf8.ValidString(name) {
			t.Errorf("%q becomes %q", text, name)
		}
	})
}
