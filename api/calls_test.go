package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/store"
)

// call is a right request to a method that reads from the store, in protobuf's text form.
type call struct{ method, request string }

// jaegerCalls has one for each method of Jaeger's services that a server has.
func jaegerCalls(t *testing.T) []call {
	id := traceID(t, traceWhole)
	const query = "query { " + v3Range + " }"
	requests := map[string]string{
		"jaeger.api_v2.QueryService/GetTrace":                "trace_id: " + bytesText(id[:]),
		"jaeger.api_v2.QueryService/ArchiveTrace":            "trace_id: " + bytesText(id[:]),
		"jaeger.api_v2.QueryService/FindTraces":              query,
		"jaeger.api_v2.QueryService/GetServices":             "",
		"jaeger.api_v2.QueryService/GetOperations":           `service: "frontend"`,
		"jaeger.api_v2.QueryService/GetDependencies":         "start_time { seconds: 1 } end_time { seconds: 1800000000 }",
		"jaeger.api_v3.QueryService/GetTrace":                fmt.Sprintf("trace_id: %q", id),
		"jaeger.api_v3.QueryService/FindTraces":              query,
		"jaeger.api_v3.QueryService/FindTraceSummaries":      query,
		"jaeger.api_v3.QueryService/FindSpans":               query,
		"jaeger.api_v3.QueryService/GetServices":             "",
		"jaeger.api_v3.QueryService/GetOperations":           `service: "frontend"`,
		"jaeger.api_v3.QueryService/GetDependencies":         "start_time { seconds: 1 } end_time { seconds: 1800000000 }",
		"jaeger.api_v3.Capabilities/GetCapabilities":         "",
		"jaeger.storage.v2.TraceReader/GetTraces":            "query { trace_id: " + bytesText(id[:]) + " }",
		"jaeger.storage.v2.TraceReader/FindTraces":           query,
		"jaeger.storage.v2.TraceReader/FindTraceSummaries":   query,
		"jaeger.storage.v2.TraceReader/FindTraceIDs":         query,
		"jaeger.storage.v2.TraceReader/FindSpans":            query,
		"jaeger.storage.v2.TraceReader/GetServices":          "",
		"jaeger.storage.v2.TraceReader/GetOperations":        `service: "frontend"`,
		"jaeger.storage.v2.DependencyReader/GetDependencies": "start_time { seconds: 1 } end_time { seconds: 1800000000 }",
		"jaeger.storage.v2.Capabilities/GetCapabilities":     "",
	}
	var list []call
	for service, info := range NewJaegerGRPC(testConfig(), filled(t)).GetServiceInfo() {
		for _, m := range info.Methods {
			method := service + "/" + m.Name
			request, ok := requests[method]
			switch {
			case !strings.HasPrefix(service, "jaeger."): // health and reflection
			case !ok:
				t.Errorf("no request to %s", method)
			case !strings.HasSuffix(service, "Capabilities"): // which read nothing
				list = append(list, call{method, request})
			}
			delete(requests, method)
		}
	}
	for method := range requests {
		t.Errorf("%s is not served", method)
	}
	return list
}

// tempoCalls are requests in JSON to the methods of Tempo's StreamingQuerier.
var tempoCalls = []call{
	{"Search", `{}`}, {"SearchTags", `{}`}, {"SearchTagsV2", `{}`},
	{"SearchTagValues", `{"tagName":"service.name"}`}, {"SearchTagValuesV2", `{"tagName":"resource.service.name"}`},
	{"MetricsQueryRange", `{"query":"{ } | rate()"}`}, {"MetricsQueryInstant", `{"query":"{ } | rate()"}`},
}

// everyCall asks each method of Jaeger's and of Tempo's gRPC, and checks the status of the answer.
func everyCall(ctx context.Context, t *testing.T, r store.Reader, check func(method string, s *status.Status)) {
	t.Helper()
	jaeger := dialJaeger(t, testConfig(), r)
	for _, c := range jaegerCalls(t) {
		_, err := askIn(ctx, t, jaeger, c.method, c.request)
		check(c.method, status.Convert(err))
	}
	tempo := dialTempo(t, tempoServer(t, testConfig(), r))
	for _, c := range tempoCalls {
		_, err := receive(t, callTempo(ctx, t, tempo, c.method, c.request), c.method)
		check("tempopb.StreamingQuerier/"+c.method, status.Convert(err))
	}
}

func TestEveryCall(t *testing.T) {
	everyCall(t.Context(), t, filled(t, recorded(t)...), func(method string, s *status.Status) {
		want := codes.OK
		if strings.HasSuffix(method, "/ArchiveTrace") { // of which there is none
			want = codes.Unimplemented
		}
		if s.Code() != want {
			t.Errorf("%s: %v", method, s)
		}
	})
}

func TestEveryCallChecksTheTenant(t *testing.T) {
	r := filled(t, recorded(t)...)
	for _, tenants := range [][]string{{"x-scope-orgid", "a/b"}, {"x-scope-orgid", "a", "x-scope-orgid", "b"}} {
		everyCall(metadata.AppendToOutgoingContext(t.Context(), tenants...), t, r, func(method string, s *status.Status) {
			if s.Code() != codes.InvalidArgument || !strings.Contains(s.Message(), "X-Scope-OrgID") {
				t.Errorf("%s as %q: %v", method, tenants, s)
			}
		})
	}
}

// TestErrorsOfTheStoreInCalls checks that every method tells what the store says, with the right code.
func TestErrorsOfTheStoreInCalls(t *testing.T) {
	for _, test := range []struct {
		err  error
		code codes.Code
		says string
	}{
		{store.ErrTooLarge, codes.ResourceExhausted, "more memory than its budget"},
		{&store.RetryError{After: time.Second, Overload: true, Reason: errors.New("busy")}, codes.ResourceExhausted, "busy"},
		{&store.RetryError{Reason: errors.New("backend is down")}, codes.Unavailable, "backend is down"},
		{context.DeadlineExceeded, codes.DeadlineExceeded, "narrow the query"},
		{context.Canceled, codes.Canceled, "canceled"},
		{errors.New("disk on fire"), codes.Internal, "disk on fire"},
	} {
		everyCall(t.Context(), t, &faulty{Reader: filled(t), fails: test.err}, func(method string, s *status.Status) {
			if s.Code() != test.code || !strings.Contains(s.Message(), test.says) {
				t.Errorf("%s, %v: %v", method, test.err, s)
			}
			retry := false
			for _, d := range s.Details() {
				info, ok := d.(*errdetails.RetryInfo)
				retry = retry || ok && info.RetryDelay.AsDuration() == time.Second
			}
			if retry != (test.says == "busy") {
				t.Errorf("%s, %v: details %v", method, test.err, s.Details())
			}
		})
	}
}
