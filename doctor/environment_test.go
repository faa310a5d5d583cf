package doctor

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		env  string
		want map[string]Result // ids that have to be there
		not  string            // ids that must not
		url  string            // of the target
	}{
		"nothing":                   {"", map[string]Result{"env-none": Skipped}, "", ""},
		"all is well":               {"OTEL_SERVICE_NAME=a", map[string]Result{"env-meaning": OK}, "env-service-name env-sampler-zero", "http://localhost:4318/v1/traces"},
		"base endpoint":             {"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318/x/", nil, "env-endpoint-path-twice", "http://h:4318/x/v1/traces"},
		"endpoint of the signal":    {"OTEL_EXPORTER_OTLP_ENDPOINT=http://g:1 OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://h:4318/t", nil, "env-endpoint-path-missing", "http://h:4318/t"},
		"path twice":                {"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318/v1/traces", map[string]Result{"env-endpoint-path-twice": Problem}, "", "http://h:4318/v1/traces/v1/traces"},
		"path missing":              {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://h:4318", map[string]Result{"env-endpoint-path-missing": Problem}, "", "http://h:4318"},
		"no scheme":                 {"OTEL_EXPORTER_OTLP_ENDPOINT=h:4318", map[string]Result{"env-endpoint-scheme": Problem}, "", "http://h:4318/v1/traces"},
		"no scheme by gRPC":         {"OTEL_EXPORTER_OTLP_ENDPOINT=h:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", nil, "env-endpoint-scheme env-protocol-port", "http://h:4317"},
		"grpc by default":           {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", nil, "env-protocol-port", "http://localhost:4317"},
		"gRPC port for HTTP":        {"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", map[string]Result{"env-protocol-port": Problem}, "", "http://h:4317/v1/traces"},
		"gRPC port, nothing said":   {"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4317", map[string]Result{"env-protocol-port": Warning}, "", "http://h:4317/v1/traces"},
		"HTTP port for gRPC":        {"OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318 OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", map[string]Result{"env-protocol-port": Problem}, "", "http://h:4318"},
		"protocol":                  {"OTEL_EXPORTER_OTLP_PROTOCOL=http", map[string]Result{"env-protocol-unknown": Problem}, "", "http://localhost:4318/v1/traces"},
		"no URL":                    {"OTEL_EXPORTER_OTLP_ENDPOINT=http://%zz", map[string]Result{"env-endpoint-url": Problem}, "", ""},
		"any host":                  {"OTEL_EXPORTER_OTLP_ENDPOINT=http://0.0.0.0:4318", map[string]Result{"env-endpoint-any": Warning}, "", "http://0.0.0.0:4318/v1/traces"},
		"headers":                   {"OTEL_EXPORTER_OTLP_HEADERS=secret", map[string]Result{"env-headers-malformed": Problem}, "", "http://localhost:4318/v1/traces"},
		"timeout in seconds":        {"OTEL_EXPORTER_OTLP_TIMEOUT=10", map[string]Result{"env-timeout-short": Warning}, "", "http://localhost:4318/v1/traces"},
		"disabled":                  {"OTEL_SDK_DISABLED=TRUE", map[string]Result{"env-sdk-disabled": Problem}, "", "http://localhost:4318/v1/traces"},
		"disabled by 1":             {"OTEL_SDK_DISABLED=1", map[string]Result{"env-boolean": Warning}, "env-sdk-disabled", "http://localhost:4318/v1/traces"},
		"no exporter":               {"OTEL_TRACES_EXPORTER=none", map[string]Result{"env-exporter-none": Problem}, "", ""},
		"printed":                   {"OTEL_TRACES_EXPORTER=console", map[string]Result{"env-exporter-console": Problem}, "", ""},
		"printed and sent":          {"OTEL_TRACES_EXPORTER=console,otlp", nil, "env-exporter-console", "http://localhost:4318/v1/traces"},
		"zipkin":                    {"OTEL_TRACES_EXPORTER=zipkin", nil, "", "http://localhost:9411/api/v2/spans"},
		"zipkin without path":       {"OTEL_TRACES_EXPORTER=zipkin OTEL_EXPORTER_ZIPKIN_ENDPOINT=http://h:9411", map[string]Result{"env-endpoint-path-missing": Problem}, "", "http://h:9411"},
		"jaeger":                    {"OTEL_TRACES_EXPORTER=jaeger", map[string]Result{"env-exporter-jaeger": Warning}, "", ""},
		"exporter":                  {"OTEL_TRACES_EXPORTER=otpl", map[string]Result{"env-exporter-unknown": Problem}, "", ""},
		"sampler off":               {"OTEL_TRACES_SAMPLER=always_off", map[string]Result{"env-sampler-zero": Problem}, "", "http://localhost:4318/v1/traces"},
		"ratio zero":                {"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.0", map[string]Result{"env-sampler-zero": Problem}, "env-sampler-parent", "http://localhost:4318/v1/traces"},
		"ratio tiny, by itself":     {"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.0001", map[string]Result{"env-sampler-tiny": Warning, "env-sampler-parent": Warning}, "", "http://localhost:4318/v1/traces"},
		"ratio in percent":          {"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=10", map[string]Result{"env-sampler-arg": Warning}, "", "http://localhost:4318/v1/traces"},
		"ratio not a number":        {"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=NaN", map[string]Result{"env-sampler-arg": Warning}, "", "http://localhost:4318/v1/traces"},
		"argument alone":            {"OTEL_TRACES_SAMPLER_ARG=0.1", map[string]Result{"env-sampler-arg-alone": Warning}, "", "http://localhost:4318/v1/traces"},
		"sampler":                   {"OTEL_TRACES_SAMPLER=ratio", map[string]Result{"env-sampler-unknown": Warning}, "", "http://localhost:4318/v1/traces"},
		"remote":                    {"OTEL_TRACES_SAMPLER=parentbased_jaeger_remote", map[string]Result{"env-sampler-remote": Warning}, "", "http://localhost:4318/v1/traces"},
		"propagator":                {"OTEL_PROPAGATORS=tracecontext,w3c", map[string]Result{"env-propagator-unknown": Problem}, "env-propagators-legacy", "http://localhost:4318/v1/traces"},
		"no propagators":            {"OTEL_PROPAGATORS=none", map[string]Result{"env-propagators-none": Problem}, "env-propagators-legacy", "http://localhost:4318/v1/traces"},
		"b3 only":                   {"OTEL_PROPAGATORS=b3", map[string]Result{"env-propagators-legacy": Warning}, "", "http://localhost:4318/v1/traces"},
		"no service":                {"OTEL_RESOURCE_ATTRIBUTES=team=x", map[string]Result{"env-service-name": Warning}, "", "http://localhost:4318/v1/traces"},
		"service in the resource":   {"OTEL_RESOURCE_ATTRIBUTES=team=x,service.name=a", nil, "env-service-name", "http://localhost:4318/v1/traces"},
		"two services":              {"OTEL_RESOURCE_ATTRIBUTES=service.name=a OTEL_SERVICE_NAME=b", map[string]Result{"env-service-name-twice": Warning}, "", "http://localhost:4318/v1/traces"},
		"resource":                  {"OTEL_RESOURCE_ATTRIBUTES=team", map[string]Result{"env-resource-malformed": Warning}, "", "http://localhost:4318/v1/traces"},
		"queue smaller than batch":  {"OTEL_BSP_MAX_QUEUE_SIZE=100", map[string]Result{"env-batch-larger-than-queue": Problem}, "", "http://localhost:4318/v1/traces"},
		"small queue":               {"OTEL_BSP_MAX_QUEUE_SIZE=100 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=10", map[string]Result{"env-queue-small": Warning}, "", "http://localhost:4318/v1/traces"},
		"queue of none":             {"OTEL_BSP_MAX_QUEUE_SIZE=0", map[string]Result{"env-queue-zero": Problem}, "", "http://localhost:4318/v1/traces"},
		"queue of words":            {"OTEL_BSP_MAX_QUEUE_SIZE=2k", map[string]Result{"env-number": Warning}, "env-queue-zero", "http://localhost:4318/v1/traces"},
		"delay":                     {"OTEL_BSP_SCHEDULE_DELAY=3600000", map[string]Result{"env-delay-long": Warning}, "", "http://localhost:4318/v1/traces"},
		"limits":                    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1", map[string]Result{"env-limit-small": Warning}, "", "http://localhost:4318/v1/traces"},
		"misspelled":                {"OTEL_EXPORTER_OTLP_ENPOINT=http://h:4318", map[string]Result{"env-misspelled": Warning}, "", "http://localhost:4318/v1/traces"},
		"of a language":             {"OTEL_PYTHON_LOG_CORRELATION=true", nil, "env-misspelled", "http://localhost:4318/v1/traces"},
		"jaeger's client":           {"JAEGER_AGENT_HOST=h JAEGER_SAMPLER_TYPE=const JAEGER_SAMPLER_PARAM=0", map[string]Result{"env-jaeger": Warning, "env-sampler-zero": Problem, "env-propagators-legacy": Warning}, "", "http://localhost:4318/v1/traces"},
		"jaeger's client, by w3c":   {"JAEGER_SERVICE_NAME=h JAEGER_PROPAGATION=w3c JAEGER_DISABLED=true", map[string]Result{"env-sdk-disabled": Problem}, "env-propagators-legacy env-service-name", "http://localhost:4318/v1/traces"},
		"compression":               {"OTEL_EXPORTER_OTLP_COMPRESSION=zstd", map[string]Result{"env-compression-unknown": Warning}, "", "http://localhost:4318/v1/traces"},
		"empty counts as not there": {"OTEL_TRACES_SAMPLER= OTEL_PROPAGATORS=b3,tracecontext", nil, "env-sampler-unknown env-propagators-legacy", "http://localhost:4318/v1/traces"},
	} {
		t.Run(name, func(t *testing.T) {
			target, list := Environment(ParseVariables(strings.Fields(c.env)))
			for id, result := range c.want {
				if !slices.ContainsFunc(list, func(f Finding) bool { return f.ID == id && f.Result == result }) {
					t.Errorf("%s is not there: %+v", id, list)
				}
			}
			for _, id := range strings.Fields(c.not) {
				if slices.ContainsFunc(list, func(f Finding) bool { return f.ID == id }) {
					t.Errorf("%s is there", id)
				}
			}
			url := ""
			if target != nil {
				url = target.URL
			}
			if url != c.url {
				t.Errorf("spans go to %q, want %q", url, c.url)
			}
			for _, f := range list {
				if (f.Result == Problem || f.Result == Warning) && f.Fix == "" {
					t.Errorf("%s has no fix", f.ID)
				}
			}
		})
	}
}

func TestEnvironmentProposesPropagators(t *testing.T) {
	_, list := Environment(Variables{"OTEL_PROPAGATORS": "b3, foo,baggage"})
	i := slices.IndexFunc(list, func(f Finding) bool { return f.ID == "env-propagators-legacy" })
	if i < 0 || list[i].Fix != "set OTEL_PROPAGATORS=tracecontext,baggage,b3" {
		t.Errorf("proposed is %+v", list)
	}
}

func TestEnvironmentKeepsSecrets(t *testing.T) {
	target, list := Environment(ParseVariables([]string{"OTEL_EXPORTER_OTLP_HEADERS=api-key=s3cret,x=a%20b", "OTEL_EXPORTER_OTLP_ENDPOINT=http://me:s3cret@h:4317"}))
	for _, f := range list {
		if all := strings.Join(append(f.Evidence, f.Title, f.Cause, f.Fix), "\n"); strings.Contains(all, "s3cret") {
			t.Errorf("a secret is told: %s", all)
		}
	}
	if target.Headers["api-key"] != "s3cret" || target.Headers["x"] != "a b" {
		t.Errorf("the headers are %v", target.Headers)
	}
}

func TestParseEnvFile(t *testing.T) {
	got := ParseEnvFile("# comment\nexport A=1\nB = \"two words\" \n\nC='3'\nD\r\nE=\"\n#F=1")
	want := Variables{"A": "1", "B": "two words", "C": "3", "E": "\""}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func FuzzEnvironment(f *testing.F) {
	f.Add("OTEL_EXPORTER_OTLP_ENDPOINT=h:4318\nOTEL_RESOURCE_ATTRIBUTES=a=b,,c\nOTEL_TRACES_SAMPLER=traceidratio\nOTEL_EXPORTER_OTLP_HEADERS=%zz=%")
	f.Add("export JAEGER_ENDPOINT='http://[::1'\nOTEL_TRACES_EXPORTER=zipkin,,\nOTEL_BSP_MAX_QUEUE_SIZE=-1")
	f.Fuzz(func(t *testing.T, text string) {
		_, list := Environment(ParseEnvFile(text))
		if len(list) == 0 {
			t.Error("nothing is said")
		}
	})
}
