package analyze

// Impact is how much a rule weighs in the score.
type Impact uint8

// The impacts, as the Instrumentation Score has them.
const (
	Low Impact = iota
	Normal
	Important
	Critical
)

var (
	impactNames   = [...]string{"low", "normal", "important", "critical"}
	impactWeights = [...]float64{10, 20, 30, 40}
)

func (i Impact) String() string { return impactNames[i] }

// Weight is what a rule of the impact counts in the score.
func (i Impact) Weight() float64 { return impactWeights[i] }

// QualityRule is what traces are held against.
type QualityRule struct {
	ID     string
	Title  string // what is wrong if the rule is broken
	Impact Impact
	// Scored: the rule is one of the Instrumentation Score. All others are Clew's own and only tell.
	Scored  bool
	Unit    string // what Count and Of of a finding are
	Meaning string // of a finding
	fix     string
	// fixes say in short how to do it with an SDK, by telemetry.sdk.language.
	fixes map[string]string
}

// Fix says how to mend what is found, with the SDK of a language if it is known.
func (r *QualityRule) Fix(language string) string {
	if how := r.fixes[language]; how != "" {
		return r.fix + " " + how
	}
	return r.fix
}

// ruleID is the place of a rule in QualityRules.
type ruleID uint8

const (
	ruleInstancePresent ruleID = iota
	ruleInstanceUnique
	rulePodUID
	ruleLevel
	ruleServiceName
	ruleCriticality
	ruleEnvironment
	ruleSensitiveResource
	ruleInternalSpans
	ruleOrphans
	ruleClientRoots
	ruleShortSpans
	ruleSensitiveSpan
	rulePropagation
	ruleUnknownService
	ruleVersion
	ruleNames
	ruleManySpans
	ruleOldNames
	ruleTypes
	ruleClocks
	ruleEndsBeforeStart
	ruleDates
	ruleSharedIDs
	ruleSilentErrors
	ruleExceptions
	ruleKinds
	ruleRequired
	ruleAddresses
	numRules
)

// Limits of rules. The first three are the Instrumentation Score's.
const (
	maxInternalSpans = 10
	maxShortSpans    = 20
	shortSpan        = 5_000_000 // nanoseconds
	maxTraceSpans    = 1000
	maxSpanNames     = 1000
	minSkew          = 1_000_000 // nanoseconds
)

