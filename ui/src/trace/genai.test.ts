import { expect, test } from 'vitest';
import { conversationOf } from './genai';

const question = { role: 'user', parts: [{ kind: 'text', text: 'Weather in Paris?' }] };

test('messages as attributes of the span', () => {
  const found = conversationOf(
    {
      'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'acme', 'gen_ai.request.model': 'm-1', 'gen_ai.response.model': 'm-1-0601',
      'gen_ai.usage.input_tokens': '120', 'gen_ai.usage.output_tokens': 45, 'gen_ai.request.temperature': 0.2,
      'gen_ai.system_instructions': '[{"type":"text","content":"Be brief."}]',
      'gen_ai.input.messages': JSON.stringify([
        { role: 'user', parts: [{ type: 'text', content: 'Weather in Paris?' }] },
        { role: 'assistant', parts: [{ type: 'tool_call', id: 'c1', name: 'weather', arguments: { city: 'Paris' } }] },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c1', response: 'rainy, 12°' }] },
      ]),
      'gen_ai.output.messages': [{ role: 'assistant', parts: [{ type: 'reasoning', content: 'It rains.' }, { type: 'text', content: 'Rain.' }], finish_reason: 'stop' }],
      'gen_ai.tool.definitions': '[{"type":"function","name":"weather"}]',
    },
    [],
  );
  expect(found).toMatchObject({ operation: 'chat', provider: 'acme', model: 'm-1-0601', tokens: { input: 120, output: 45 }, settings: [['temperature', '0.2']], tools: ['weather'] });
  expect(found.messages).toEqual([
    { role: 'system', parts: [{ kind: 'text', text: 'Be brief.' }] },
    question,
    { role: 'assistant', parts: [{ kind: 'call', id: 'c1', name: 'weather', text: '{\n  "city": "Paris"\n}' }] },
    { role: 'tool', parts: [{ kind: 'result', id: 'c1', text: 'rainy, 12°' }] },
    { role: 'assistant', parts: [{ kind: 'reasoning', text: 'It rains.' }, { kind: 'text', text: 'Rain.' }], finish: 'stop' },
  ]);
});

test('an event for each message', () => {
  const { messages } = conversationOf({}, [
    { name: 'gen_ai.user.message', attributes: { content: 'Weather in Paris?' } },
    { name: 'gen_ai.assistant.message', attributes: { tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }] } },
    { name: 'gen_ai.tool.message', attributes: { id: 'c1', content: 'rainy' } },
    { name: 'gen_ai.choice', attributes: { index: '0', finish_reason: 'stop', message: '{"role":"assistant","content":"Rain."}' } },
    { name: 'something else', attributes: { content: 'no' } },
  ]);
  expect(messages).toEqual([
    question,
    { role: 'assistant', parts: [{ kind: 'call', id: 'c1', name: 'weather', text: '{\n  "city": "Paris"\n}' }] },
    { role: 'tool', parts: [{ kind: 'result', id: 'c1', text: 'rainy' }] },
    { role: 'assistant', parts: [{ kind: 'text', text: 'Rain.' }], finish: 'stop' },
  ]);
});

test('one event with all, and prompts of old', () => {
  const all = { 'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Weather in Paris?"}]}]' };
  expect(conversationOf({}, [{ name: 'gen_ai.client.inference.operation.details', attributes: all }]).messages).toEqual([question]);
  const old = conversationOf({}, [{ name: 'gen_ai.content.prompt', attributes: { 'gen_ai.prompt': '[{"role":"user","content":"Weather in Paris?"}]' } }]);
  expect(old.messages).toEqual([question]);
});

test('numbered attributes', () => {
  const { messages } = conversationOf(
    {
      'gen_ai.prompt.0.role': 'user', 'gen_ai.prompt.0.content': 'Weather in Paris?', 'gen_ai.completion.0.role': 'assistant',
      'gen_ai.completion.0.tool_calls.0.name': 'weather', 'gen_ai.completion.0.tool_calls.0.arguments': '{}', 'gen_ai.completion.0.finish_reason': 'tool_calls',
    },
    [],
  );
  expect(messages).toEqual([question, { role: 'assistant', parts: [{ kind: 'call', name: 'weather', text: '{}' }], finish: 'tool_calls' }]);
});

test('the run of a tool', () => {
  const found = conversationOf({ 'gen_ai.tool.name': 'weather', 'gen_ai.tool.call.id': 'c1', 'gen_ai.tool.call.arguments': '{"city":"Paris"}', 'gen_ai.tool.call.result': 'rainy' }, []);
  expect(found.messages.map((message) => message.parts[0])).toMatchObject([{ kind: 'call', name: 'weather', id: 'c1' }, { kind: 'result', text: 'rainy' }]);
});

test('what is not as it should be is shown as it is', () => {
  const { messages } = conversationOf({ 'gen_ai.input.messages': '[{"role":', 'gen_ai.output.messages': [null, 7, { parts: { a: 1 } }, { parts: [null, { type: 'blob', mime_type: 'image/png' }] }] }, []);
  expect(messages[0]).toEqual({ role: 'user', parts: [{ kind: 'text', text: '[{"role":' }] });
  expect(messages).toHaveLength(5);
  expect(messages[4]!.parts[1]).toEqual({ kind: 'other', name: 'blob', text: 'image/png' });
  expect(conversationOf({}, []).messages).toEqual([]);
});
