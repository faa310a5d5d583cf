// Package config holds every setting of Clew in one Config: defaults, the
// sources that override them (file, environment, flags), what may be said in
// them, and the reference that is generated from the same table.
package config

import (
	"time"
)

// Config is every setting of a Clew process. Load fills it.
type Config struct {
	DataDir   string
	Listen    Listen
	Retention Retention
	// SyncInterval is the group commit of the write-ahead log; 0 syncs before each acknowledgement.
	SyncInterval time.Duration
	Memory       Memory
	Ingest       Ingest
	Query        Query
	Kafka        Kafka
	Sampling     Sampling
	TailSampling TailSampling
	SpanMetrics  SpanMetrics
	Tempo        Tempo
	HTTP         HTTP
	// LogLinks lead from a span to its logs elsewhere: NAME=URL, with placeholders.
	LogLinks []string
	// ShutdownTimeout bounds how long a stop waits for requests in flight.
	ShutdownTimeout time.Duration
	Log             Log
	SelfTracing     SelfTracing

	// origin says where a setting's value came from: "default", "FILE:LINE", …
	origin map[string]string
}

// Listen has the address of each listener; "" disables it.
type Listen struct {
	OTLPGRPC, OTLPHTTP, HTTP, GRPC, Tempo, Zipkin string
	JaegerThriftHTTP, JaegerGRPC                  string
	JaegerCompact, JaegerBinary                   string // UDP
	SamplingHTTP, SamplingGRPC                    string
}

// UDP reports whether the listener of a name takes packets instead of connections.
func UDP(listener string) bool { return listener == "jaeger-compact" || listener == "jaeger-binary" }

// Retention says when data is dropped; 0 is never.
type Retention struct {
	Age  time.Duration
	Size int64 // bytes on disk
}

// Memory has the budgets in bytes. Load replaces what is left to "auto".
type Memory struct {
	Limit                               int64 // of the whole process
	Head, Cache, Query, Views, InFlight int64 // parts of Limit
}

// Ingest limits what senders may send.
type Ingest struct {
	MaxRequestSize int64 // bytes, before and after decompression
}

// Query limits what readers may ask for.
type Query struct {
	Timeout   time.Duration
	MaxTraces int // 0 is no limit
}

// Tempo limits what one request to Tempo's API may ask for; 0 is no limit.
type Tempo struct {
	MaxTraces, MaxSpansPerSet int
	MaxRange, MaxMetricsRange time.Duration
	MaxIntervals, MaxSeries   int
}

// Kafka says what is read from Kafka; without Brokers, nothing is.
type Kafka struct {
	Brokers, Topics              []string
	Group, Encoding, DeadLetters string
	TLS                          string // off, on
	SASL, Username, PasswordFile string
}

// Sampling says what the SDKs of services are told.
type Sampling struct {
	Strategies         string // path or URL; "" for none
	ReloadInterval     time.Duration
	DefaultProbability float64
	Adaptive           string // off, on
	// What follows is of adaptive sampling.
	TargetSamplesPerSecond, MinSamplesPerSecond        float64
	InitialProbability, MinProbability, DeltaTolerance float64
	CalculationInterval                                time.Duration
	AggregationBuckets                                 int
}

// TailSampling says which traces stay once all of their spans have been there for some time.
type TailSampling struct {
	Policies         string // path or URL; "": all stay
	Window, Remember time.Duration
	DryRun           string // off, on
}

// SpanMetrics says what metrics are made of spans.
type SpanMetrics struct {
	Enabled, Histograms                           string
	Intrinsic, Dimensions                         []string
	Multiplier                                    string // key of an attribute; "": none
	TargetInfo, ClusterNames                      string // off, on
	TargetInfoExclude                             []string
	GraphDimensions, GraphPeers                   []string
	GraphPrefix, VirtualNodeLabel, ConnectionInfo string // off, on
	MaxSeries, MaxLabelValues                     int
	Idle                                          time.Duration
	RemoteWrite, OTLPEndpoint                     string // "": nowhere
	Interval                                      time.Duration
}

// HTTP is what all HTTP listeners have in common.
type HTTP struct {
	CORSOrigins    []string
	FrameAncestors []string
	PathPrefix     string // "" or "/prefix" without a slash at its end
}

// Log says what is logged, and how.
type Log struct {
	Level, Format string
}

// SelfTracing says where Clew sends the traces of its own work; "" is nowhere.
type SelfTracing struct {
	Endpoint string
}

