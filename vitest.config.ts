import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A test that takes minutes and starts last leaves the other core idle for as long: these start first, longest in front. */
const LONG = [
  'e2e/demo',
  'e2e/audit',
  'e2e/interrupted',
  'capture/kill-long-capture',
  'e2e/incomplete-data',
  'e2e/benchmark',
  'evidence/gather',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**', 'node_modules/**'],
    // ONNX Runtime sessions are native objects: forked processes keep a crash in one file from taking the others down.
    pool: 'forks',
    // Vitest leaves one core free by default, which on two cores means one file after the other.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    setupFiles: ['test/seed-properties.ts'],
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
