package ingest

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// invalid marks an error that is the sender's and stays however often it tries.
type invalid struct{ error }

func (e invalid) Unwrap() error { return e.error }

// refusal is an error that only HTTP knows.
type refusal struct {
	http    int
	message string
}

func (e refusal) Error() string { return e.message }

// failure is how a sender is told of an error.
type failure struct {
	http   int
	status *status.Status
	retry  time.Duration // when to come again; 0: never
}

// setRetry tells an HTTP client when to come again.
func (f failure) setRetry(h http.Header) {
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	}
}

// failure says how to tell the sender of err. What is the server's own affair is only logged.
func (r *Receiver) failure(err error) failure {
	var again retryable
	var bad invalid
	var refused refusal
	message := strings.ToValidUTF8(err.Error(), "\ufffd") // as protobuf requires; it may quote the sender
	switch {
	case errors.As(err, &again):
		if again.Overloaded() {
			return retryLater(http.StatusTooManyRequests, codes.ResourceExhausted, message, again.RetryAfter())
		}
		return retryLater(http.StatusServiceUnavailable, codes.Unavailable, message, again.RetryAfter())
	case errors.Is(err, context.Canceled):
		return retryLater(http.StatusServiceUnavailable, codes.Canceled, message, 0)
	case errors.Is(err, context.DeadlineExceeded):
		return retryLater(http.StatusServiceUnavailable, codes.DeadlineExceeded, message, 0)
	case errors.Is(err, ErrTooLarge):
		return failure{http: http.StatusRequestEntityTooLarge, status: status.New(codes.ResourceExhausted, message)}
	case errors.As(err, &refused):
		return failure{http: refused.http, status: status.New(codes.InvalidArgument, message)}
	case errors.As(err, &bad):
		return failure{http: http.StatusBadRequest, status: status.New(codes.InvalidArgument, message)}
	}
	r.cfg.Logger.Error("spans were not taken in", "err", err)
	return failure{
		http:   http.StatusInternalServerError,
		status: status.New(codes.Internal, "the spans could not be taken in; the server's log has the reason"),
	}
}

// retryLater is a failure that passes; OTLP's senders look for the RetryInfo.
func retryLater(http int, code codes.Code, message string, after time.Duration) failure {
	if after <= 0 {
		after = time.Second
	}
	st := status.New(code, message)
	if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err == nil {
		st = detailed
	}
	return failure{http: http, status: st, retry: after}
}
