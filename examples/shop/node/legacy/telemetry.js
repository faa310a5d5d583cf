// Sends spans to Jaeger's collector, to OTEL_EXPORTER_JAEGER_ENDPOINT: node --require ./legacy/telemetry.js frontend.js
'use strict';

const { JaegerExporter } = require('@opentelemetry/exporter-jaeger');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { defaultResource, detectResources, envDetector } = require('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { UserTier } = require('../tier.js');

// Jaeger's spans have no place for the trace state; Clew reads it from this tag.
class TraceState {
  onStart(span) {
    const state = span.spanContext().traceState?.serialize();
    if (state) span.setAttribute('w3c.tracestate', state);
  }
  onEnd() {}
  async forceFlush() {}
  async shutdown() {}
}

const exporter = new JaegerExporter({
  endpoint: process.env.OTEL_EXPORTER_JAEGER_ENDPOINT ?? 'http://localhost:14268/api/traces',
});
const provider = new NodeTracerProvider({
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })), // OTEL_SERVICE_NAME and so on
  spanProcessors: [new UserTier(), new TraceState(), new BatchSpanProcessor(exporter)],
});
provider.register();
registerInstrumentations({
  instrumentations: [
    new HttpInstrumentation(),
    new ExpressInstrumentation(),
    new UndiciInstrumentation(), // fetch
    new PinoInstrumentation(), // trace ids in its lines
  ],
});
process.once('SIGTERM', () => provider.shutdown().finally(() => process.exit()));