// QualityRules are all rules, those of the Instrumentation Score first.
var QualityRules = [numRules]QualityRule{
	ruleInstancePresent: {
		ID: "RES-001", Impact: Normal, Scored: true, Unit: "spans",
		Title:   "service.instance.id is missing",
		Meaning: "Spans do not tell which of the running instances sent them, so that one bad instance cannot be told from the others.",
		fix:     "Set service.instance.id to something that each process has of its own, as with OTEL_RESOURCE_ATTRIBUTES=service.instance.id=$(uuidgen).",
		fixes: map[string]string{
			"go":     "In Go: resource.New(ctx, resource.WithService()), or semconv.ServiceInstanceID(uuid.NewString()).",
			"java":   "The Java agent sets it by itself from version 2 on.",
			"nodejs": "In Node: serviceInstanceIdDetector of @opentelemetry/resources.",
			"python": "In Python: OTEL_EXPERIMENTAL_RESOURCE_DETECTORS has no detector for it; put it into OTEL_RESOURCE_ATTRIBUTES.",
			"dotnet": "In .NET: ConfigureResource(r => r.AddService(name)) makes one by itself.",
		},
	},
	ruleInstanceUnique: {
		ID: "RES-002", Impact: Important, Scored: true, Unit: "spans",
		Title:   "One service.instance.id is used in several places",
		Meaning: "Pods or hosts share one service.instance.id, so that they look like one instance.",
		fix:     "Make the id where the process starts, from the pod's uid or a random UUID, not in an image or a shared configuration.",
	},
	rulePodUID: {
		ID: "RES-003", Impact: Important, Scored: true, Unit: "spans",
		Title:   "k8s.pod.uid is missing",
		Meaning: "Resources have Kubernetes attributes but not the pod's uid, which is what spans are joined with other data of the pod by.",
		fix:     "Let the Collector's k8sattributes processor add k8s.pod.uid, or pass metadata.uid through the downward API into OTEL_RESOURCE_ATTRIBUTES.",
	},
	ruleLevel: {
		ID: "RES-004", Impact: Important, Scored: true, Unit: "spans",
		Title:   "Attributes stand at the wrong level",
		Meaning: "Attributes of the resource are set on spans, or the other way round, so that queries which say the level miss them.",
		fix:     "Set what describes the process on the resource, once, and what describes one operation on its span. Jaeger's exporters write the resource on each span: send by OTLP instead.",
	},
	ruleServiceName: {
		ID: "RES-005", Impact: Critical, Scored: true, Unit: "spans",
		Title:   "service.name is missing",
		Meaning: "Spans do not tell which service sent them: they are in no list of services and on no map.",
		fix:     "Set OTEL_SERVICE_NAME for each service.",
	},
	ruleCriticality: {
		ID: "RES-006", Impact: Normal, Scored: true, Unit: "spans",
		Title:   "service.criticality has a value that does not exist",
		Meaning: "Tools cannot tell how important the service is.",
		fix:     "Use mission_critical, high, medium or low, in small letters.",
	},
	ruleEnvironment: {
		ID: "RES-007", Impact: Important, Scored: true, Unit: "spans",
		Title:   "deployment.environment.name is missing",
		Meaning: "Spans of production cannot be told from those of tests.",
		fix:     "Add deployment.environment.name=production, or what it is, to OTEL_RESOURCE_ATTRIBUTES.",
	},
	ruleSensitiveResource: {
		ID: "RES-010", Impact: Critical, Scored: true, Unit: "spans",
		Title:   "Secrets or personal data in the resource",
		Meaning: "Whoever may read traces can read this. It is also in every backup and export of them.",
		fix:     "Change the secret first. Then keep it out of the resource: pass secrets by files or variables, not by command line, and turn off detectors of process.command_args.",
		fixes: map[string]string{
			"java":   "In Java: -Dotel.java.disabled.resource.providers=io.opentelemetry.instrumentation.resources.ProcessResourceProvider.",
			"nodejs": "In Node: leave processDetector out of resourceDetectors.",
			"go":     "In Go: leave resource.WithProcess() and WithProcessCommandArgs() out.",
		},
	},
	ruleInternalSpans: {
		ID: "SPA-001", Impact: Normal, Scored: true, Unit: "traces",
		Title:   "More than 10 internal spans in a trace",
		Meaning: "Many spans of steps inside a service cost money and hide the calls between services.",
		fix:     "Keep spans for work that can fail or wait by itself; make the others events or attributes of it, and turn off instrumentation of frameworks' inner steps.",
		fixes: map[string]string{
			"nodejs": "In Node: disable instrumentation-fs, -net, -dns, and the middleware spans of -express (ignoreLayersType).",
			"java":   "In Java: OTEL_INSTRUMENTATION_COMMON_EXPERIMENTAL_CONTROLLER_TELEMETRY_ENABLED=false and ..._VIEW_TELEMETRY_ENABLED=false, or OTEL_INSTRUMENTATION_<NAME>_ENABLED=false.",
			"python": "In Python: OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=asgi,... or exclude_spans=[\"send\", \"receive\"] of the ASGI and FastAPI instrumentation.",
		},
	},
	ruleOrphans: {
		ID: "SPA-002", Impact: Normal, Scored: true, Unit: "spans with a parent",
		Title:   "Parents are missing",
		Meaning: "Spans name a parent that is not in the trace: it was not sent, was dropped on the way, or was sampled away on its own.",
		fix:     "Look at who should have sent the parent: is its exporter failing or its queue full, does it end without a flush, does it sample by another rule, or does a proxy make spans that it sends elsewhere?",
		fixes: map[string]string{
			"go":     "In Go: call TracerProvider.Shutdown before main returns.",
			"python": "In Python: call trace.get_tracer_provider().shutdown() before a short program ends; gunicorn's workers need their provider made after the fork.",
			"nodejs": "In Node: await sdk.shutdown() on SIGTERM.",
		},
	},
	ruleClientRoots: {
		ID: "SPA-004", Impact: Important, Scored: true, Unit: "root spans",
		Title:   "Traces begin with a client span",
		Meaning: "A call was made without a span around it that says why: the work that makes it is not instrumented, or the context was lost inside of the service.",
		fix:     "Begin a span of kind server, consumer or internal around the work that calls, and hand its context to the call.",
		fixes: map[string]string{
			"go":     "In Go: pass the request's ctx down to the call, not context.Background().",
			"java":   "In Java: wrap executors with Context.taskWrapping, so that the context follows to other threads.",
			"nodejs": "In Node: load the instrumentation before all else (node --import); callbacks kept in queues need context.bind.",
			"python": "In Python: threads do not inherit the context: attach it with opentelemetry.context.attach, or use the threading instrumentation.",
			"dotnet": "In .NET: Activity.Current flows with async; do not start the work with ExecutionContext.SuppressFlow.",
		},
	},
	ruleShortSpans: {
		ID: "SPA-005", Impact: Important, Scored: true, Unit: "traces",
		Title:   "More than 20 spans of less than 5 ms in a trace",
		Meaning: "Very many very short spans cost more than they tell. Often they are a query in a loop, or instrumentation that is too fine.",
		fix:     "Ask for many things at once instead of one by one; turn the instrumentation of trivial steps off, or drop such spans in a processor.",
	},
	ruleSensitiveSpan: {
		ID: "SPA-006", Impact: Critical, Scored: true, Unit: "spans",
		Title:   "Secrets or personal data in spans",
		Meaning: "Whoever may read traces can read this. It is also in every backup and export of them.",
		fix:     "Change the secret first if it is one. Then stop recording it: remove the attribute at its source, or let the Collector's redaction or transform processor mask it.",
		fixes: map[string]string{
			"java":   "In Java: keep OTEL_INSTRUMENTATION_COMMON_DB_STATEMENT_SANITIZER_ENABLED at true, and leave Authorization and Cookie out of the captured headers.",
			"python": "In Python: OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS=authorization,cookie,set-cookie.",
			"nodejs": "In Node: leave such headers out of headersToSpanAttributes, and set no enhancedDatabaseReporting.",
			"dotnet": "In .NET: keep SetDbStatementForText off where queries have values in them.",
		},
	},
	rulePropagation: {
		ID: "CLEW-001", Impact: Important, Unit: "calls",
		Title:   "Calls break the trace",
		Meaning: "A service calls another one, and the other one begins a new trace: the context did not travel with the call.",
		fix:     "The caller has to put traceparent into what it sends, and the callee has to take it from there. Both must use the same format: OTEL_PROPAGATORS=tracecontext,baggage is the default; look also whether a proxy or gateway between them drops headers.",
		fixes: map[string]string{
			"go":     "In Go: otel.SetTextMapPropagator(propagation.TraceContext{}) is needed; then otelhttp.NewTransport or otelgrpc.NewClientHandler for calls, otelhttp.NewHandler or otelgrpc.NewServerHandler for servers, and a request made with http.NewRequestWithContext.",
			"java":   "In Java: the agent does it for the clients that it knows; for others inject with GlobalOpenTelemetry.getPropagators().getTextMapPropagator().",
			"nodejs": "In Node: load the SDK before http, undici or grpc-js is imported: node --import ./instrumentation.mjs.",
			"python": "In Python: instrument the client that is used (requests, httpx, aiohttp, grpc), or start with opentelemetry-instrument; by hand: opentelemetry.propagate.inject(headers).",
			"dotnet": "In .NET: AddHttpClientInstrumentation() and AddAspNetCoreInstrumentation(); by hand: Propagators.DefaultTextMapPropagator.Inject.",
			"ruby":   "In Ruby: OpenTelemetry::SDK.configure { |c| c.use_all }; by hand: OpenTelemetry.propagation.inject(headers).",
			"php":    "In PHP: install opentelemetry-auto-psr18 or -guzzle; by hand: TraceContextPropagator::getInstance()->inject($headers).",
			"rust":   "In Rust: opentelemetry::global::set_text_map_propagator, and inject into the headers of each call: reqwest-tracing does.",
			"cpp":    "In C++: GlobalTextMapPropagator::SetGlobalPropagator, and Inject and Extract at each call.",
		},
	},
	ruleUnknownService: {
		ID: "CLEW-002", Impact: Important, Unit: "spans",
		Title:   "service.name is the SDK's default",
		Meaning: "The name begins with unknown_service: nobody configured one, and all such services are shown as one.",
		fix:     "Set OTEL_SERVICE_NAME for each service.",
	},
	ruleVersion: {
		ID: "CLEW-003", Impact: Important, Unit: "spans",
		Title:   "service.version is missing",
		Meaning: "What changed between two releases cannot be compared.",
		fix:     "Add service.version to OTEL_RESOURCE_ATTRIBUTES when the service is built or started, as with the commit or the tag of the image.",
	},
	ruleNames: {
		ID: "CLEW-004", Impact: Important, Unit: "spans",
		Title:   "Span names have ids in them",
		Meaning: "Names that are nearly all different cannot be grouped: no rates, no percentiles, very many operations. (SPA-003 of the Instrumentation Score wants the same, but does not say yet from where on.)",
		fix:     "Name the span by the route's template, as GET /users/{id}, and put the id into an attribute.",
		fixes: map[string]string{
			"go":     "In Go: http.ServeMux patterns give the route since otelhttp 0.60; else trace.SpanFromContext(ctx).SetName(...) in the router.",
			"nodejs": "In Node: add the instrumentation of the framework (express, fastify, koa), which knows the route.",
			"python": "In Python: add the instrumentation of the framework (flask, django, fastapi), which knows the route.",
			"java":   "In Java: the agent names spans by the route where it knows the framework; else Span.current().updateName.",
		},
	},
	ruleManySpans: {
		ID: "CLEW-005", Impact: Normal, Unit: "traces",
		Title:   "More than 1,000 spans in a trace",
		Meaning: "Traces of this size are slow to read, and often are a loop, or a process that never ends its trace.",
		fix:     "Begin a new trace for each batch or message and link it to where it comes from.",
	},
	ruleOldNames: {
		ID: "CLEW-006", Impact: Low, Unit: "spans",
		Title:   "Attributes have old names",
		Meaning: "The semantic conventions have renamed these attributes: queries and dashboards made for the new names miss them.",
		fix:     "Update the instrumentation; many change over by OTEL_SEMCONV_STABILITY_OPT_IN=http,database,messaging, or http/dup to send both for a while. The Collector's schema or transform processor can rename them meanwhile.",
	},
	ruleTypes: {
		ID: "CLEW-007", Impact: Normal, Unit: "spans",
		Title:   "Attributes have the wrong type",
		Meaning: "A number that is sent as text does not compare: http.response.status_code >= 500 does not find \"503\".",
		fix:     "Set the attribute with its type; where a proxy sends it, as Envoy does with status codes, convert it in the Collector's transform processor (Int()).",
	},
	ruleClocks: {
		ID: "CLEW-008", Impact: Normal, Unit: "calls",
		Title:   "Clocks of caller and callee differ",
		Meaning: "A callee's span begins before the call that caused it, or after its end: either clock is off, and times between the two cannot be trusted.",
		fix:     "Let NTP or chrony set the clocks of both hosts, and of the hosts of virtual machines.",
	},
	ruleEndsBeforeStart: {
		ID: "CLEW-009", Impact: Important, Unit: "spans",
		Title:   "Spans end before they start",
		Meaning: "Durations are negative, so that they are in no percentile.",
		fix:     "Take both times from one clock: let the SDK take them, or do not mix a clock that is set with one that only counts. A jump of the system's clock does this too.",
	},
	ruleDates: {
		ID: "CLEW-010", Impact: Important, Unit: "spans",
		Title:   "Spans are dated long ago, or in the future",
		Meaning: "Such spans are in no range of time that anybody looks at. They are found here whichever range is asked for.",
		fix:     "Times are in nanoseconds since 1970: look for seconds, milliseconds or microseconds in their place, for a time that was never set, and for the host's clock.",
	},
	ruleSharedIDs: {
		ID: "CLEW-011", Impact: Normal, Unit: "spans",
		Title:   "Several spans of a trace have one id",
		Meaning: "Different spans have one id, so that it is not known which of them is whose parent.",
		fix:     "Let the SDK make ids; look for generators with a fixed seed, for forked processes that share one, and for spans that are exported twice with changes.",
	},
	ruleSilentErrors: {
		ID: "CLEW-012", Impact: Normal, Unit: "failed spans",
		Title:   "Errors do not say what went wrong",
		Meaning: "Spans failed, and have no message, no exception, no error.type and no status code that tells why.",
		fix:     "Record the exception and set the status with a message.",
		fixes: map[string]string{
			"go":     "In Go: span.RecordError(err); span.SetStatus(codes.Error, err.Error()).",
			"java":   "In Java: span.recordException(e); span.setStatus(StatusCode.ERROR, e.getMessage()).",
			"nodejs": "In Node: span.recordException(e); span.setStatus({ code: SpanStatusCode.ERROR, message: e.message }).",
			"python": "In Python: span.record_exception(e); span.set_status(Status(StatusCode.ERROR, str(e))).",
			"dotnet": "In .NET: activity.AddException(e); activity.SetStatus(ActivityStatusCode.Error, e.Message).",
		},
	},
	ruleExceptions: {
		ID: "CLEW-013", Impact: Low, Unit: "spans with an exception",
		Title:   "Spans with an exception are not marked as failed",
		Meaning: "An exception is recorded and the span is not marked as failed: searches for errors miss it. If the exception was dealt with, it is better not recorded.",
		fix:     "Set the status to error where the exception is recorded, unless it was dealt with.",
	},
	ruleKinds: {
		ID: "CLEW-014", Impact: Important, Unit: "spans",
		Title:   "Spans of calls have no kind",
		Meaning: "The service makes or takes calls, and all its spans are internal or of no kind: it is missing from the map, and its requests are not counted as such.",
		fix:     "Set the kind: server or consumer for what comes in, client or producer for what goes out.",
		fixes: map[string]string{
			"go":     "In Go: tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer)).",
			"java":   "In Java: spanBuilder.setSpanKind(SpanKind.SERVER).",
			"nodejs": "In Node: tracer.startSpan(name, { kind: SpanKind.SERVER }).",
			"python": "In Python: tracer.start_as_current_span(name, kind=SpanKind.SERVER).",
			"dotnet": "In .NET: source.StartActivity(name, ActivityKind.Server).",
		},
	},
	ruleRequired: {
		ID: "CLEW-015", Impact: Normal, Unit: "spans",
		Title:   "Required attributes are missing",
		Meaning: "Spans of HTTP, databases, RPC or messaging lack what the conventions require of them, so that they cannot be grouped or named.",
		fix:     "Update the instrumentation, or set the attributes where spans are made by hand.",
	},
	ruleAddresses: {
		ID: "CLEW-016", Impact: Low, Unit: "spans",
		Title:   "Public IP addresses under keys that are not for them",
		Meaning: "The public address of a person's computer is personal data in many countries, and here it is under a key that nobody would look for it.",
		fix:     "Leave it out, shorten it, or use client.address, so that one rule of the Collector can mask it everywhere.",
	},
}

