import { expect, test } from 'vitest';
import { oneLine, unturned } from './text';

test('marks that turn text around are named', () => {
  expect(unturned('user\u202egnp.exe')).toBe('user‹U+202E›gnp.exe');
  expect(unturned('שלום \u200f مرحبا')).toBe('שלום \u200f مرحبا');
});

test('a canvas gets one short line', () => {
  expect(oneLine('a\nb\u202ec')).toBe('a·b·c');
  expect(oneLine('x'.repeat(1000))).toHaveLength(160);
});