// setting is one row of the table from which flags, environment variables, the
// file's keys, `clew config print` and the reference are all made.
type setting struct {
	name  string // key in the file (dots nest), and the flag
	value value
	doc   string
}

// settings returns the table, bound to the fields of c.
func (c *Config) settings() []setting {
	return []setting{
		{"data-dir", pathValue{&c.DataDir}, "Folder that holds all data. It is created if it does not exist."},

		{"listen.otlp-grpc", addressValue{&c.Listen.OTLPGRPC}, "OTLP/gRPC: traces, and logs that belong to them, from SDKs and Collectors."},
		{"listen.otlp-http", addressValue{&c.Listen.OTLPHTTP}, "OTLP/HTTP: the same, as protobuf or JSON on /v1/traces and /v1/logs."},
		{"listen.http", addressValue{&c.Listen.HTTP}, "Jaeger's HTTP API, Clew's own under /api/clew/v1, /metrics, /healthz and /readyz."},
		{"listen.grpc", addressValue{&c.Listen.GRPC}, "Jaeger's gRPC APIs for queries, with health and reflection."},
		{"listen.tempo", addressValue{&c.Listen.Tempo}, "Tempo's API: HTTP, and streams of answers by gRPC."},
		{"listen.zipkin", addressValue{&c.Listen.Zipkin}, "Zipkin: spans of its clients, versions 1 and 2, and its HTTP API for queries."},
		{"listen.jaeger-thrift-http", addressValue{&c.Listen.JaegerThriftHTTP}, "Jaeger's collector: Thrift over HTTP, on /api/traces."},
		{"listen.jaeger-grpc", addressValue{&c.Listen.JaegerGRPC}, "Jaeger's collector: gRPC, as Jaeger's agents send it."},
		{"listen.jaeger-compact", addressValue{&c.Listen.JaegerCompact}, "Jaeger's agent: Thrift's compact protocol by UDP, as Jaeger's clients send it."},
		{"listen.jaeger-binary", addressValue{&c.Listen.JaegerBinary}, "Jaeger's agent: Thrift's binary protocol by UDP, as Jaeger's clients for Node.js send it."},
		{"listen.sampling-http", addressValue{&c.Listen.SamplingHTTP}, "Remote sampling over HTTP, on any path: `/sampling?service=NAME`."},
		{"listen.sampling-grpc", addressValue{&c.Listen.SamplingGRPC}, "Remote sampling over gRPC."},

		{"retention.age", durationValue{&c.Retention.Age, "off"}, "Spans that arrived longer ago than this are dropped."},
		{"retention.size", sizeValue{&c.Retention.Size, "off"}, "When all data together is larger than this on disk, the oldest is dropped. An eighth of it is for log records."},
		{"sync-interval", durationValue{&c.SyncInterval, "always"}, "How often the write-ahead log is synced to the disk. What was acknowledged survives the end of the process " +
			"at once, and a power cut after this time. `always` syncs before each acknowledgement, which costs throughput."},

		{"memory.limit", sizeValue{&c.Memory.Limit, "auto"}, "Memory that the whole process should stay within; it is also given to the garbage collector, unless GOMEMLIMIT is set. " +
			"`auto` is a quarter of the container's or machine's memory, at least 128MiB and at most 1GiB."},
		{"memory.head", sizeValue{&c.Memory.Head, "auto"}, "Spans that are not in a block on disk yet; as much again may wait for its block. Log records have a quarter of it on top. `auto` is a 24th of the limit."},
		{"memory.cache", sizeValue{&c.Memory.Cache, "auto"}, "Cache of what was read from blocks. Log records have a quarter of it on top. `auto` is a sixteenth of the limit."},
		{"memory.query", sizeValue{&c.Memory.Query, "auto"}, "Memory that the answer to one query may take, and all TraceQL queries that run at once together; one that needs more fails with a clear error. `auto` is half of the limit."},
		{"memory.views", sizeValue{&c.Memory.Views, "auto"}, "Traces that are being looked at, and uploads, for up to half an hour after they were last asked about. What does not fit is read again from the store; an upload that does not fit is refused. `auto` is an eighth of the limit."},
		{"memory.in-flight", sizeValue{&c.Memory.InFlight, "auto"}, "Requests that are being received and stored. Past it senders wait, and then are told to come again. `auto` is a sixteenth of the limit."},

		{"ingest.max-request-size", sizeValue{&c.Ingest.MaxRequestSize, ""}, "Largest request that is accepted, before and after decompression."},
		{"query.timeout", durationValue{&c.Query.Timeout, "off"}, "A query that takes longer is ended with an error."},
		{"query.max-traces", countValue{&c.Query.MaxTraces, "off"}, "Most traces, or spans, that one search may ask for. Tempo's API has a limit of its own."},

		{"tempo.max-traces", countValue{&c.Tempo.MaxTraces, "off"}, "Most traces that one search by Tempo's API may ask for."},
		{"tempo.max-spans-per-set", countValue{&c.Tempo.MaxSpansPerSet, "off"}, "Most spans of each span set that one search by Tempo's API may ask for."},
		{"tempo.max-range", durationValue{&c.Tempo.MaxRange, "off"}, "Longest time range of a search by Tempo's API. One that has no start goes back this far."},
		{"tempo.max-metrics-range", durationValue{&c.Tempo.MaxMetricsRange, "off"}, "Longest time range of a metrics query by Tempo's API."},
		{"tempo.max-intervals", countValue{&c.Tempo.MaxIntervals, "off"}, "Most points of a series that a metrics query by Tempo's API may ask for."},
		{"tempo.max-series", countValue{&c.Tempo.MaxSeries, "off"}, "Most series in the answer to a metrics query by Tempo's API. Where there are more, the answer is marked as partial."},

		{"kafka.brokers", listValue{&c.Kafka.Brokers}, "Brokers of Kafka, as HOST:PORT, from which spans are read; empty reads from none."},
		{"kafka.topics", listValue{&c.Kafka.Topics}, "Topics that have the spans."},
		{"kafka.group", textValue{&c.Kafka.Group}, "Consumer group. Members of a group share the partitions. Offsets are committed once the spans are durable."},
		{"kafka.encoding", choiceValue{&c.Kafka.Encoding, []string{"jaeger_json", "jaeger_proto", "otlp_json", "otlp_proto", "zipkin_json", "zipkin_proto", "zipkin_thrift"}}, "What a message has. Those of Jaeger are one span each."},
		{"kafka.dead-letters", textValue{&c.Kafka.DeadLetters}, "Topic that gets the messages that cannot be read, with headers that say why; empty drops them. Both are counted."},
		{"kafka.tls", choiceValue{&c.Kafka.TLS, []string{"off", "on"}}, "Whether connections to brokers are encrypted."},
		{"kafka.sasl", choiceValue{&c.Kafka.SASL, []string{"off", "plain", "scram-sha-256", "scram-sha-512"}}, "How to log in to brokers."},
		{"kafka.username", textValue{&c.Kafka.Username}, "Name to log in to brokers with."},
		{"kafka.password-file", textValue{&c.Kafka.PasswordFile}, "File that holds the password for it."},

		{"sampling.strategies", textValue{&c.Sampling.Strategies}, "File or http(s) URL with sampling strategies in Jaeger's format, which SDKs are told that ask for them."},
		{"sampling.reload-interval", durationValue{&c.Sampling.ReloadInterval, "off"}, "How often that file is read again. If there is anything wrong with it, the strategies stay as they are."},
		{"sampling.default-probability", decimalValue{&c.Sampling.DefaultProbability, 0, 1}, "Probability for services of which nothing else is said."},
		{"sampling.adaptive", choiceValue{&c.Sampling.Adaptive, []string{"off", "on"}}, "Whether probabilities are found for each operation of services that the file does not name, so that of each about as many traces are sampled in a second."},
		{"sampling.target-samples-per-second", decimalValue{&c.Sampling.TargetSamplesPerSecond, 1e-6, 1e9}, "Adaptive sampling: that number."},
		{"sampling.delta-tolerance", decimalValue{&c.Sampling.DeltaTolerance, 0, 0.99}, "Adaptive sampling: by what share samples may differ from the target before a probability changes."},
		{"sampling.calculation-interval", durationValue{&c.Sampling.CalculationInterval, ""}, "Adaptive sampling: how often probabilities are calculated."},
		{"sampling.aggregation-buckets", countValue{&c.Sampling.AggregationBuckets, ""}, "Adaptive sampling: how many of these intervals count for the rate of an operation, the newest most."},
		{"sampling.initial-probability", decimalValue{&c.Sampling.InitialProbability, 1e-9, 1}, "Adaptive sampling: probability of operations that are not known yet."},
		{"sampling.min-probability", decimalValue{&c.Sampling.MinProbability, 1e-9, 1}, "Adaptive sampling: the least probability."},
		{"sampling.min-samples-per-second", decimalValue{&c.Sampling.MinSamplesPerSecond, 0, 1e9}, "Adaptive sampling: what each process samples of each operation in any case."},
		{"tail-sampling.policies", textValue{&c.TailSampling.Policies}, "File or http(s) URL with policies that say which traces stay, in the format of the OpenTelemetry Collector's tail_sampling processor. It is read again every sampling.reload-interval. Without it all stay."},
		{"tail-sampling.window", durationValue{&c.TailSampling.Window, ""}, "How long all spans stay and are found before it is decided about their traces, in slices of a tenth of it."},
		{"tail-sampling.dry-run", choiceValue{&c.TailSampling.DryRun, []string{"off", "on"}}, "Whether decisions are only noted, and all traces stay."},
		{"tail-sampling.remember", durationValue{&c.TailSampling.Remember, "off"}, "How long it is known what was decided about a trace; off is for ever."},

		{"span-metrics.enabled", choiceValue{&c.SpanMetrics.Enabled, []string{"off", "on"}}, "Whether metrics are made of all spans, those that are not kept too: `/metrics/spans` has rate, errors and durations of each operation and of the calls between services, by the names of Tempo's metrics-generator."},
		{"span-metrics.histograms", choiceValue{&c.SpanMetrics.Histograms, []string{"classic", "native", "both"}}, "Form of the durations."},
		{"span-metrics.intrinsic-dimensions", listValue{&c.SpanMetrics.Intrinsic}, "Labels of what every span has; status_message is one more."},
		{"span-metrics.dimensions", listValue{&c.SpanMetrics.Dimensions}, "Attributes of resources or spans that become labels; `LABEL=KEY` gives one another name, `LABEL=KEY+KEY` joins several by a slash."},
		{"span-metrics.multiplier-attribute", textValue{&c.SpanMetrics.Multiplier}, "Attribute of spans or resources with the share of spans that was sampled, such as 0.1, for spans whose trace state does not tell."},
		{"span-metrics.target-info", choiceValue{&c.SpanMetrics.TargetInfo, []string{"off", "on"}}, "Whether there is traces_target_info, and the labels job and instance that lead to it."},
		{"span-metrics.target-info-exclude", listValue{&c.SpanMetrics.TargetInfoExclude}, "Attributes of resources that traces_target_info does not have."},
		{"span-metrics.cluster-names", choiceValue{&c.SpanMetrics.ClusterNames, []string{"off", "on"}}, "Whether ids and numbers in span names become `<_>`, so that they make no series of their own."},
		{"span-metrics.graph-dimensions", listValue{&c.SpanMetrics.GraphDimensions}, "Attributes of resources or spans that become labels of the service graph."},
		{"span-metrics.graph-client-server-prefix", choiceValue{&c.SpanMetrics.GraphPrefix, []string{"off", "on"}}, "Whether these are two labels each, client_ and server_, or one that has the value of either side."},
		{"span-metrics.graph-peer-attributes", listValue{&c.SpanMetrics.GraphPeers}, "Attributes of spans that name a peer which sends no spans; the first one that is there counts."},
		{"span-metrics.graph-virtual-node-label", choiceValue{&c.SpanMetrics.VirtualNodeLabel, []string{"off", "on"}}, "Whether there is a label virtual_node, which says which side sends no spans: client or server."},
		{"span-metrics.graph-connection-info", choiceValue{&c.SpanMetrics.ConnectionInfo, []string{"off", "on"}}, "Whether there is traces_service_graph_connection_info."},
		{"span-metrics.max-series", countValue{&c.SpanMetrics.MaxSeries, ""}, "Most series of a tenant; what comes on top counts in one that is labelled as overflow."},
		{"span-metrics.max-label-values", countValue{&c.SpanMetrics.MaxLabelValues, ""}, "Most values of a label; others are labelled as overflow."},
		{"span-metrics.idle", durationValue{&c.SpanMetrics.Idle, ""}, "After what time a series is dropped to which nothing is added."},
		{"span-metrics.remote-write", textValue{&c.SpanMetrics.RemoteWrite}, "URL that they are written to by Prometheus' remote write, such as `http://127.0.0.1:9090/api/v1/write`; the tenant is in the header X-Scope-OrgID."},
		{"span-metrics.otlp-endpoint", addressValue{&c.SpanMetrics.OTLPEndpoint}, "OTLP/gRPC endpoint that they are sent to, without TLS; the tenant is the resource attribute clew.tenant."},
		{"span-metrics.interval", durationValue{&c.SpanMetrics.Interval, ""}, "How often they are written and sent."},

		{"http.cors-origins", listValue{&c.HTTP.CORSOrigins}, "Origins whose web pages may call the HTTP listeners from a browser, such as `https://shop.example`; `*` is any."},
		{"http.frame-ancestors", listValue{&c.HTTP.FrameAncestors}, "Origins whose pages may show Clew's web pages in a frame, such as `https://wiki.example`; without any, none may."},
		{"http.path-prefix", prefixValue{&c.HTTP.PathPrefix}, "Path under which the `http`, `tempo` and `zipkin` listeners serve, for a reverse proxy that passes the path on as it is."},
		{"log-links", linksValue{&c.LogLinks}, "Links from each span to its logs in the system that has them, as NAME=URL with a space between them. In a URL `{trace_id}`, `{span_id}`, `{service}` and `{attribute:NAME}` are what the span has, " +
			"`{start}` and `{end}` a minute before and after it (RFC 3339; `{start_ms}` and so on in s, ms, us or ns). See [log correlation](logs.md#links-to-another-log-system)."},
		{"shutdown-timeout", durationValue{&c.ShutdownTimeout, ""}, "How long a stop waits for requests in flight before it cuts them off."},

		{"log.level", choiceValue{&c.Log.Level, []string{"debug", "info", "warn", "error"}}, "Least severity that is logged."},
		{"log.format", choiceValue{&c.Log.Format, []string{"text", "json"}}, "Form of the log, which goes to standard error."},
		{"self-tracing.endpoint", addressValue{&c.SelfTracing.Endpoint}, "OTLP/gRPC endpoint that receives the traces of Clew's own HTTP requests, without TLS. It may be Clew itself."},
	}
}

