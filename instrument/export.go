package clew

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// signal is a kind of what is sent. The variables that are of all kinds have one
// that is of this kind alone, and counts first.
type signal struct {
	name string // within the names of variables
	path string // of OTLP by HTTP
}

var (
	traces = &signal{"TRACES", "/v1/traces"}
	logs   = &signal{"LOGS", "/v1/logs"}
)

// env returns the value of a variable OTEL_EXPORTER_OTLP_…, and which one it is.
func (s *signal) env(key string) (value, name string) {
	return firstEnv("OTEL_EXPORTER_OTLP_"+s.name+"_"+key, "OTEL_EXPORTER_OTLP_"+key)
}

// exporter says what OTEL_…_EXPORTER does: whether records go out by OTLP.
// Without it, and if it is not understood, unset holds.
func (s *signal) exporter(unset bool) (bool, error) {
	switch v, name := firstEnv("OTEL_" + s.name + "_EXPORTER"); strings.ToLower(v) {
	case "":
		return unset, nil
	case "otlp":
		return true, nil
	case "none":
		return false, nil
	default:
		return unset, unknown(name, v, "otlp or none")
	}
}

// destination is where a signal goes. What it does not say, such as headers,
// certificates and time limits, the exporters take from OTEL_EXPORTER_OTLP_*.
type destination struct {
	grpc bool
	url  string // "": the exporter takes that from the environment too
}

// destination reads where the signal goes.
func (s *signal) destination() (d destination, errs []error) {
	endpoint, variable := s.env("ENDPOINT")
	ofAll := variable == "OTEL_EXPORTER_OTLP_ENDPOINT" // so that the path of HTTP is added
	switch protocol, name := s.env("PROTOCOL"); protocol {
	case "grpc":
		d.grpc = true
	case "http/protobuf":
	case "":
		// Nobody speaks anything else there.
		d.grpc = strings.HasSuffix(strings.TrimRight(endpoint, "/"), ":4317")
	default:
		errs = append(errs, unknown(name, protocol, "grpc or http/protobuf"))
	}
	scheme, err := s.scheme()
	if err != nil {
		errs = append(errs, err)
	}
	switch u, err := url.Parse(withScheme(endpoint, scheme)); {
	case endpoint == "":
	case err != nil:
		endpoint, errs = "", append(errs, fmt.Errorf("%s: %w", variable, err))
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Hostname() == "" {
			endpoint, errs = "", append(errs, unknown(variable, endpoint, "a URL such as http://clew:4318"))
		}
	case d.grpc: // a name of gRPC's own, such as unix:///run/clew.sock, which its client knows
		return d, errs
	default:
		endpoint, errs = "", append(errs, unknown(variable, endpoint, "a URL with http:// or https://"))
	}
	switch {
	case endpoint == "" && d.grpc:
		d.url = scheme + "://localhost:4317"
	case endpoint == "":
		d.url = scheme + "://localhost:4318" + s.path
	case d.grpc || !ofAll:
		d.url = withScheme(endpoint, scheme)
	default:
		d.url = strings.TrimRight(withScheme(endpoint, scheme), "/") + s.path
	}
	return d, errs
}

// scheme is that of an endpoint without one: TLS only if something asks for it,
// for nobody speaks TLS on the own machine.
func (s *signal) scheme() (string, error) {
	v, name := s.env("INSECURE")
	switch strings.ToLower(v) {
	case "true":
		return "http", nil
	case "false":
		return "https", nil
	}
	var err error
	if v != "" {
		err = unknown(name, v, "true or false")
	}
	for _, key := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE"} {
		if certificate, _ := s.env(key); certificate != "" {
			return "https", err
		}
	}
	return "http", err
}

func withScheme(endpoint, scheme string) string {
	if strings.Contains(endpoint, "://") {
		return endpoint
	}
	return scheme + "://" + endpoint
}

func spanExporter(ctx context.Context, d destination) (e sdktrace.SpanExporter, err error) {
	if d.grpc {
		e, err = otlptracegrpc.New(ctx, endpointOption(d, otlptracegrpc.WithEndpointURL)...)
	} else {
		e, err = otlptracehttp.New(ctx, endpointOption(d, otlptracehttp.WithEndpointURL)...)
	}
	if err != nil {
		return nil, fmt.Errorf("no span will be sent: %w", err)
	}
	return e, nil
}

func logExporter(ctx context.Context, d destination) (e sdklog.Exporter, err error) {
	if d.grpc {
		e, err = otlploggrpc.New(ctx, endpointOption(d, otlploggrpc.WithEndpointURL)...)
	} else {
		e, err = otlploghttp.New(ctx, endpointOption(d, otlploghttp.WithEndpointURL)...)
	}
	if err != nil {
		return nil, fmt.Errorf("no log record will be sent: %w", err)
	}
	return e, nil
}

func endpointOption[T any](d destination, option func(string) T) []T {
	if d.url == "" {
		return nil
	}
	return []T{option(d.url)}
}
