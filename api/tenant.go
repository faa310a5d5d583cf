package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/clewhq/clew/store"
)

// tenantHeader names the tenant of a request.
const tenantHeader = "X-Scope-OrgID"

const (
	maxTenantBytes = 150
	maxTenants     = 64 // of one request
)

// tenantOf returns the one tenant that a request speaks for.
func tenantOf(r *http.Request) (string, error) {
	id := r.Header.Get(tenantHeader)
	if id == "" {
		return store.DefaultTenant, nil
	}
	return id, checkTenant(id)
}

// tenantsOf returns the tenants of a request that may ask for several at once, as "a|b".
func tenantsOf(r *http.Request) ([]string, error) {
	header := r.Header.Get(tenantHeader)
	if header == "" {
		return []string{store.DefaultTenant}, nil
	}
	ids := strings.Split(header, "|")
	if len(ids) > maxTenants {
		return nil, badRequest("%s names %d tenants, the limit is %d", tenantHeader, len(ids), maxTenants)
	}
	for _, id := range ids {
		if err := checkTenant(id); err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// checkTenant keeps out what could not be the name of a folder.
func checkTenant(id string) error {
	switch {
	case id == "":
		return badRequest("%s has an empty tenant id", tenantHeader)
	case len(id) > maxTenantBytes:
		return badRequest("%s has a tenant id of %d bytes, the limit is %d", tenantHeader, len(id), maxTenantBytes)
	case id == "." || id == "..":
		return badRequest("%s must not be %q", tenantHeader, id)
	}
	for i := range len(id) {
		if c := id[i]; !isAlphanumeric(c) && !strings.ContainsRune("!-_.*'()", rune(c)) {
			return badRequest("%s has the character %q; letters, digits and !-_.*'() are allowed", tenantHeader, c)
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
