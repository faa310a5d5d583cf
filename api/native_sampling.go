package api

import (
	"net/http"

	"github.com/clewhq/clew/sample"
)

// sampling tells what SDKs are told about sampling.
func (n *native) sampling(w http.ResponseWriter, r *http.Request) error {
	if _, err := tenantOf(r); err != nil {
		return err
	}
	if _, err := nativeParams(r); err != nil {
		return err
	}
	overview := sample.Overview{Default: sample.ServiceStrategy{Type: "probabilistic", Param: 1, Operations: []sample.OperationStrategy{}}, Services: []sample.ServiceStrategy{}}
	if n.Sampling != nil {
		overview = n.Sampling()
	}
	return writeJSON(w, &overview)
}
