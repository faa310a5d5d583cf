package api

import (
	"net/http"
	"slices"

	dto "github.com/prometheus/client_model/go"

	"github.com/clewhq/clew/doctor"
	"github.com/clewhq/clew/sample"
	"github.com/clewhq/clew/store"
)

// status tells where this server listens, what time it has, and the settings that bear on whether spans are taken.
func (n *native) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := tenantOf(r); err != nil {
		return err
	}
	if _, err := nativeParams(r); err != nil {
		return err
	}
	status := n.currentStatus()
	return writeJSON(w, &status)
}

// examine tells what keeps traces from arriving, from being whole, and from being found.
func (n *native) examine(w http.ResponseWriter, r *http.Request) error {
	tenant, _, within, err := n.askedOf(r, "start", "end")
	if err != nil {
		return err
	}
	subject := doctor.Subject{Store: n.store, Logs: n.Logs, Tenant: tenant, Operator: isOperator(r), Within: within, Status: n.currentStatus()}
	if subject.Sampling, err = n.currentSampling(r, tenant); err != nil {
		return err
	}
	if subject.Metrics, err = n.gather(); err != nil {
		return err
	}
	if n.History != nil {
		subject.Earlier, subject.EarlierAt = n.History.Earlier()
	}
	report, err := doctor.Examine(r.Context(), &subject)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

func (n *native) gather() ([]*dto.MetricFamily, error) {
	if n.Metrics == nil {
		return nil, nil
	}
	return n.Metrics.Gather()
}

func (n *native) currentStatus() doctor.Status {
	s := doctor.Status{Listeners: []doctor.Listener{}, Budgets: doctor.Budgets{DiskFree: -1}}
	if n.Status != nil {
		s = n.Status()
	}
	s.Version, s.PathPrefix, s.Time = n.Build.Version, n.Prefix, uint64(n.Now().UnixNano())
	return s
}

// currentSampling returns what SDKs are told at present; without anything said, all is sampled. SDKs ask for a service
// and not for a tenant: a tenant is told of those services that it has.
func (n *native) currentSampling(r *http.Request, tenant string) (sample.Overview, error) {
	if n.Sampling == nil {
		return sample.Overview{Default: sample.ServiceStrategy{Type: "probabilistic", Param: 1, Operations: []sample.OperationStrategy{}}, Services: []sample.ServiceStrategy{}}, nil
	}
	o := n.Sampling()
	if isOperator(r) {
		return o, nil
	}
	own, err := n.store.Services(r.Context(), tenant, store.TimeRange{})
	if err != nil {
		return o, err
	}
	return o.ForTenant(func(service string) bool { return slices.Contains(own.List, service) }), nil
}
