package api

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/clewhq/clew/store"
)

// grpcCodes are the codes of gRPC for those that statusOf returns.
var grpcCodes = map[int]codes.Code{
	http.StatusBadRequest:          codes.InvalidArgument,
	http.StatusNotFound:            codes.NotFound,
	http.StatusUnprocessableEntity: codes.ResourceExhausted,
	http.StatusTooManyRequests:     codes.ResourceExhausted,
	http.StatusServiceUnavailable:  codes.Unavailable,
	http.StatusGatewayTimeout:      codes.DeadlineExceeded,
	statusClientGone:               codes.Canceled,
	http.StatusInternalServerError: codes.Internal,
}

// call runs what answers one call of /service/method. It ends after the limit of time; an error or a panic becomes
// a status.
func (f *face) call(ctx context.Context, method string, run func(ctx context.Context) error) (err error) {
	if f.Watch != nil {
		var done func(error)
		ctx, done = f.Watch(ctx, strings.TrimPrefix(method, "/"))
		defer func() { done(err) }()
	}
	if f.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.Timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			f.Log.Error("panic in a request", "path", method, "panic", p, "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, errInternal.Error())
		}
	}()
	return f.grpcError(ctx, method, run(ctx))
}

// gapTrailer says what an answer may lack, where it has no other place to say so. Metadata is ASCII.
func gapTrailer(gaps []string) metadata.MD {
	var md metadata.MD
	for _, gap := range gaps {
		line := strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return '?'
			}
			return c
		}, gap)
		md = metadata.Join(md, metadata.Pairs(gapHeader, line))
	}
	return md
}

// grpcError returns the status of a call that failed with err; nil stays nil. What is
// the server's own fault is logged.
func (f *face) grpcError(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok { // of gRPC itself
		return err
	}
	code, err := f.explainError(ctx, method, err)
	told := status.New(grpcCodes[code], strings.ToValidUTF8(err.Error(), "\ufffd"))
	if retry := (*store.RetryError)(nil); errors.As(err, &retry) && retry.After > 0 {
		if detailed, err := told.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retry.After)}); err == nil {
			told = detailed
		}
	}
	return told.Err()
}
