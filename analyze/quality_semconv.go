package analyze

import (
	"strings"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// renamed is what became of an attribute: its successor, "" if it has none, and the version that said so, "" if several did in steps.
type renamed struct{ to, in string }

// of says it for an attribute.
func (r renamed) of(key string) string {
	text := key + " is now " + r.to
	if r.to == "" {
		text = key + " is deprecated, and nothing takes its place"
	}
	if r.in != "" {
		text += ", since version " + r.in
	}
	return text
}

// renamedAttributes are attributes that OpenTelemetry's semantic conventions renamed, with the version that did, as the schema
// file of version 1.44.0 and the lists of deprecated attributes tell. What has no single successor says what to use.
var renamedAttributes = map[string]renamed{
	"http.method":                          {"http.request.method", "1.21.0"},
	"http.status_code":                     {"http.response.status_code", "1.21.0"},
	"http.scheme":                          {"url.scheme", "1.21.0"},
	"http.url":                             {"url.full", "1.21.0"},
	"http.target":                          {"url.path and url.query", "1.21.0"},
	"http.flavor":                          {"network.protocol.version", "1.21.0"},
	"http.host":                            {"server.address and server.port", "1.21.0"},
	"http.server_name":                     {"server.address", "1.21.0"},
	"http.client_ip":                       {"client.address", "1.21.0"},
	"http.user_agent":                      {"user_agent.original", "1.19.0"},
	"http.request_content_length":          {"http.request.body.size", "1.21.0"},
	"http.response_content_length":         {"http.response.body.size", "1.21.0"},
	"http.resend_count":                    {"http.request.resend_count", "1.22.0"},
	"net.peer.name":                        {"server.address (client.address on servers)", "1.21.0"},
	"net.peer.port":                        {"server.port (client.port on servers)", "1.21.0"},
	"net.peer.ip":                          {"network.peer.address", "1.21.0"},
	"net.host.name":                        {"server.address", "1.21.0"},
	"net.host.port":                        {"server.port", "1.21.0"},
	"net.host.ip":                          {"network.local.address", "1.21.0"},
	"net.sock.peer.addr":                   {"network.peer.address", "1.21.0"},
	"net.sock.peer.port":                   {"network.peer.port", "1.21.0"},
	"net.sock.peer.name":                   {"server.address", "1.21.0"},
	"net.sock.host.addr":                   {"network.local.address", "1.21.0"},
	"net.sock.host.port":                   {"network.local.port", "1.21.0"},
	"net.sock.family":                      {"network.transport and network.type", "1.21.0"},
	"net.transport":                        {"network.transport", "1.21.0"},
	"net.protocol.name":                    {"network.protocol.name", "1.21.0"},
	"net.protocol.version":                 {"network.protocol.version", "1.21.0"},
	"net.app.protocol.name":                {"network.protocol.name", "1.21.0"},
	"net.app.protocol.version":             {"network.protocol.version", "1.21.0"},
	"net.host.connection.type":             {"network.connection.type", "1.21.0"},
	"db.statement":                         {"db.query.text", "1.25.0"},
	"db.operation":                         {"db.operation.name", "1.25.0"},
	"db.name":                              {"db.namespace", "1.25.0"},
	"db.sql.table":                         {"db.collection.name", "1.25.0"},
	"db.mongodb.collection":                {"db.collection.name", "1.25.0"},
	"db.cosmosdb.container":                {"db.collection.name", "1.25.0"},
	"db.cassandra.table":                   {"db.collection.name", "1.25.0"},
	"db.redis.database_index":              {"db.namespace", "1.26.0"},
	"db.connection_string":                 {"server.address and server.port", "1.25.0"},
	"db.elasticsearch.cluster.name":        {"db.namespace", "1.27.0"},
	"db.system":                            {"db.system.name", "1.30.0"},
	"db.cassandra.consistency_level":       {"cassandra.consistency.level", "1.30.0"},
	"messaging.destination":                {"messaging.destination.name", "1.17.0"},
	"messaging.temp_destination":           {"messaging.destination.temporary", "1.17.0"},
	"messaging.message_id":                 {"messaging.message.id", "1.17.0"},
	"messaging.conversation_id":            {"messaging.message.conversation_id", "1.17.0"},
	"messaging.consumer_id":                {"messaging.client.id", "1.26.0"},
	"messaging.client_id":                  {"messaging.client.id", "1.26.0"},
	"messaging.operation":                  {"messaging.operation.type", "1.25.0"},
	"messaging.message.payload_size_bytes": {"messaging.message.body.size", "1.22.0"},
	"messaging.message_payload_size_bytes": {"messaging.message.body.size", "1.22.0"},
	"messaging.kafka.message_key":          {"messaging.kafka.message.key", "1.17.0"},
	"messaging.kafka.partition":            {"messaging.destination.partition.id", "1.25.0"},
	"messaging.kafka.source.partition":     {"messaging.destination.partition.id", "1.25.0"},
	"messaging.kafka.destination.partition": {
		"messaging.destination.partition.id", "1.25.0"},
	"messaging.kafka.message.offset":  {"messaging.kafka.offset", "1.27.0"},
	"messaging.kafka.consumer_group":  {"messaging.consumer.group.name", "1.27.0"},
	"messaging.kafka.consumer.group":  {"messaging.consumer.group.name", "1.27.0"},
	"messaging.rocketmq.client_group": {"messaging.consumer.group.name", "1.27.0"},
	"messaging.servicebus.destination.subscription_name": {
		"messaging.destination.subscription.name", "1.27.0"},
	"rpc.system":                     {"rpc.system.name", "1.39.0"},
	"rpc.grpc.status_code":           {"rpc.response.status_code", "1.39.0"},
	"rpc.connect_rpc.error_code":     {"rpc.response.status_code", "1.39.0"},
	"rpc.jsonrpc.request_id":         {"jsonrpc.request.id", "1.39.0"},
	"rpc.jsonrpc.version":            {"jsonrpc.protocol.version", "1.39.0"},
	"peer.service":                   {"service.peer.name", "1.39.0"},
	"rpc.service":                    {"part of rpc.method", "1.39.0"},
	"message.type":                   {},
	"message.id":                     {},
	"message.compressed_size":        {},
	"message.uncompressed_size":      {},
	"rpc.message.type":               {},
	"rpc.message.id":                 {},
	"rpc.message.compressed_size":    {},
	"rpc.message.uncompressed_size":  {},
	"rpc.jsonrpc.error_code":         {"rpc.response.status_code", "1.39.0"},
	"rpc.jsonrpc.error_message":      {"the status of the span", "1.39.0"},
	"code.function":                  {"code.function.name", "1.30.0"},
	"code.namespace":                 {"code.function.name", "1.30.0"},
	"code.filepath":                  {"code.file.path", "1.30.0"},
	"code.lineno":                    {"code.line.number", "1.30.0"},
	"code.column":                    {"code.column.number", "1.30.0"},
	"deployment.environment":         {"deployment.environment.name", "1.27.0"},
	"telemetry.auto.version":         {"telemetry.distro.version", "1.22.0"},
	"container.runtime":              {"container.runtime.name", "1.37.0"},
	"enduser.role":                   {"user.roles", "1.37.0"},
	"gen_ai.system":                  {"gen_ai.provider.name", "1.37.0"},
	"gen_ai.usage.prompt_tokens":     {"gen_ai.usage.input_tokens", "1.27.0"},
	"gen_ai.usage.completion_tokens": {"gen_ai.usage.output_tokens", "1.27.0"},
	"gen_ai.openai.request.seed":     {"gen_ai.request.seed", "1.30.0"},
	"feature_flag.provider_name":     {"feature_flag.provider.name", "1.33.0"},
	"feature_flag.variant":           {"feature_flag.result.variant", "1.32.0"},
	"feature_flag.evaluation.reason": {"feature_flag.result.reason", "1.32.0"},
	"faas.execution":                 {"faas.invocation_id", "1.19.0"},
	"faas.id":                        {"cloud.resource_id", "1.19.0"},
	"otel.library.name":              {"otel.scope.name", "1.20.0"},
	"otel.library.version":           {"otel.scope.version", "1.20.0"},

	"http.request_content_length_uncompressed":  {"http.request.body.size", ""},
	"http.response_content_length_uncompressed": {"http.response.body.size", ""},
	"db.user":                                  {},
	"db.instance.id":                           {},
	"db.jdbc.driver_classname":                 {},
	"db.mssql.instance_name":                   {},
	"db.elasticsearch.node.name":               {"elasticsearch.node.name", "1.30.0"},
	"db.cassandra.coordinator.dc":              {"cassandra.coordinator.dc", "1.30.0"},
	"db.cassandra.coordinator.id":              {"cassandra.coordinator.id", "1.30.0"},
	"db.cassandra.idempotence":                 {"cassandra.query.idempotent", "1.30.0"},
	"db.cassandra.page_size":                   {"cassandra.page.size", "1.30.0"},
	"db.cassandra.speculative_execution_count": {"cassandra.speculative_execution.count", "1.30.0"},
	"db.cosmosdb.client_id":                    {"azure.client.id", "1.30.0"},
	"db.cosmosdb.connection_mode":              {"azure.cosmosdb.connection.mode", "1.30.0"},
	"db.cosmosdb.consistency_level":            {"azure.cosmosdb.consistency.level", "1.30.0"},
	"db.cosmosdb.operation_type":               {},
	"db.cosmosdb.regions_contacted":            {"azure.cosmosdb.operation.contacted_regions", "1.30.0"},
	"db.cosmosdb.request_charge":               {"azure.cosmosdb.operation.request_charge", "1.30.0"},
	"db.cosmosdb.request_content_length":       {"azure.cosmosdb.request.body.size", "1.30.0"},
	"db.cosmosdb.status_code":                  {"db.response.status_code", ""},
	"db.cosmosdb.sub_status_code":              {"azure.cosmosdb.response.sub_status_code", "1.30.0"},
	"messaging.eventhubs.consumer.group":       {"messaging.consumer.group.name", "1.27.0"},
	"messaging.destination_publish.anonymous":  {},
	"messaging.destination_publish.name":       {},
	"az.namespace":                             {"azure.resource_provider.namespace", ""},
	"az.service_request_id":                    {"azure.service.request.id", ""},
	"enduser.scope":                            {},
	"error.message":                            {"the status of the span, or the message of an exception", ""},
	"feature_flag.evaluation.error.message":    {"feature_flag.error.message", ""},
	"gen_ai.prompt":                            {},
	"gen_ai.completion":                        {},
	"tls.client.server_name":                   {"server.address", ""},
	"process.executable.build_id.profiling":    {"process.executable.build_id.htlhash", ""},
	"vcs.repository.ref.name":                  {"vcs.ref.head.name", ""},
	"vcs.repository.ref.type":                  {"vcs.ref.head.type", ""},
	"vcs.repository.ref.revision":              {"vcs.ref.head.revision", ""},
	"vcs.repository.change.id":                 {"vcs.change.id", ""},
	"vcs.repository.change.title":              {"vcs.change.title", ""},
	"system.cpu.state":                         {"cpu.mode", ""},
	"container.cpu.state":                      {"cpu.mode", ""},
	"process.cpu.state":                        {"cpu.mode", ""},
}

// attributeTypes are the types that the conventions give to attributes that are often sent with another one.
var attributeTypes = func() map[string]span.Type {
	types := map[string]span.Type{}
	for typ, keys := range map[span.Type]string{
		span.Int: `http.response.status_code http.status_code http.request.body.size http.response.body.size http.request.size
			http.response.size http.request.resend_count http.resend_count http.request_content_length http.response_content_length
			server.port client.port network.peer.port network.local.port net.peer.port net.host.port net.sock.peer.port
			net.sock.host.port rpc.grpc.status_code rpc.message.id rpc.message.compressed_size rpc.message.uncompressed_size
			messaging.batch.message_count messaging.message.body.size messaging.kafka.offset messaging.kafka.message.offset
			db.operation.batch.size db.response.returned_rows thread.id code.line.number code.lineno process.pid process.parent_pid
			gen_ai.usage.input_tokens gen_ai.usage.output_tokens gen_ai.request.max_tokens`,
		span.Bool: `messaging.destination.anonymous messaging.destination.temporary messaging.kafka.message.tombstone faas.coldstart
			exception.escaped`,
		span.String: `http.request.method http.method http.route url.full url.path url.query url.scheme http.url http.target
			server.address client.address network.peer.address network.protocol.name network.protocol.version user_agent.original
			network.transport network.type db.system.name db.system db.query.text db.statement db.operation.name db.collection.name
			db.namespace db.response.status_code messaging.consumer.group.name user.id enduser.id session.id
			rpc.system.name rpc.system rpc.service rpc.method rpc.response.status_code messaging.system messaging.destination.name
			messaging.operation.name messaging.operation.type messaging.message.id messaging.destination.partition.id error.type
			exception.type exception.message exception.stacktrace code.function.name service.name service.version
			service.namespace service.instance.id service.peer.name deployment.environment.name`,
	} {
		for _, key := range strings.Fields(keys) {
			types[key] = typ
		}
	}
	return types
}()

// Attributes of resources only, and of spans only: keys, and with a dot at the end what keys begin with.
var (
	resourceKeys = []string{
		"service.name", "service.namespace", "service.version", "service.instance.id", "service.criticality",
		"telemetry.sdk.", "telemetry.distro.", "host.", "os.", "k8s.", "deployment.environment", "deployment.environment.name",
		"container.id", "container.name", "container.image.", "container.runtime.", "process.runtime.",
	}
	spanKeys = []string{
		"http.", "url.", "db.", "rpc.", "messaging.", "exception.", "error.type", "code.", "thread.", "graphql.", "feature_flag.",
		"net.peer.", "net.sock.", "network.peer.", "client.address", "client.port", "enduser.",
	}
)

func isOneOf(key string, keys []string) bool {
	for _, k := range keys {
		if key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k) {
			return true
		}
	}
	return false
}

