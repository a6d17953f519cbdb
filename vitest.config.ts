import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'node_modules/**'],
    // ONNX Runtime sessions are native objects: forked processes keep a crash in one file from taking the others down.
    pool: 'forks',
    // Vitest leaves one core free by default, which on two cores means one file after the other.
    maxWorkers: '100%',
    setupFiles: ['test/seed-properties.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
