package clew

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// newResource describes the process. Later detectors win over earlier ones.
// What may hold secrets or personal data is left out: arguments, the path of
// the program and who runs it.
func newResource(ctx context.Context, o options) (*resource.Resource, error) {
	attrs := []attribute.KeyValue{semconv.ServiceName(filepath.Base(os.Args[0]))}
	if v := builtVersion(); v != "" {
		attrs = append(attrs, semconv.ServiceVersion(v))
	}
	if o.name != "" {
		attrs = append(attrs, semconv.ServiceName(o.name))
	}
	if o.version != "" {
		attrs = append(attrs, semconv.ServiceVersion(o.version))
	}
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithOSType(),
		resource.WithContainer(),
		resource.WithProcessPID(),
		resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithService(), // its service.instance.id
		resource.WithAttributes(attrs...),
		resource.WithAttributes(o.attributes...),
		resource.WithFromEnv(),
	)
	if err != nil {
		err = fmt.Errorf("the resource lacks something: %w", err)
	}
	return res, errors.Join(err, checkResourceAttributes())
}

// checkResourceAttributes names the values that the SDK cannot decode, and takes as they are.
func checkResourceAttributes() error {
	const variable = "OTEL_RESOURCE_ATTRIBUTES"
	var errs []error
	list, _ := firstEnv(variable)
	for pair := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(value); err != nil {
			errs = append(errs, fmt.Errorf("%s: the value of %s is not percent-encoded as it should be; %%25 is a percent sign", variable, strings.TrimSpace(key)))
		}
	}
	return errors.Join(errs...)
}

func serviceName(res *resource.Resource) string {
	name, _ := res.Set().Value(semconv.ServiceNameKey)
	return name.AsString()
}

// builtVersion is the version of the main module, or the revision it was built from.
func builtVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}
