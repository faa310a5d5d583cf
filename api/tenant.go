package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// maxTenants is how many tenants one request may ask for.
const maxTenants = 64

// tenantOf returns the one tenant that a request speaks for.
func tenantOf(r *http.Request) (string, error) {
	id, err := tenantHeader(r)
	if err != nil || id == "" {
		return store.DefaultTenant, err
	}
	return id, checkTenant(id)
}

// tenantsOf returns the tenants of a request that may ask for several at once, as "a|b".
func tenantsOf(r *http.Request) ([]string, error) {
	header, err := tenantHeader(r)
	if err != nil || header == "" {
		return []string{store.DefaultTenant}, err
	}
	ids := strings.Split(header, "|")
	if len(ids) > maxTenants {
		return nil, badRequest("%s names %d tenants, the limit is %d", span.TenantHeader, len(ids), maxTenants)
	}
	for _, id := range ids {
		if err := checkTenant(id); err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// tenantHeader returns "" if the request names no tenant.
func tenantHeader(r *http.Request) (string, error) {
	values := r.Header.Values(span.TenantHeader)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", badRequest("%d %s headers, at most one is allowed", len(values), span.TenantHeader)
}

func checkTenant(id string) error {
	if err := span.CheckTenant(id); err != nil {
		return badRequest("%s: %v", span.TenantHeader, err)
	}
	return nil
}
