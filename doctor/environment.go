package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/clewhq/clew/config"
)

// Variables are the environment of a process.
type Variables map[string]string

// ParseVariables reads lists of NAME=VALUE, of which the last counts.
func ParseVariables(list []string) Variables {
	v := Variables{}
	for _, one := range list {
		if name, value, ok := strings.Cut(one, "="); ok {
			v[name] = value
		}
	}
	return v
}

// ParseEnvFile reads lines as `NAME=VALUE` or `export NAME="VALUE"`; # begins a line of comment.
func ParseEnvFile(text string) Variables {
	v := Variables{}
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		v[strings.TrimSpace(name)] = value
	}
	return v
}

// known returns those that configure SDKs of OpenTelemetry or clients of Jaeger, sorted by name.
func (v Variables) known() (names []string) {
	for name, value := range v {
		if value != "" && (strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "JAEGER_")) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Target is where an SDK sends spans.
type Target struct {
	URL      string // whole, with the path where the protocol has one
	Protocol string // grpc, http/protobuf, http/json, zipkin
	// From is the variable that says so, or "default".
	From string
	// Assumed says that no variable names the protocol: SDKs then differ.
	Assumed bool
	Headers map[string]string
}

// reading is one look through variables.
type reading struct {
	Variables
	list    []Finding
	meaning []string
}

func (r *reading) tell(format string, args ...any) {
	r.meaning = append(r.meaning, fmt.Sprintf(format, args...))
}

func (r *reading) find(id string, result Result, cause, fix, title string, args ...any) {
	r.list = append(r.list, Finding{ID: id, Check: CheckEnvironment, Result: result, Title: fmt.Sprintf(title, args...), Cause: cause, Fix: fix})
}

// first returns the first variable that is set, and its value.
func (r *reading) first(names ...string) (name, value string) {
	for _, name := range names {
		if value := strings.TrimSpace(r.Variables[name]); value != "" {
			return name, value
		}
	}
	return "", ""
}

// Environment tells what variables mean to an SDK, and what of them is wrong or surprising. The target is nil if
// nothing is sent by OTLP or Zipkin. No value of a header is told.
func Environment(v Variables) (target *Target, list []Finding) {
	r := &reading{Variables: v}
	names := v.known()
	if len(names) == 0 {
		return nil, []Finding{{ID: "env-none", Check: CheckEnvironment, Result: Skipped, Title: "No variable OTEL_* or JAEGER_* is set here",
			Evidence: []string{"an SDK would send to http://localhost:4318/v1/traces (or, by gRPC, to localhost:4317), sample all and call its service unknown_service"},
			Fix:      "run it where the application runs, or with `--pid N`, `--env-file FILE` or `--endpoint URL`"}}
	}
	r.misspelled(names)
	r.disabled()
	target = r.exporter()
	r.service()
	r.sampler()
	r.propagators()
	r.batches()
	r.limits()
	r.jaeger()
	r.list = append(r.list, Finding{ID: "env-meaning", Check: CheckEnvironment, Result: OK, Title: "What the variables mean to an SDK", Evidence: r.meaning})
	return target, r.list
}

func (r *reading) disabled() {
	switch name, value := r.first("OTEL_SDK_DISABLED"); {
	case strings.EqualFold(value, "true"):
		r.find("env-sdk-disabled", Problem, "The SDK then makes no spans at all.", "unset "+name, "%s is true", name)
	case value != "" && !strings.EqualFold(value, "false"):
		r.find("env-boolean", Warning, "Only true means true; all else means false.", "set it to true or false", "%s=%s means false", name, value)
	}
}

// exporter tells where spans go.
func (r *reading) exporter() *Target {
	name, value := r.first("OTEL_TRACES_EXPORTER")
	exporters := strings.Split(cmp.Or(value, "otlp"), ",")
	var target *Target
	for _, e := range exporters {
		switch strings.TrimSpace(e) {
		case "otlp":
			target = r.otlp()
		case "zipkin":
			from, endpoint := r.first("OTEL_EXPORTER_ZIPKIN_ENDPOINT")
			target = &Target{URL: cmp.Or(endpoint, "http://localhost:9411/api/v2/spans"), Protocol: "zipkin", From: cmp.Or(from, "default")}
			r.tell("spans go to %s in Zipkin's format (%s)", redacted(target.URL), target.From)
			if u, err := url.Parse(target.URL); err == nil && strings.Trim(u.Path, "/") == "" {
				r.find("env-endpoint-path-missing", Problem, "Zipkin's endpoint is taken as it is.", "end it in /api/v2/spans", "%s has no path", target.From)
			}
		case "none":
			r.find("env-exporter-none", Problem, "Spans are made and thrown away.", "unset it, or set it to otlp", "%s is none: no span is sent", name)
		case "console", "logging":
			r.tell("spans are printed")
			if len(exporters) == 1 {
				r.find("env-exporter-console", Problem, "Spans are printed and not sent.", "set it to otlp", "%s is %s: no span is sent", name, value)
			}
		case "jaeger":
			r.find("env-exporter-jaeger", Warning, "SDKs have removed their Jaeger exporters since 2023.", "set it to otlp", "%s is jaeger, which most SDKs do not know any more", name)
		default:
			r.find("env-exporter-unknown", Problem, "There are otlp, zipkin, console and none; others need a plug-in.", "set it to otlp", "%s names %q, which is no exporter", name, e)
		}
	}
	return target
}

// otlp tells where spans go by OTLP, by the rules for a variable of the signal's own and one for all signals.
func (r *reading) otlp() *Target {
	t := &Target{From: "default", Headers: map[string]string{}}
	protocolFrom, protocol := r.first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	t.Protocol, t.Assumed = cmp.Or(protocol, "http/protobuf"), protocol == ""
	if !slices.Contains([]string{"grpc", "http/protobuf", "http/json"}, t.Protocol) {
		r.find("env-protocol-unknown", Problem, "There are grpc, http/protobuf and http/json.", "set it to one of them", "%s=%s is no protocol", protocolFrom, protocol)
		t.Protocol, t.Assumed = "http/protobuf", true
	}
	isGRPC := t.Protocol == "grpc"
	from, endpoint := r.first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" {
		endpoint = "http://localhost:4318"
		if isGRPC {
			endpoint = "http://localhost:4317"
		}
	} else {
		t.From = from
	}
	if !strings.Contains(endpoint, "://") {
		if !isGRPC {
			r.find("env-endpoint-scheme", Problem, "Without http:// most SDKs refuse it, or take the host for the scheme.", "begin it with http:// or https://", "%s=%s has no scheme", from, redacted(endpoint))
		}
		endpoint = "http://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		r.find("env-endpoint-url", Problem, "", "write it as http://HOST:PORT", "%s is not a URL", from)
		return nil
	}
	if !isGRPC {
		r.path(u, t.From)
	}
	t.URL = u.String()
	r.ports(u, t, cmp.Or(protocolFrom, "the protocol"))
	assumed := ""
	if t.Assumed {
		assumed = ", which is the default of most SDKs"
	}
	r.tell("spans go to %s as %s%s (%s)", u.Redacted(), t.Protocol, assumed, t.From)
	r.headers(t)
	if u.Hostname() == "0.0.0.0" {
		r.find("env-endpoint-any", Warning, "0.0.0.0 is where a server listens, not where it is.", "name the host", "%s points to 0.0.0.0", t.From)
	}
	if name, value := r.first("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); value != "" {
		if n, ok := r.number(name, value); ok && n < 1000 {
			r.find("env-timeout-short", Warning, "The unit is milliseconds.", "set it to 10000, the default", "%s=%s is a timeout of %s ms", name, value, value)
		}
	}
	if name, value := r.first("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"); value != "" && value != "gzip" && value != "none" {
		r.find("env-compression-unknown", Warning, "SDKs know gzip and none.", "set it to gzip", "%s=%s is not known to all SDKs", name, value)
	}
	return t
}

