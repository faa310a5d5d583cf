// An Express service that sends its spans with Jaeger's exporter (to the agent by
// UDP, or to the collector by HTTP) or with Zipkin's. It serves itself a few
// requests and ends: node express_app.js SERVICE agent|collector|zipkin ADDRESS
'use strict';

const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express');
const { JaegerExporter } = require('@opentelemetry/exporter-jaeger');
const { ZipkinExporter } = require('@opentelemetry/exporter-zipkin');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

const [service, to, address] = process.argv.slice(2);

function newExporter() {
  switch (to) {
    case 'agent': {
      const [host, port] = address.split(':');
      return new JaegerExporter({ host, port: Number(port) });
    }
    case 'collector':
      return new JaegerExporter({ endpoint: address });
    case 'zipkin':
      return new ZipkinExporter({ url: address });
  }
  throw new Error(`cannot send to ${to}`);
}

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': service }),
  spanProcessors: [new BatchSpanProcessor(newExporter())],
});
provider.register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation()] });

const express = require('express'); // after the instrumentation, which wraps it
const app = express();
app.get('/buy/:item', (req, res) => res.status(req.params.item === '13' ? 503 : 200).send('done'));

const server = app.listen(0, '127.0.0.1', async () => {
  for (const item of [1, 2, 13]) {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/buy/${item}`);
    console.log(answer.status);
  }
  server.close();
  server.closeAllConnections();
  await provider.shutdown();
});
