package api

import (
	"errors"
	"net/http"
)

var errNoArchive = errors.New("archive span storage was not configured")

// archive answers POST /api/archive/{traceID} as a Jaeger without archive
// storage does: there is no other place that a trace could be kept in.
func (j *jaeger) archive(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseJaegerID(r.PathValue("traceID")); err != nil {
		return badRequest("%v", err)
	}
	p, err := paramsOf(r)
	if err != nil {
		return err
	}
	if _, _, err := p.jaegerRange(); err != nil {
		return err
	}
	failJaeger(w, http.StatusInternalServerError, errNoArchive)
	return nil
}
