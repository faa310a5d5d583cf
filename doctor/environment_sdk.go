package doctor

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// variables are those that SDKs and Jaeger's clients look at, as far as they bear on traces.
var variables = []string{
	"OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_LOG_LEVEL", "OTEL_PROPAGATORS",
	"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER",
	"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
	"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
	"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
	"OTEL_EXPORTER_OTLP_INSECURE", "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
	"OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT",
	"JAEGER_SERVICE_NAME", "JAEGER_AGENT_HOST", "JAEGER_AGENT_PORT", "JAEGER_ENDPOINT", "JAEGER_USER", "JAEGER_PASSWORD", "JAEGER_DISABLED",
	"JAEGER_SAMPLER_TYPE", "JAEGER_SAMPLER_PARAM", "JAEGER_SAMPLER_MANAGER_HOST_PORT", "JAEGER_SAMPLING_ENDPOINT", "JAEGER_PROPAGATION", "JAEGER_TAGS",
}

// number reads a number, and tells if it is none.
func (r *reading) number(name, value string) (int, bool) {
	n, err := strconv.Atoi(value)
	if err != nil {
		r.find("env-number", Warning, "SDKs use the default instead, or do not start.", "set it to a whole number", "%s=%s is not a number", name, value)
	}
	return n, err == nil
}

// setting reads a number; absent holds if there is none.
func (r *reading) setting(name string, absent int) int {
	if _, value := r.first(name); value != "" {
		if n, ok := r.number(name, value); ok {
			return n
		}
	}
	return absent
}

func (r *reading) sampler() {
	name, sampler := r.first("OTEL_TRACES_SAMPLER")
	argName, arg := r.first("OTEL_TRACES_SAMPLER_ARG")
	if sampler == "" {
		r.tell("all requests are sampled, unless their caller decided otherwise (the default, parentbased_always_on)")
		if arg != "" {
			r.find("env-sampler-arg-alone", Warning, "Without OTEL_TRACES_SAMPLER all is sampled.", "set OTEL_TRACES_SAMPLER=parentbased_traceidratio", "%s has no effect: OTEL_TRACES_SAMPLER is not set", argName)
		}
		return
	}
	r.tell("the sampler is %s", strings.TrimSpace(sampler+" "+arg))
	const fix = "set OTEL_TRACES_SAMPLER=parentbased_always_on, or parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG"
	switch sampler {
	case "always_on", "parentbased_always_on":
	case "always_off", "parentbased_always_off":
		r.find("env-sampler-zero", Problem, "No trace that begins here is kept.", fix, "%s=%s samples nothing", name, sampler)
	case "traceidratio", "parentbased_traceidratio":
		r.ratio(sampler, argName, arg, fix)
	case "jaeger_remote", "parentbased_jaeger_remote":
		if !strings.Contains(arg, "endpoint=") {
			r.find("env-sampler-remote", Warning, "The sampler asks a server what to sample.", "set OTEL_TRACES_SAMPLER_ARG=endpoint=http://HOST:5778/sampling,pollingIntervalMs=5000,initialSamplingRate=0.25; some SDKs want HOST:5779, by gRPC", "%s=%s has no endpoint to ask", name, sampler)
		}
	case "xray":
	default:
		r.find("env-sampler-unknown", Warning, "SDKs sample all then, or do not start.", fix, "%s=%s is not known", name, sampler)
	}
}

func (r *reading) ratio(sampler, name, arg, fix string) {
	p, err := strconv.ParseFloat(arg, 64)
	switch {
	case arg == "":
		r.find("env-sampler-arg", Warning, "Without it the ratio is 1.", "set OTEL_TRACES_SAMPLER_ARG to a number from 0 to 1", "OTEL_TRACES_SAMPLER=%s has no OTEL_TRACES_SAMPLER_ARG", sampler)
	case err != nil || !(p >= 0 && p <= 1):
		r.find("env-sampler-arg", Warning, "SDKs take 1 instead.", "set it to a number from 0 to 1", "%s=%s is no ratio", name, arg)
	case p == 0:
		r.find("env-sampler-zero", Problem, "No trace that begins here is kept.", fix, "OTEL_TRACES_SAMPLER=%s with %s=%s samples nothing", sampler, name, arg)
	case p < rare:
		r.find("env-sampler-tiny", Warning, "Most requests leave no trace, and rare errors hardly ever do.", fix, "OTEL_TRACES_SAMPLER=%s with %s=%s keeps one trace in %.0f", sampler, name, arg, 1/p)
	}
	if sampler == "traceidratio" {
		r.find("env-sampler-parent", Warning, "It decides anew in every service: traces lack the spans of those that decide otherwise.", "set OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER=traceidratio ignores what the caller decided")
	}
}

func (r *reading) propagators() {
	name, value := r.first("OTEL_PROPAGATORS")
	if value == "" {
		r.tell("calls carry traceparent and baggage (the default)")
		return
	}
	list := strings.Split(value, ",")
	proposed := []string{"tracecontext", "baggage"}
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
		switch list[i] {
		case "tracecontext", "baggage":
		case "b3", "b3multi", "jaeger", "xray", "ottrace":
			proposed = append(proposed, list[i])
		case "none":
			r.find("env-propagators-none", Problem, "Every service begins a trace of its own.", "set OTEL_PROPAGATORS=tracecontext,baggage", "%s is none: calls carry no trace", name)
		default:
			r.find("env-propagator-unknown", Problem, "There are tracecontext, baggage, b3, b3multi, jaeger, xray, ottrace and none. Some SDKs do not start, others leave it out.", "set OTEL_PROPAGATORS=tracecontext,baggage", "%s names %q, which is no propagator", name, list[i])
		}
	}
	r.tell("calls carry %s", strings.Join(list, ", "))
	if !slices.Contains(list, "tracecontext") && !slices.Contains(list, "none") {
		r.find("env-propagators-legacy", Warning, "Services with the default propagators neither send nor read these headers: traces break at them.", "set OTEL_PROPAGATORS="+strings.Join(proposed, ","), "%s lacks tracecontext", name)
	}
}

