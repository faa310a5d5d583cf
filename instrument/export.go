package clew

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporterFromEnv returns nil if OTEL_TRACES_EXPORTER is none.
func exporterFromEnv(ctx context.Context) (sdktrace.SpanExporter, error) {
	var unknownExporter error
	switch v, name := firstEnv("OTEL_TRACES_EXPORTER"); strings.ToLower(v) {
	case "", "otlp":
	case "none":
		return nil, nil
	default:
		unknownExporter = unknown(name, v, "otlp or none")
	}
	d, err := destinationFromEnv()
	err = errors.Join(unknownExporter, err, checkExporterEnv())
	exporter, failed := d.open(ctx)
	if failed != nil {
		return nil, errors.Join(err, fmt.Errorf("no span will be sent: %w", failed))
	}
	return exporter, err
}

// checkExporterEnv names what the exporters do not understand and leave out.
func checkExporterEnv() error {
	var errs []error
	if v, name := firstEnv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); v != "" {
		if n, err := strconv.Atoi(v); err != nil || n < 0 {
			errs = append(errs, unknown(name, v, "a number of milliseconds"))
		}
	}
	switch v, name := firstEnv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"); v {
	case "", "gzip", "none":
	default:
		errs = append(errs, unknown(name, v, "gzip or none"))
	}
	return errors.Join(errs...)
}

// destination is where spans go. What it does not say, such as headers,
// certificates and time limits, the exporters take from OTEL_EXPORTER_OTLP_*.
type destination struct {
	grpc bool
	url  string // "": the exporter takes that from the environment too
}

func destinationFromEnv() (d destination, err error) {
	endpoint, variable := firstEnv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if _, bad := url.Parse(withScheme(endpoint)); bad != nil {
		endpoint, err = "", fmt.Errorf("%s: %w", variable, bad)
	}
	switch protocol, name := firstEnv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "grpc":
		d.grpc = true
	case "http/protobuf":
	case "":
		// Nobody speaks anything else there.
		d.grpc = strings.HasSuffix(strings.TrimRight(endpoint, "/"), ":4317")
	default:
		err = errors.Join(err, unknown(name, protocol, "grpc or http/protobuf"))
	}
	if secure, _ := firstEnv("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"); strings.EqualFold(secure, "false") {
		return d, err
	}
	// The exporters want TLS where nothing is said, which nobody speaks on the
	// own machine, and refuse an endpoint without a scheme.
	switch {
	case endpoint == "" && d.grpc:
		d.url = "http://localhost:4317"
	case endpoint == "":
		d.url = "http://localhost:4318/v1/traces"
	case strings.Contains(endpoint, "://"):
	case d.grpc || variable == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":
		d.url = withScheme(endpoint)
	default:
		d.url = strings.TrimRight(withScheme(endpoint), "/") + "/v1/traces"
	}
	return d, err
}

func withScheme(endpoint string) string {
	if strings.Contains(endpoint, "://") {
		return endpoint
	}
	return "http://" + endpoint
}

func (d destination) open(ctx context.Context) (sdktrace.SpanExporter, error) {
	if d.grpc {
		var opts []otlptracegrpc.Option
		if d.url != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(d.url))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	var opts []otlptracehttp.Option
	if d.url != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(d.url))
	}
	return otlptracehttp.New(ctx, opts...)
}
