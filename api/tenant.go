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
	return oneTenant(r.Header.Values(span.TenantHeader))
}

// isOperator tells requests that name no tenant. Whoever lets tenants in sets the header for them, so they come from
// who runs the server.
func isOperator(r *http.Request) bool {
	return strings.Join(r.Header.Values(span.TenantHeader), "") == ""
}

// tenantsOf returns the tenants of a request that may ask for several at once, as "a|b".
func tenantsOf(r *http.Request) ([]string, error) {
	return severalTenants(r.Header.Values(span.TenantHeader))
}

// oneTenant is tenantOf for the values of a header or of gRPC's metadata.
func oneTenant(values []string) (string, error) {
	id, err := tenantHeader(values)
	if err != nil || id == "" {
		return store.DefaultTenant, err
	}
	return id, checkTenant(id)
}

// severalTenants is tenantsOf for the values of a header or of gRPC's metadata.
func severalTenants(values []string) ([]string, error) {
	header, err := tenantHeader(values)
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

// tenantHeader returns "" if there is no value.
func tenantHeader(values []string) (string, error) {
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
