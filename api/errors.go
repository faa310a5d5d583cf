package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/clewhq/clew/store"
	"github.com/clewhq/clew/traceql"
)

// statusClientGone is what servers log for a client that did not wait.
const statusClientGone = 499

// errClientGone is wrapped by errors of sending an answer.
var errClientGone = errors.New("the client does not take the answer")

// requestError says what is wrong with a request.
type requestError struct{ msg string }

func (e *requestError) Error() string { return e.msg }

// badRequest makes an error that is the client's to mend.
func badRequest(format string, args ...any) error {
	return &requestError{fmt.Sprintf(format, args...)}
}

// missingError says that a trace does not have what was asked for.
type missingError struct{ msg string }

func (e *missingError) Error() string { return e.msg }

func notInTrace(format string, args ...any) error {
	return &missingError{fmt.Sprintf(format, args...)}
}

// staleError says that a view cannot be had again.
type staleError struct{ msg string }

func (e *staleError) Error() string { return e.msg }

// largeError says that something does not fit into the memory that there is for it.
type largeError struct{ msg string }

func (e *largeError) Error() string { return e.msg }
func (e *largeError) Unwrap() error { return store.ErrTooLarge }

// badParam reports a query parameter that cannot be read.
func badParam(name string, err error) error {
	return badRequest("unable to parse param '%s': %v", name, err)
}

// statusOf returns the HTTP status that an error stands for, in every face.
func statusOf(err error) int {
	var bad *requestError
	var query *traceql.Error
	var retry *store.RetryError
	var stale *staleError
	var missing *missingError
	switch {
	case errors.As(err, &bad), errors.As(err, &query), errors.Is(err, store.ErrCursor):
		return http.StatusBadRequest
	case errors.As(err, &stale):
		return http.StatusGone
	case errors.Is(err, store.ErrNotFound), errors.As(err, &missing):
		return http.StatusNotFound
	case errors.Is(err, store.ErrTooLarge):
		return http.StatusUnprocessableEntity
	case errors.As(err, &retry):
		if retry.Overload {
			return http.StatusTooManyRequests
		}
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, context.Canceled), errors.Is(err, errClientGone):
		return statusClientGone
	}
	return http.StatusInternalServerError
}