// Default returns the settings without any source. Memory budgets are zero: "auto".
func Default() *Config {
	return &Config{
		DataDir: "data",
		Listen: Listen{
			OTLPGRPC: "127.0.0.1:4317",
			OTLPHTTP: "127.0.0.1:4318",
			HTTP:     "127.0.0.1:16686",
			GRPC:     "127.0.0.1:16685",
			Tempo:    "127.0.0.1:3200",
			Zipkin:   "127.0.0.1:9411",

			JaegerThriftHTTP: "127.0.0.1:14268",
			JaegerGRPC:       "127.0.0.1:14250",
			JaegerCompact:    "127.0.0.1:6831",
			JaegerBinary:     "127.0.0.1:6832",
			SamplingHTTP:     "127.0.0.1:5778",
			SamplingGRPC:     "127.0.0.1:5779",
		},
		Retention:    Retention{Age: 14 * 24 * time.Hour},
		SyncInterval: 200 * time.Millisecond,
		Ingest:       Ingest{MaxRequestSize: 16 << 20},
		SpanMetrics: SpanMetrics{
			Enabled: "off", Histograms: "both", TargetInfo: "off", ClusterNames: "off", GraphPrefix: "off", VirtualNodeLabel: "off", ConnectionInfo: "off",
			Intrinsic: []string{"service", "span_name", "span_kind", "status_code"},
			GraphPeers: []string{"peer.service", "db.name", "db.system", "db.system.name", "service.peer.name",
				"messaging.destination.name", "messaging.system", "server.address", "net.peer.name"},
			MaxSeries: 50_000, MaxLabelValues: 10_000, Idle: 15 * time.Minute, Interval: 15 * time.Second,
		},
		Sampling: Sampling{
			ReloadInterval: 10 * time.Second, DefaultProbability: 1, Adaptive: "off",
			TargetSamplesPerSecond: 1, MinSamplesPerSecond: 1. / 60,
			InitialProbability: 0.001, MinProbability: 1e-5, DeltaTolerance: 0.3,
			CalculationInterval: time.Minute, AggregationBuckets: 10,
		},
		TailSampling:    TailSampling{Window: 15 * time.Minute, Remember: 7 * 24 * time.Hour, DryRun: "off"},
		Kafka:           Kafka{Topics: []string{"otlp_spans"}, Group: "clew", Encoding: "otlp_proto", TLS: "off", SASL: "off"},
		Query:           Query{Timeout: 30 * time.Second},
		ShutdownTimeout: 25 * time.Second,
		Log:             Log{Level: "info", Format: "text"},
		origin:          map[string]string{},
	}
}
