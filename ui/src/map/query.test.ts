import { expect, it } from 'vitest';
import { edgeQuery, nodeQuery } from './query';
import { edge, node } from './sample';

it('asks for the calls from service to service', () => {
  expect(edgeQuery(edge('a', 'b'), 'service', 'service')).toBe('{ resource.service.name = "a" } > { resource.service.name = "b" }');
  expect(edgeQuery(edge('a', 'a'), 'service', 'service')).toBe(
    '{ resource.service.name = "a" } > { resource.service.name = "a" && kind = server }',
  );
});

it('asks for messages by their consumer', () => {
  expect(edgeQuery(edge('a', 'b', 1, 0, { connection: 'messaging' }), 'service', 'service')).toBe(
    '{ resource.service.name = "a" } && { resource.service.name = "b" && kind = consumer } || { resource.service.name = "b" && kind = consumer && link:spanID != nil }',
  );
});

it('asks by the name of the peer for what sends no spans', () => {
  expect(edgeQuery(edge('a', 'redis', 1, 0, { connection: 'database', server: undefined }), 'service', 'database')).toBe(
    '{ resource.service.name = "a" && (span.db.system.name = "redis" || span.db.system = "redis") }',
  );
  expect(edgeQuery(edge('a', 'x', 1, 0, { server: undefined }), 'service', 'external')).toContain('span.server.address = "x"');
  expect(edgeQuery(edge('kafka', 'b', 1, 0, { connection: 'messaging' }), 'messaging', 'service')).toMatch(
    /^{ resource.service.name = "b" && kind = consumer && \(span.messaging.system = "kafka"/,
  );
  expect(edgeQuery(edge('x', 'b'), 'external', 'service')).toContain('kind = server');
});

it('takes names as they are', () => {
  expect(nodeQuery(node('a"\\\n" } || { true'))).toBe('{ resource.service.name = "a\\"\\\\\\n\\" } || { true" }');
});
