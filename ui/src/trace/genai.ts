/**
 * Conversations with language models, as the `gen_ai.*` conventions have written them over time: messages as attributes of
 * the span (now), as one event for each message, as one event with all (both before), or as numbered attributes.
 */

/** An attribute with its value as plain JSON. */
export type Plain = Record<string, unknown>;

export interface Part {
  kind: 'text' | 'reasoning' | 'call' | 'result' | 'other';
  text: string;
  /** Of the tool that is called, or of another kind of part. */
  name?: string;
  /** What joins a call and its result. */
  id?: string;
}

export interface Message {
  role: string;
  parts: Part[];
  finish?: string;
}

export interface Conversation {
  operation?: string;
  provider?: string;
  model?: string;
  agent?: string;
  tool?: string;
  tokens: { input?: number; output?: number; cached?: number; reasoning?: number };
  /** Parameters of the request, as temperature. */
  settings: [string, string][];
  messages: Message[];
  /** Names of the tools that the model may call. */
  tools: string[];
}

/** Most messages that are read of one span. */
const most = 1000;

export function conversationOf(attributes: Plain, events: { name: string; attributes: Plain }[]): Conversation {
  const get = (...keys: string[]) => keys.map((key) => attributes[`gen_ai.${key}`]).find((value) => value !== undefined && value !== '');
  const messages = [
    ...attributeMessages(attributes),
    ...events.slice(0, most).flatMap((event) => eventMessages(event.name, event.attributes)),
    ...toolMessages(attributes),
  ].slice(0, most);
  return {
    operation: word(get('operation.name')),
    provider: word(get('provider.name', 'system')),
    model: word(get('response.model', 'request.model')),
    agent: word(get('agent.name')),
    tool: word(get('tool.name')),
    tokens: {
      input: count(get('usage.input_tokens', 'usage.prompt_tokens')),
      output: count(get('usage.output_tokens', 'usage.completion_tokens')),
      cached: count(get('usage.cache_read.input_tokens', 'usage.input_tokens_details.cached', 'usage.cache_read_input_tokens')),
      reasoning: count(get('usage.reasoning.output_tokens', 'usage.output_tokens_details.reasoning', 'usage.reasoning_tokens')),
    },
    settings: Object.entries(attributes)
      .filter(([key]) => key.startsWith('gen_ai.request.') && key !== 'gen_ai.request.model')
      .map(([key, value]) => [key.slice('gen_ai.request.'.length).replaceAll('_', ' '), textOf(value)]),
    messages,
    tools: toolNames(get('tool.definitions')),
  };
}

function attributeMessages(attributes: Plain): Message[] {
  const messages = [];
  const system = parsed(attributes['gen_ai.system_instructions']);
  if (system !== undefined) messages.push({ role: 'system', parts: partsOf(system) });
  for (const [key, role] of [
    ['gen_ai.input.messages', 'user'],
    ['gen_ai.prompt', 'user'],
    ['gen_ai.output.messages', 'assistant'],
    ['gen_ai.completion', 'assistant'],
  ] as const) {
    messages.push(...listOf(attributes[key]).map((value) => messageOf(value, role)), ...numberedMessages(attributes, key, role));
  }
  return messages;
}

/** `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`, `gen_ai.prompt.0.tool_calls.0.name` and so on. */
function numberedMessages(attributes: Plain, prefix: string, role: string): Message[] {
  const found = new Map<number, Plain>();
  for (const [key, value] of Object.entries(attributes)) {
    const at = key.startsWith(`${prefix}.`) ? /^(\d{1,4})\.(.+)$/.exec(key.slice(prefix.length + 1)) : null;
    if (!at) continue;
    const message = found.get(Number(at[1])) ?? {};
    found.set(Number(at[1]), message);
    const call = /^tool_calls\.(\d{1,4})\.(\w+)$/.exec(at[2]!);
    if (!call) {
      message[at[2]!] = value;
      continue;
    }
    const calls = (message['tool_calls'] ??= []) as Plain[];
    const target = (calls[Math.min(Number(call[1]), calls.length)] ??= {});
    target[call[2]!] = value;
  }
  return [...found].sort((a, b) => a[0] - b[0]).map(([, message]) => messageOf(message, role));
}

