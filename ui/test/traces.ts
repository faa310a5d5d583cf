/** Traces in OTLP's JSON, made for journeys. */

export type Value = string | number | boolean | Value[] | { [key: string]: Value };

export interface Span {
  id: string;
  parent?: string;
  service: string;
  name: string;
  /** Milliseconds after the start of the trace, and how long. */
  at: number;
  took: number;
  kind?: 1 | 2 | 3 | 4 | 5;
  /** The message of a failure; '' if it failed without one. */
  failed?: string;
  attributes?: Record<string, Value>;
  events?: { name: string; at: number; attributes?: Record<string, Value> }[];
  links?: { traceId: string; spanId: string; attributes?: Record<string, Value> }[];
  traceState?: string;
}

export interface Trace {
  id: string;
  /** Unix milliseconds. */
  start: number;
  resource?: Record<string, Value>;
  spans: Span[];
}

export function otlp({ id, start, resource = {}, spans }: Trace): unknown {
  const services = [...new Set(spans.map((span) => span.service))];
  const time = (ms: number) => String(BigInt(start) * 1_000_000n + BigInt(Math.round(ms * 1e6)));
  return {
    resourceSpans: services.map((service) => ({
      resource: { attributes: list({ 'service.name': service, ...resource }) },
      scopeSpans: [
        {
          scope: { name: 'journeys', version: '1.0' },
          spans: spans
            .filter((span) => span.service === service)
            .map((span) => ({
              traceId: id,
              spanId: span.id,
              parentSpanId: span.parent ?? '',
              name: span.name,
              kind: span.kind ?? 1,
              startTimeUnixNano: time(span.at),
              endTimeUnixNano: time(span.at + span.took),
              status: span.failed === undefined ? {} : { code: 2, message: span.failed },
              attributes: list(span.attributes ?? {}),
              events: (span.events ?? []).map((event) => ({ name: event.name, timeUnixNano: time(event.at), attributes: list(event.attributes ?? {}) })),
              links: (span.links ?? []).map((link) => ({ traceId: link.traceId, spanId: link.spanId, attributes: list(link.attributes ?? {}) })),
              traceState: span.traceState ?? '',
            })),
        },
      ],
    })),
  };
}

function list(attributes: Record<string, Value>): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: Value): unknown {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: list(value) } };
}

/** A span's id, in the order in which they are numbered. */
export function spanId(n: number): string {
  return (0xc1e0000000000000n + BigInt(n)).toString(16);
}

const stack = [
  'payments.CardDeclinedException: card expired',
  '\tat payments.Gateway.charge(Gateway.java:118)',
  '\tat payments.PaymentService.pay(PaymentService.java:64)',
  ...['ServletHandler.handle', 'FilterChain.doFilter', 'DispatcherServlet.doService', 'HttpServlet.service', 'Executor.run'].map(
    (frame, i) => `\tat org.springframework.web.${frame}(Web.java:${i + 10})`,
  ),
  '\tat java.base/java.lang.Thread.run(Thread.java:1583)',
  'Caused by: java.net.SocketTimeoutException: Read timed out',
  '\tat payments.Bank.send(Bank.java:31)',
  '\t... 9 more',
].join('\n');

