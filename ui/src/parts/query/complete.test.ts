import { expect, it } from 'vitest';
import { expectedAt } from './complete';

it.each([
  ['{ ', { kind: 'field', from: 2 }],
  ['{ span.ht', { kind: 'field', from: 2 }],
  ['{ .', { kind: 'field', from: 2 }],
  ['{ span.a ', { kind: 'operator', from: 9 }],
  ['{ span.a = ', { kind: 'value', from: 11, field: 'span.a' }],
  ['{ span.a = "GE', { kind: 'value', from: 11, field: 'span.a' }],
  ['{ resource.service.name = ca', { kind: 'value', from: 26, field: 'resource.service.name' }],
  ['{ span.a = "x" ', { kind: 'joint', from: 15 }],
  ['{ status = error ', { kind: 'joint', from: 17 }],
  ['{ status = error && ', { kind: 'field', from: 20 }],
  ['{ status = error } ', { kind: 'nothing', from: 19 }],
  ['{ status = error } | ', { kind: 'stage', from: 21 }],
  ['{ status = error } | ra', { kind: 'stage', from: 21 }],
  ['{ } | by(', { kind: 'field', from: 9 }],
  ['{ } | by(resource.se', { kind: 'field', from: 9 }],
  ['{ } >> { ', { kind: 'field', from: 9 }],
  ['{ a } // x', { kind: 'nothing', from: 10 }],
  ['ser', { kind: 'field', from: 0 }],
  ['service=', { kind: 'value', from: 8, field: 'resource.service.name' }],
  ['service=cart operation = "GE', { kind: 'value', from: 25, field: 'name' }],
  ['service=cart http.method=', { kind: 'value', from: 25, field: '.http.method' }],
  ['service=cart ', { kind: 'field', from: 13 }],
  ['', { kind: 'field', from: 0 }],
])('%s', (before, expected) => expect(expectedAt(before)).toEqual(expected));
