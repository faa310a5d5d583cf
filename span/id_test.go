package span

import (
	"strings"
	"testing"
)

func TestParseTraceID(t *testing.T) {
	for _, c := range []struct {
		in, want, wrong string
	}{
		{in: "0123456789abcdef0123456789abcdef", want: "0123456789abcdef0123456789abcdef"},
		{in: "0123456789ABCDEFabcdefABCDEF0000", want: "0123456789abcdefabcdefabcdef0000"},
		{in: "1", want: strings.Repeat("0", 31) + "1"},
		{in: "abc", want: strings.Repeat("0", 29) + "abc"},
		{in: "0123456789abcdef", want: strings.Repeat("0", 16) + "0123456789abcdef"},
		{in: "f0123456789abcdef", want: strings.Repeat("0", 15) + "f0123456789abcdef"},
		{in: "0", want: strings.Repeat("0", 32)},
		{in: "", wrong: `trace id "": has 0 digits, expected 1 to 32 hex digits`},
		{in: strings.Repeat("0", 33), wrong: "has 33 digits, expected 1 to 32 hex digits"},
		{in: "xyz", wrong: `trace id "xyz": character 1 is not a hex digit`},
		{in: "12g4", wrong: "character 3 is not a hex digit"},
		{in: "0x12", wrong: "character 2 is not a hex digit"},
		{in: " 12", wrong: "character 1 is not a hex digit"},
		{in: "12é", wrong: "character 3 is not a hex digit"},
		{in: "/", wrong: "character 1"}, {in: ":", wrong: "character 1"}, {in: "@", wrong: "character 1"},
		{in: "G", wrong: "character 1"}, {in: "`", wrong: "character 1"}, {in: "g", wrong: "character 1"},
	} {
		id, err := ParseTraceID(c.in)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("ParseTraceID(%q): %v, want an error with %q", c.in, err, c.wrong)
			}
			if !id.IsZero() {
				t.Errorf("ParseTraceID(%q) = %s beside its error", c.in, id)
			}
		} else if err != nil || id.String() != c.want {
			t.Errorf("ParseTraceID(%q) = %s, %v, want %s", c.in, id, err, c.want)
		}
	}
	if _, err := ParseTraceID(strings.Repeat("é", 1<<20)); len(err.Error()) > 400 {
		t.Errorf("the error about a long text has %d bytes", len(err.Error()))
	}
}

func TestParseSpanID(t *testing.T) {
	for in, want := range map[string]string{
		"0123456789abcdef": "0123456789abcdef",
		"FEDCBA9876543210": "fedcba9876543210",
		"7":                "0000000000000007",
	} {
		if id, err := ParseSpanID(in); err != nil || id.String() != want {
			t.Errorf("ParseSpanID(%q) = %s, %v, want %s", in, id, err, want)
		}
	}
	for in, wrong := range map[string]string{
		"":                  `span id "": has 0 digits`,
		"0123456789abcdef0": "has 17 digits, expected 1 to 16 hex digits",
		"012z":              "character 4 is not a hex digit",
	} {
		if _, err := ParseSpanID(in); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("ParseSpanID(%q): %v, want an error with %q", in, err, wrong)
		}
	}
}

func TestIDsAsNumbers(t *testing.T) {
	id, err := ParseTraceID("0123456789abcdeffedcba9876543210")
	if err != nil {
		t.Fatal(err)
	}
	if hi, lo := id.Uint64s(); hi != 0x0123456789abcdef || lo != 0xfedcba9876543210 {
		t.Errorf("Uint64s() = %x, %x", hi, lo)
	}
	if n := (SpanID{1, 7: 2}).Uint64(); n != 1<<56|2 {
		t.Errorf("Uint64() = %x", n)
	}
	if (TraceID{15: 1}).IsZero() || !(TraceID{}).IsZero() || (SpanID{7: 1}).IsZero() || !(SpanID{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func FuzzParseTraceID(f *testing.F) {
	for _, s := range []string{"", "0", "abc", "0123456789ABCDEF0123456789abcdef", "12 ", "é", strings.Repeat("f", 33)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		hex := len(s) > 0 && len(s) <= 32 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
		id, err := ParseTraceID(s)
		if (err == nil) != hex {
			t.Fatalf("ParseTraceID(%q): %v", s, err)
		}
		if want := strings.Repeat("0", max(0, 32-len(s))) + strings.ToLower(s); hex && id.String() != want {
			t.Fatalf("ParseTraceID(%q) = %s, want %s", s, id, want)
		}
		if again, err := ParseTraceID(id.String()); err != nil || again != id {
			t.Fatalf("%s parses to %s, %v", id, again, err)
		}
	})
}
