package span

import (
	"errors"
	"fmt"
	"strings"
)

// TenantHeader names the tenant of a request, in HTTP and in gRPC metadata.
const TenantHeader = "X-Scope-OrgID"

// ProbeAgent begins the User-Agent of the requests by which the doctor finds out what a port speaks. Those that are
// refused do not count among the requests that somebody's spans were lost with.
const ProbeAgent = "clew-doctor"

// MaxTenantBytes is the longest tenant id.
const MaxTenantBytes = 150

// CheckTenant checks a tenant id. Ids name folders, so little is allowed:
// ASCII letters, digits and !-_.*'() but neither "." nor "..".
func CheckTenant(id string) error {
	switch {
	case id == "":
		return errors.New("tenant id is empty")
	case len(id) > MaxTenantBytes:
		return fmt.Errorf("tenant id has %d bytes, at most %d are allowed", len(id), MaxTenantBytes)
	case id == "." || id == "..":
		return fmt.Errorf("tenant id %q is not allowed", id)
	}
	for i := range len(id) {
		c := id[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!-_.*'()", c) >= 0 {
			continue
		}
		return fmt.Errorf("tenant id %q has a character that is not allowed; letters, digits and !-_.*'() are", id)
	}
	return nil
}
