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
    // A browser on a busy machine may be late once; what is wrong fails twice.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