/** A checkout that failed deep below; with a clock that is ahead, a span whose parent is missing, links and a question to a language model. */
export function checkout(id: string, start: number): Trace {
  const spans: Span[] = [];
  const add = (parent: Span | undefined, span: Omit<Span, 'id' | 'parent'>): Span => {
    const made = { id: spanId(spans.length + 1), parent: parent?.id, ...span };
    spans.push(made);
    return made;
  };
  const root = add(undefined, {
    service: 'frontend', name: 'POST /checkout', at: 0, took: 1240, kind: 2, failed: '',
    attributes: { 'http.request.method': 'POST', 'http.route': '/checkout', 'http.response.status_code': 500, 'user.id': 'u-4711', 'url.full': 'https://shop.example/checkout?cart=88' },
  });
  const place = add(root, { service: 'checkout', name: 'PlaceOrder', at: 12, took: 1205, kind: 2, failed: 'payment failed', attributes: { 'rpc.system': 'grpc', 'app.order.items': 3, 'app.order.total': 129.5 } });
  const cart = add(place, { service: 'cart', name: 'GetCart', at: 20, took: 84, kind: 2 });
  for (let i = 0; i < 6; i++) {
    add(cart, { service: 'cart', name: 'HGETALL', at: 24 + i * 12, took: 9 + i, kind: 3, attributes: { 'db.system': 'redis', 'db.query.text': `HGETALL cart:${880 + i}` } });
  }
  for (let i = 0; i < 8; i++) {
    const product = add(place, { service: 'product-catalog', name: 'GetProduct', at: 110 + i * 22, took: 60 - i * 3, kind: 2, attributes: { 'app.product.id': `P-${i}` } });
    add(product, { service: 'product-catalog', name: 'SELECT products', at: 116 + i * 22, took: 40 - i * 3, kind: 3, attributes: { 'db.system': 'postgresql', 'db.query.text': 'SELECT * FROM products WHERE id = $1' } });
  }
  const quote = add(place, { service: 'shipping', name: 'GetQuote', at: 330, took: 120, kind: 3 });
  // The clock of this service is 95 ms behind.
  add(quote, { service: 'quote', name: 'calculate', at: 240, took: 70, kind: 2 });
  const pay = add(place, { service: 'checkout', name: 'payments.PaymentService/Charge', at: 470, took: 640, kind: 3, failed: 'payment failed' });
  const charge = add(pay, { service: 'payments', name: 'Charge', at: 480, took: 622, kind: 2, failed: 'card expired' });
  add(charge, { service: 'payments', name: 'fraud check', at: 486, took: 140 });
  add(charge, {
    service: 'payments', name: 'POST bank/authorize', at: 640, took: 450, kind: 3, failed: 'card expired',
    attributes: { 'http.request.method': 'POST', 'http.response.status_code': 402, 'peer.service': 'bank' },
    events: [
      { name: 'retry', at: 800, attributes: { attempt: 2 } },
      { name: 'exception', at: 1080, attributes: { 'exception.type': 'payments.CardDeclinedException', 'exception.message': 'card expired', 'exception.stacktrace': stack } },
    ],
  });
  const help = add(place, {
    service: 'assistant', name: 'chat m-large', at: 1120, took: 80, kind: 3,
    attributes: {
      'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'acme', 'gen_ai.request.model': 'm-large', 'gen_ai.response.model': 'm-large-2', 'gen_ai.request.temperature': 0.2,
      'gen_ai.usage.input_tokens': 812, 'gen_ai.usage.output_tokens': 64,
      'gen_ai.input.messages': JSON.stringify([
        { role: 'system', parts: [{ type: 'text', content: 'Explain failed payments in one sentence.' }] },
        { role: 'user', parts: [{ type: 'text', content: 'Why was the card declined?' }] },
        { role: 'assistant', parts: [{ type: 'tool_call', id: 'call-1', name: 'lookup_decline', arguments: { order: 'o-1' } }] },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'call-1', response: '{"code":"expired_card"}' }] },
      ]),
      'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts: [{ type: 'text', content: 'The card has expired.' }], finish_reason: 'stop' }]),
    },
  });
  add(place, { service: 'email', name: 'publish mail', at: 1205, took: 4, kind: 4, links: [{ traceId: id, spanId: help.id, attributes: { reason: 'text of the mail' } }] });
  spans.push({ id: spanId(900), parent: spanId(901), service: 'accounting', name: 'consume order', at: 1212, took: 25, kind: 5, links: [{ traceId: id, spanId: place.id }] });
  return { id, start, resource: { 'deployment.environment.name': 'production', 'host.name': 'node-7' }, spans };
}

/** Leaves a mark on the page if it is ever taken for more than text. */
const evil = '<img src=x onerror="globalThis.fooled=1"><script>globalThis.fooled=1</script>';
const turned = 'user\u202egnp.exe\u2066 \u200f<b>bold</b>';

/** Names and values as somebody writes them who means no good. */
export function hostile(id: string, start: number): Trace {
  const attributes: Record<string, Value> = { [evil]: evil, [turned]: turned, big: 'x'.repeat(1 << 20), 'big.json': JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ i, evil }))), '__proto__': 'p', constructor: 'c' };
  for (let i = 0; i < 10_000; i++) attributes[`attribute.${String(i).padStart(5, '0')}`] = i % 7 === 0 ? evil : `value ${i}`;
  return {
    id, start,
    spans: [
      { id: spanId(1), service: evil, name: evil, at: 0, took: 100, kind: 2, failed: evil },
      {
        id: spanId(2), parent: spanId(1), service: turned, name: turned, at: 10, took: 50, failed: turned, attributes,
        events: [{ name: evil, at: 20, attributes: { [evil]: turned } }, { name: 'exception', at: 30, attributes: { 'exception.type': evil, 'exception.message': evil, 'exception.stacktrace': `${evil}\n\tat ${evil}\n`.repeat(5000) } }],
      },
      { id: spanId(3), parent: spanId(1), service: 'long', name: 'n'.repeat(1 << 18), at: 60, took: -5 },
      { id: spanId(3), parent: spanId(1), service: 'twice', name: 'the same id', at: 70, took: 5 },
      { id: spanId(4), service: '', name: '', at: 80, took: 0 },
    ],
  };
}