func (r *reading) batches() {
	queue, batch := r.setting("OTEL_BSP_MAX_QUEUE_SIZE", 2048), r.setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
	delay, timeout := r.setting("OTEL_BSP_SCHEDULE_DELAY", 5000), r.setting("OTEL_BSP_EXPORT_TIMEOUT", 30000)
	r.tell("spans wait in a queue of %d, and are sent in batches of %d or after %d ms; what does not fit into the queue is lost", queue, batch, delay)
	switch {
	case queue <= 0 || batch <= 0:
		r.find("env-queue-zero", Problem, "SDKs do not start then, or drop every span.", "unset OTEL_BSP_MAX_QUEUE_SIZE and OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "The queue of spans has %d places, and batches have %d spans", queue, batch)
	case batch > queue:
		r.find("env-batch-larger-than-queue", Problem, "A batch is taken from the queue; some SDKs do not start.", "make OTEL_BSP_MAX_QUEUE_SIZE several times OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "Batches of %d spans do not fit into a queue of %d", batch, queue)
	case queue < 512:
		r.find("env-queue-small", Warning, "Spans that do not fit are dropped, and only the SDK's log says so.", "unset OTEL_BSP_MAX_QUEUE_SIZE, for 2048", "The queue of spans has only %d places", queue)
	}
	if delay > 60_000 {
		r.find("env-delay-long", Warning, "The unit is milliseconds; a process that ends without a shutdown loses what waits.", "set OTEL_BSP_SCHEDULE_DELAY=5000", "Spans wait up to %d s before they are sent", delay/1000)
	}
	if timeout > 0 && timeout < 1000 {
		r.find("env-timeout-short", Warning, "The unit is milliseconds.", "set OTEL_BSP_EXPORT_TIMEOUT=30000", "An export is given up after %d ms", timeout)
	}
}

func (r *reading) limits() {
	for _, l := range []struct {
		name, of string
		least    int
	}{
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "attributes of a span", 16},
		{"OTEL_ATTRIBUTE_COUNT_LIMIT", "attributes", 16},
		{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "characters of a value", 64},
		{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "characters of a value", 64},
		{"OTEL_SPAN_EVENT_COUNT_LIMIT", "events of a span", 8},
		{"OTEL_SPAN_LINK_COUNT_LIMIT", "links of a span", 8},
	} {
		if n := r.setting(l.name, l.least); n < l.least {
			r.find("env-limit-small", Warning, "What is beyond is dropped, or cut off.", "unset it", "%s=%d leaves only %d %s", l.name, n, n, l.of)
		}
	}
}

// jaeger tells of the variables of Jaeger's clients, which are not developed any more.
func (r *reading) jaeger() {
	name, _ := r.first("JAEGER_AGENT_HOST", "JAEGER_ENDPOINT", "JAEGER_SERVICE_NAME", "JAEGER_SAMPLER_TYPE", "JAEGER_DISABLED", "JAEGER_PROPAGATION")
	if name == "" {
		return
	}
	if _, endpoint := r.first("JAEGER_ENDPOINT"); endpoint != "" {
		r.tell("a Jaeger client sends to %s by Thrift over HTTP", redacted(endpoint))
	} else {
		r.tell("a Jaeger client sends to %s:%s by UDP", cmp.Or(r.Variables["JAEGER_AGENT_HOST"], "localhost"), cmp.Or(r.Variables["JAEGER_AGENT_PORT"], "6831"))
	}
	r.find("env-jaeger", Warning, "OpenTelemetry's SDKs do not look at variables JAEGER_*, only Jaeger's clients do, which are not developed any more.", "move to OTEL_EXPORTER_OTLP_ENDPOINT; until then Clew takes what Jaeger's clients send", "Variables of Jaeger's clients are set")
	if strings.EqualFold(r.Variables["JAEGER_DISABLED"], "true") {
		r.find("env-sdk-disabled", Problem, "The client then makes no spans at all.", "unset it", "JAEGER_DISABLED is true")
	}
	kind, param := r.Variables["JAEGER_SAMPLER_TYPE"], r.Variables["JAEGER_SAMPLER_PARAM"]
	p, err := strconv.ParseFloat(param, 64)
	if kind != "" && kind != "remote" && param != "" && err == nil && p == 0 {
		r.find("env-sampler-zero", Problem, "No trace that begins here is kept.", "set JAEGER_SAMPLER_TYPE=const and JAEGER_SAMPLER_PARAM=1", "JAEGER_SAMPLER_TYPE=%s with JAEGER_SAMPLER_PARAM=%s samples nothing", kind, param)
	}
	if p := r.Variables["JAEGER_PROPAGATION"]; p == "" || p == "jaeger" {
		r.find("env-propagators-legacy", Warning, "Jaeger's clients send uber-trace-id; services with OpenTelemetry's default propagators do not read it.", "set JAEGER_PROPAGATION=w3c where the client knows it, or OTEL_PROPAGATORS=tracecontext,baggage,jaeger on the other side", "The Jaeger client sends no traceparent")
	}
}
