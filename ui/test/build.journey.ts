import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const app = join(import.meta.dirname, '../dist/app');

interface Chunk {
  file: string;
  imports?: string[];
  isEntry?: boolean;
}

const mostBytes = 350_000;

it('Explore loads at most 350 kB of compressed JavaScript', async () => {
  const manifest = JSON.parse(await readFile(join(app, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>;
  const files = new Set<string>();
  const add = (name: string) => {
    const chunk = manifest[name];
    if (!chunk || files.has(chunk.file)) return;
    files.add(chunk.file);
    chunk.imports?.forEach(add);
  };
  add('index.html');
  add('src/explore/ExplorePage.tsx');
  expect(files.size).toBeGreaterThan(2);
  const sizes = await Promise.all([...files].map(async (file) => gzipSync(await readFile(join(app, file)), { level: 9 }).length));
  expect(sizes.reduce((sum, n) => sum + n)).toBeLessThanOrEqual(mostBytes);
});