const tracesPath = "/v1/traces"

// path completes the path of a URL as SDKs do.
func (r *reading) path(u *url.URL, from string) {
	if from == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" { // is taken as it is
		if strings.Trim(u.Path, "/") == "" {
			r.find("env-endpoint-path-missing", Problem, "The endpoint of a signal is taken as it is; only OTEL_EXPORTER_OTLP_ENDPOINT has /v1/traces added.",
				"end it in /v1/traces, or use OTEL_EXPORTER_OTLP_ENDPOINT", "%s has no path", from)
		}
		return
	}
	if strings.HasSuffix(strings.TrimRight(u.Path, "/"), tracesPath) {
		r.find("env-endpoint-path-twice", Problem, "SDKs add /v1/traces to it: spans go to "+u.Path+tracesPath+".", "leave the path out, or use OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "%s ends in /v1/traces already", from)
	}
	u.Path = strings.TrimRight(u.Path, "/") + tracesPath
}

// ports compares the usual ports with the protocol.
func (r *reading) ports(u *url.URL, t *Target, who string) {
	result := Problem
	if t.Assumed {
		result = Warning
	}
	switch {
	case t.Protocol == "grpc" && u.Port() == "4318":
		r.find("env-protocol-port", result, "4318 is the port of OTLP over HTTP; gRPC has 4317.", "use port 4317, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "%s is grpc, but the port of %s is 4318", who, t.From)
	case t.Protocol != "grpc" && u.Port() == "4317":
		r.find("env-protocol-port", result, "4317 is the port of OTLP over gRPC; HTTP has 4318. Which protocol holds without a variable depends on the SDK and on its code.",
			"use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "%s is %s, but the port of %s is 4317", who, t.Protocol, t.From)
	}
}

func (r *reading) headers(t *Target) {
	name, value := r.first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
	if value == "" {
		return
	}
	for pair := range strings.SplitSeq(value, ",") {
		key, v, ok := strings.Cut(pair, "=")
		if v, err := url.PathUnescape(strings.TrimSpace(v)); ok && err == nil && strings.TrimSpace(key) != "" {
			t.Headers[strings.TrimSpace(key)] = v
		} else {
			r.find("env-headers-malformed", Problem, "It is a list as KEY=VALUE,KEY=VALUE, with %20 for a blank.", "write it so", "%s cannot be read", name)
		}
	}
	r.tell("with the headers %s (%s; values are not shown)", strings.Join(slices.Sorted(maps.Keys(t.Headers)), ", "), name)
}

func (r *reading) service() {
	attributes, malformed := map[string]string{}, false
	for pair := range strings.SplitSeq(r.Variables["OTEL_RESOURCE_ATTRIBUTES"], ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			attributes[strings.TrimSpace(key)] = strings.TrimSpace(value)
		} else if strings.TrimSpace(pair) != "" {
			malformed = true
		}
	}
	if malformed {
		r.find("env-resource-malformed", Warning, "It is a list as KEY=VALUE,KEY=VALUE; if it cannot be read, SDKs drop all of it.", "write it so; commas and = in values are %2C and %3D", "OTEL_RESOURCE_ATTRIBUTES cannot be read")
	}
	name := cmp.Or(r.Variables["OTEL_SERVICE_NAME"], attributes["service.name"], r.Variables["JAEGER_SERVICE_NAME"])
	if name == "" {
		r.find("env-service-name", Warning, "Without it the service is called unknown_service, together with all others that have no name.", "set OTEL_SERVICE_NAME", "No variable names the service")
	} else {
		r.tell("the service is called %q", name)
	}
	if own := r.Variables["OTEL_SERVICE_NAME"]; own != "" && attributes["service.name"] != "" && own != attributes["service.name"] {
		r.find("env-service-name-twice", Warning, "OTEL_SERVICE_NAME wins.", "set one of them", "OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES name different services: %q and %q", own, attributes["service.name"])
	}
	delete(attributes, "service.name")
	if len(attributes) > 0 {
		r.tell("its resource has %s", strings.Join(slices.Sorted(maps.Keys(attributes)), ", "))
	}
}

func (r *reading) misspelled(names []string) {
	for _, name := range names {
		if slices.Contains(variables, name) {
			continue
		}
		near := func(known string) bool { return config.Distance(name, known) <= 2 }
		if i := slices.IndexFunc(variables, near); i >= 0 {
			r.find("env-misspelled", Warning, "SDKs do not look at it.", "rename it", "%s is not a variable of OpenTelemetry; did you mean %s?", name, variables[i])
		}
	}
}

// redacted hides the password of a URL.
func redacted(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return "(not a URL)"
}