function eventMessages(name: string, attributes: Plain): Message[] {
  const body = { ...record(parsed(attributes['body'])), ...record(parsed(attributes['gen_ai.event.content'])), ...attributes };
  const single = /^gen_ai\.(system|user|assistant|tool)\.message$/.exec(name);
  if (single) return [messageOf(body, single[1]!)];
  if (name === 'gen_ai.choice') {
    const message = record(parsed(body['message']));
    return [messageOf({ ...body, ...message }, 'assistant')];
  }
  return name.startsWith('gen_ai.') ? attributeMessages(attributes) : [];
}

/** The span of a tool's run has what it was given and what it answered. */
function toolMessages(attributes: Plain): Message[] {
  const messages: Message[] = [];
  const name = word(attributes['gen_ai.tool.name']);
  const id = word(attributes['gen_ai.tool.call.id']);
  const given = attributes['gen_ai.tool.call.arguments'];
  const answer = attributes['gen_ai.tool.call.result'];
  if (given !== undefined) messages.push({ role: 'assistant', parts: [{ kind: 'call', name, id, text: textOf(parsed(given)) }] });
  if (answer !== undefined) messages.push({ role: 'tool', parts: [{ kind: 'result', id, text: textOf(parsed(answer)) }] });
  return messages;
}

function messageOf(value: unknown, role: string): Message {
  const fields = record(value);
  if (typeof value === 'string') return { role, parts: [{ kind: 'text', text: value }] };
  const said = word(fields['role']) ?? role;
  const calls = listOf(fields['tool_calls']).map((call) => callOf(record(call)));
  let parts = [...partsOf(parsed(fields['parts'] ?? fields['content'])), ...calls];
  const id = word(fields['id'] ?? fields['tool_call_id']);
  if (said === 'tool') parts = parts.map((part) => (part.kind === 'text' ? { ...part, kind: 'result', id } : part));
  const finish = word(fields['finish_reason']);
  return finish ? { role: said, parts, finish } : { role: said, parts };
}

function callOf(call: Plain): Part {
  const called = record(call['function'] ?? call);
  return { kind: 'call', name: word(called['name']), id: word(call['id']), text: textOf(parsed(called['arguments'] ?? '')) };
}

function partsOf(value: unknown): Part[] {
  if (value === undefined || value === null || value === '') return [];
  if (!Array.isArray(value)) return [partOf(value)];
  return value.slice(0, most).map(partOf);
}

function partOf(value: unknown): Part {
  if (typeof value !== 'object' || value === null) return { kind: 'text', text: textOf(value) };
  const part = value as Plain;
  const content = part['content'] ?? part['text'];
  switch (part['type']) {
    case undefined:
    case 'text':
      return { kind: 'text', text: textOf(content ?? part) };
    case 'reasoning':
    case 'thinking':
      return { kind: 'reasoning', text: textOf(content ?? part['thinking'] ?? '') };
    case 'tool_call':
    case 'tool_use':
      return { ...callOf(part), text: textOf(parsed(part['arguments'] ?? part['input'] ?? '')) };
    case 'tool_call_response':
    case 'tool_result':
      return { kind: 'result', id: word(part['id'] ?? part['tool_use_id']), text: textOf(parsed(part['response'] ?? part['result'] ?? content ?? '')) };
  }
  return { kind: 'other', name: textOf(part['type']), text: textOf(part['uri'] ?? part['mime_type'] ?? content ?? part) };
}

function toolNames(value: unknown): string[] {
  return listOf(value).map((tool) => {
    const fields = record(tool);
    return word(fields['name'] ?? record(fields['function'])['name']) ?? textOf(tool);
  });
}

/** A list that may be written as JSON; one thing is a list of one. */
function listOf(value: unknown): unknown[] {
  const plain = parsed(value);
  if (plain === undefined || plain === null || plain === '') return [];
  return (Array.isArray(plain) ? plain : [plain]).slice(0, most);
}

/** What a text that holds a JSON list or object says; all else as it is. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function record(value: unknown): Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Plain) : {};
}

function word(value: unknown): string | undefined {
  return value === undefined || value === null || value === '' ? undefined : textOf(value);
}

function count(value: unknown): number | undefined {
  const n = Number(value);
  return value === undefined || !Number.isFinite(n) ? undefined : n;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '');
}
