// Sends spans and logs by OTLP to OTEL_EXPORTER_OTLP_ENDPOINT: node --require ./modern/telemetry.js frontend.js
'use strict';

const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { NodeSDK, tracing } = require('@opentelemetry/sdk-node');
const { UserTier } = require('../tier.js');

// Logs go by OTLP without more ado.
const sdk = new NodeSDK({
  spanProcessors: [new UserTier(), new tracing.BatchSpanProcessor(new OTLPTraceExporter())],
  instrumentations: [
    new HttpInstrumentation(),
    new ExpressInstrumentation(),
    new UndiciInstrumentation(), // fetch
    new PinoInstrumentation(), // trace ids in its lines, and its lines as OTLP's logs
  ],
});
sdk.start();
process.once('SIGTERM', () => sdk.shutdown().finally(() => process.exit()));
