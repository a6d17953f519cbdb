/** @file test: prints the table of architectures and exports for the docs.
 *  Run with `npx tsx test/exports/table.ts FOLDER`, where FOLDER is what `test/fixtures/exports/make.py --out FOLDER` wrote. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { measureExport } from './measure.ts';

const [folder, only] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder of the exports');
for (const file of readdirSync(folder).filter(
  (name) => name.endsWith('.onnx') && name.includes(only ?? ''),
)) {
  const name = file.slice(0, -'.onnx'.length);
  const truth = join(folder, `${name.split('.')[0]}.safetensors`);
  if (!existsSync(truth)) continue;
  try {
    const m = await measureExport(join(folder, file), truth);
    const worst = m.compared.reduce((a, b) => (b.largest > a.largest ? b : a), {
      hook: '-',
      largest: 0,
      relative: 0,
    });
    const check = (id: string): string => {
      const found = m.checks.find((one) => one.id === id);
      return found === undefined
        ? '-'
        : found.state === 'not-applicable'
          ? 'n/a'
          : `${found.state === 'passed' ? '' : 'FAILED '}${found.value?.toExponential(1)}`;
    };
    console.log(
      `| ${name} | ${m.noResidual ?? `${m.available.length} of ${m.available.length + m.missing.length}`} | ${worst.largest.toExponential(1)} (${worst.hook}) | ${['residual-identity', 'attention-rows', 'padded-equals-alone', 'edit-changes-output', 'no-op-edit', 'run-equals-file'].map(check).join(' | ')} | ${m.seconds.toFixed(1)} s |`,
    );
    if (m.unread.length > 0) console.log('   unread:', m.unread.join(', '));
    if (m.unchecked.length > 0) console.log('   unchecked:', m.unchecked.join(', '));
    const reasons = new Map<string, string[]>();
    for (const one of m.missing) reasons.set(one.reason, [...(reasons.get(one.reason) ?? []), one.name]);
    for (const [reason, names] of reasons) console.log(`   missing ${names.join(', ')}: ${reason}`);
    for (const one of m.checks)
      if (one.state === 'failed') console.log('   ', one.id, one.note, one.value, one.limit);
  } catch (error) {
    console.log(`| ${name} | ERROR ${(error as Error).message} |`);
  }
}
