import { defineConfig } from 'vitest/config';

// Journeys through the pages in a real browser, against bin/clew as it was built.
export default defineConfig({
  root: import.meta.dirname,
  cacheDir: '../node_modules/.vite-journeys',
  test: {
    include: ['*.journey.ts'],
    globalSetup: './server.ts',
    // One browser at a time: they share the machine with the server.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
