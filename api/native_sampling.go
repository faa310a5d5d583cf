package api

import "net/http"

// sampling tells what SDKs are told about sampling.
func (n *native) sampling(w http.ResponseWriter, r *http.Request) error {
	if _, err := tenantOf(r); err != nil {
		return err
	}
	if _, err := nativeParams(r); err != nil {
		return err
	}
	overview := n.currentSampling()
	return writeJSON(w, &overview)
}
