package ingest

import (
	"fmt"

	"github.com/clewhq/clew/span"
)

// tenant returns the tenant that the values of the header name.
func (r *Receiver) tenant(values []string) (string, error) {
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return r.cfg.DefaultTenant, nil
	case len(values) > 1:
		return "", invalid{fmt.Errorf("%d %s headers, at most one is allowed", len(values), span.TenantHeader)}
	}
	if err := span.CheckTenant(values[0]); err != nil {
		return "", invalid{fmt.Errorf("%s: %w", span.TenantHeader, err)}
	}
	return values[0], nil
}
