import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/**
 * Puts a .gz and a .br beside each asset, where the server looks for them.
 */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    async writeBundle({ dir }) {
      if (!dir) return;
      const assets = join(dir, 'assets');
      for (const name of await readdir(assets)) {
        const raw = await readFile(join(assets, name));
        const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length } };
        await writeFile(join(assets, `${name}.gz`), await promisify(gzip)(raw, { level: 9 }));
        await writeFile(join(assets, `${name}.br`), await promisify(brotliCompress)(raw, brotli));
      }
    },
  };
}

export default defineConfig({
  // Assets are found relative to <base href>, which the server writes.
  base: './',
  plugins: [react(), compressed()],
  build: {
    // The first with light-dark(), which the colours are made with.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    outDir: 'dist/app',
    manifest: true,
    // Nothing inline: the Content-Security-Policy allows no data: scripts or fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Brotli takes its time.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  server: {
    // `npm run dev` beside a `clew serve` on its default ports.
    proxy: { '/api': 'http://127.0.0.1:16686' },
  },
  test: {
    include: ['src/**/*.test.{ts,tsx}'],
    maxWorkers: 2,
  },
});
