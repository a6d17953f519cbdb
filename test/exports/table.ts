/** @file test: prints the table of architectures and exports for the docs.
 *  Run with `npx tsx test/exports/table.ts FOLDER... [--only TEXT] [--details]`, on what the scripts of `test/fixtures/exports` wrote. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Measured, measureExport } from './measure.ts';

const { values, positionals } = parseArgs({
  options: { only: { type: 'string' }, details: { type: 'boolean' } },
  allowPositionals: true,
});

type Graph = { readonly name: string; readonly path: string; readonly truth: string };

/** The graphs of a folder: files of their own, and those that converters put into NAME/onnx. */
function graphsOf(folder: string): Graph[] {
  return readdirSync(folder).flatMap((entry): Graph[] => {
    const truth = join(folder, `${entry.split('.')[0]}.safetensors`);
    if (entry.endsWith('.onnx')) return [{ name: entry.slice(0, -5), path: join(folder, entry), truth }];
    const inside = join(folder, entry, 'onnx');
    if (!existsSync(inside)) return [];
    // A graph that only goes on from caches has no first pass of its own to compare.
    const files = readdirSync(inside).filter((file) => file.endsWith('.onnx') && !file.includes('with_past'));
    return files.map((file) => ({
      name: files.length === 1 ? entry : `${entry}/${file.slice(0, -5)}`,
      path: join(inside, file),
      truth,
    }));
  });
}

function row(name: string, m: Measured): string {
  const number = (value: number): string => (value === 0 ? '0' : value.toExponential(1));
  const worst = m.compared.reduce((most, { largest }) => Math.max(most, largest), 0);
  const relative = m.compared.reduce((most, one) => Math.max(most, one.relative), 0);
  const check = (id: string): string => {
    const found = m.checks.find((one) => one.id === id);
    if (found === undefined || found.state === 'not-applicable') return '';
    return `${found.state === 'failed' ? '**' : ''}${number(found.value!)}${found.state === 'failed' ? '**' : ''}`;
  };
  const hooks = m.noResidual ?? `${m.available.length} of ${m.available.length + m.missing.length}`;
  const checks = ['residual-identity', 'batch-equals-alone', 'no-op-edit', 'run-equals-file'].map(check);
  const cells = [name, hooks, number(worst), number(relative), ...checks, m.seconds.toFixed(1)];
  return `| ${cells.join(' | ')} |`;
}

function details(m: Measured): void {
  if (m.unread.length > 0) console.log('   not offered:', m.unread.join(', '));
  if (m.unchecked.length > 0) console.log('   not recorded:', m.unchecked.join(', '));
  const reasons = new Map<string, string[]>();
  for (const { reason, name } of m.missing) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  for (const [reason, names] of reasons) console.log(`   missing ${names.join(', ')}: ${reason}`);
  for (const one of m.checks) {
    if (one.state === 'failed') console.log(`   FAILED ${one.id}: ${one.value} > ${one.limit}; ${one.note}`);
  }
}

console.log(
  '| architecture.export | hooks | largest difference | relative | residual sums | alone or among others | edit with itself | graph and file | seconds |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
);
for (const { name, path, truth } of positionals.flatMap(graphsOf)) {
  if (!name.includes(values.only ?? '') || !existsSync(truth)) continue;
  try {
    const measured = await measureExport(path, truth);
    console.log(row(name, measured));
    if (values.details === true) details(measured);
  } catch (error) {
    console.log(`| ${name} | ${(error as Error).message} |`);
  }
}