// misplaced says at which level an attribute belongs; "" if it stands right.
func misplaced(f store.Field) string {
	switch {
	case f.Scope == store.SpanScope && isOneOf(f.Key, resourceKeys):
		return "resource"
	case f.Scope == store.ResourceScope && isOneOf(f.Key, spanKeys):
		return "span"
	}
	return ""
}

// expectsAddress reports whether the conventions put IP addresses under a key, or whether it is a host's own name.
func expectsAddress(f store.Field) bool {
	if f.Scope == store.ResourceScope || strings.HasSuffix(f.Key, "version") || strings.HasSuffix(f.Key, "release") || strings.HasSuffix(f.Key, "build") {
		return true
	}
	return isOneOf(f.Key, []string{
		"client.address", "server.address", "source.address", "destination.address", "network.peer.address", "network.local.address",
		"net.", "http.client_ip", "http.host", "http.server_name", "http.request.header.", "url.domain", "dns.", "peer.address", "peer.ipv4", "peer.ipv6", "host.ip",
	})
}

// callKeys begin the keys of attributes that spans of calls have.
var callKeys = [...]string{"http.", "db.", "rpc.", "messaging."}

// requirement is what the conventions require of spans of one sort.
type requirement struct {
	of    string // one of callKeys: spans that have such an attribute
	kinds []uint64
	// anyOf has the attribute, and those that say the same, older names among them.
	anyOf []string
}

var requirements = []requirement{
	{"http.", []uint64{client, server}, []string{"http.request.method", "http.method"}},
	{"http.", []uint64{server}, []string{"url.path", "http.target", "http.url", "url.full", "http.path"}},
	{"http.", []uint64{server}, []string{"url.scheme", "http.scheme", "http.url", "url.full"}},
	{"http.", []uint64{client}, []string{"url.full", "http.url"}},
	{"http.", []uint64{client}, []string{"server.address", "net.peer.name", "net.peer.ip", "http.host", "url.full", "http.url"}},
	{"db.", []uint64{client}, []string{"db.system.name", "db.system"}},
	{"rpc.", []uint64{client, server}, []string{"rpc.system.name", "rpc.system"}},
	{"messaging.", []uint64{producer, consumer}, []string{"messaging.system"}},
	{"messaging.", []uint64{producer, consumer}, []string{"messaging.operation.name", "messaging.operation.type", "messaging.operation"}},
}

// criticalities are the values of service.criticality.
var criticalities = []string{"mission_critical", "high", "medium", "low"}
