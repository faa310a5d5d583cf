// The shop's front end: what browsers talk to. HTTP in, HTTP to the API.
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { context, propagation } = require('@opentelemetry/api');
const express = require('express');
const pino = require('pino');

const name = process.env.OTEL_SERVICE_NAME;
const log = pino({
  base: { service: name },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (level) => ({ level }) },
});

const app = express();
app.use(express.json());

// A fault that a request asks for, with ?fail=SERVICE or ?slow=SERVICE or headers X-Shop-Fail and X-Shop-Slow,
// goes as baggage to the service that it is for.
app.use(async function faults(req, res, next) {
  let baggage = propagation.getActiveBaggage() ?? propagation.createBaggage();
  for (const fault of ['fail', 'slow']) {
    const service = req.query[fault] ?? req.get(`x-shop-${fault}`);
    if (service) baggage = baggage.setEntry(`shop.${fault}`, { value: String(service) });
  }
  if (baggage.getEntry('shop.slow')?.value === name) await sleep(1200);
  if (baggage.getEntry('shop.fail')?.value === name) throw new Error('failed on request');
  context.with(propagation.setBaggage(context.active(), baggage), next);
});

// relay answers as the API does, but says of its failures that they are not its own.
async function relay(res, path, options) {
  const answer = await fetch(process.env.API + path, options);
  const body = await answer.json();
  if (answer.ok) log.info('%s: %d', path, answer.status);
  else log[answer.status >= 500 ? 'error' : 'warn']('%s: %d: %s', path, answer.status, body.error);
  res.status(answer.status >= 500 ? 502 : answer.status).json(body);
}

app.get('/products', (req, res) => relay(res, '/products'));

app.post('/checkout', (req, res) =>
  relay(res, '/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ product: req.body.product, quantity: req.body.quantity }),
  }),
);

app.use(function failed(error, req, res, next) {
  log.error(error.message);
  res.status(error.status ?? 500).json({ error: `${name}: ${error.message}` });
});

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', (error) => {
  if (error) throw error;
  log.info({ addr: `127.0.0.1:${server.address().port}` }, 'listening');
});