// UnjudgedRule is a rule of the Instrumentation Score that is not judged.
type UnjudgedRule struct{ ID, Title, Reason string }

const (
	ofMetrics = "it is about metrics, which are not stored"
	ofLogs    = "it is about logs, which traces do not tell"
)

// UnjudgedRules are those that the score lacks.
var UnjudgedRules = []UnjudgedRule{
	{"SPA-003", "Span names have bound cardinality", "its criterion is not defined yet; CLEW-004 looks for ids in names"},
	{"SDK-001", "Language and runtime are supported by the SDK", "it needs lists of what each release of each SDK supports, and spans seldom tell the runtime's version"},
	{"LOG-001", "Debug logs are not on in production for more than 14 days", ofLogs},
	{"LOG-002", "Log records have a severity", ofLogs},
	{"LOG-003", "Log records have no sensitive data", ofLogs},
	{"MET-001", "Metric attributes have bound cardinality", ofMetrics},
	{"MET-002", "Metrics have useful units", ofMetrics},
	{"MET-003", "A metric has one unit everywhere", ofMetrics},
	{"MET-004", "A histogram has the same buckets everywhere", ofMetrics},
	{"MET-005", "Metric names do not contain the unit", ofMetrics},
	{"MET-006", "Metric names are no attribute keys", ofMetrics},
	{"MET-007", "Metrics have no volatile resource attributes", ofMetrics},
	{"MET-008", "Metrics have no sensitive data", ofMetrics},
}

// scoreCategories are the Instrumentation Score's, by the lowest score that each has.
var scoreCategories = []struct {
	from float64
	name string
}{{90, "Excellent"}, {75, "Good"}, {50, "Needs Improvement"}, {0, "Poor"}}

// ScoreCategory names what a score means. Between two whole numbers the lower category holds.
func ScoreCategory(score float64) string {
	for _, c := range scoreCategories {
		if score >= c.from {
			return c.name
		}
	}
	return ""
}

// qualityScore is the weight of the scored rules that passed among that of all, as a part of 100.
func qualityScore(failed func(ruleID) bool) float64 {
	var passed, total float64
	for id := range QualityRules {
		r := &QualityRules[id]
		if !r.Scored {
			continue
		}
		total += r.Impact.Weight()
		if !failed(ruleID(id)) {
			passed += r.Impact.Weight()
		}
	}
	return 100 * passed / total
}
