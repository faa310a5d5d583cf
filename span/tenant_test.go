package span

import (
	"strings"
	"testing"
)

func TestTenantIDs(t *testing.T) {
	for _, id := range []string{"a", "0", "Team-1", "a_b.c*d'e(f)!", "...", strings.Repeat("x", 150)} {
		if err := CheckTenant(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", "..", "a/b", `a\b`, "a b", "a|b", "ä", "a\x00", strings.Repeat("x", 151)} {
		if CheckTenant(id) == nil {
			t.Errorf("%q is allowed", id)
		}
	}
}
