package sample

import (
	"context"
	"net/http"
	"strings"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Provider knows the strategy for each service.
type Provider interface {
	// Strategy returns what a service is told; the caller does not change it.
	Strategy(service string) *Response
}

// Handler serves strategies over HTTP on any path, as in /sampling?service=NAME,
// in Jaeger's JSON.
func Handler(p Provider) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method "+r.Method+" is not allowed; strategies are read with GET", http.StatusMethodNotAllowed)
			return
		}
		services := r.URL.Query()["service"]
		if len(services) != 1 {
			http.Error(w, "'service' parameter must be provided once", http.StatusBadRequest)
			return
		}
		text, err := strategyJSON(p.Strategy(services[0]))
		if err != nil {
			http.Error(w, "cannot write the strategy: "+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(text)) // an error means that the client is gone
	})
}

// strategyJSON is the JSON that clients know: zeros are there, what is not set is not.
func strategyJSON(r *Response) (string, error) {
	text, err := (&jsonpb.Marshaler{EmitDefaults: true}).MarshalToString(r)
	for _, unset := range []string{"probabilisticSampling", "rateLimitingSampling", "operationSampling"} {
		text = strings.Replace(text, `,"`+unset+`":null`, "", 1)
	}
	return text, err
}

// Register adds jaeger.api_v2.SamplingManager to a server.
func Register(server *grpc.Server, p Provider) {
	api_v2.RegisterSamplingManagerServer(server, manager{p})
}

type manager struct{ Provider }

func (m manager) GetSamplingStrategy(_ context.Context, in *api_v2.SamplingStrategyParameters) (*Response, error) {
	if in.GetServiceName() == "" {
		return nil, status.Error(codes.InvalidArgument, "serviceName is not set")
	}
	return m.Strategy(in.GetServiceName()), nil
}
