/**
 * Is a belief held as a number? Run it with `npx tsx probes/learner-posterior.script.ts`.
 *
 * From six demonstrations follows an exact posterior over the rule that labels a query. The script decodes its log odds, and the
 * chance itself, where the query's label is asked for, beside a control that is as easy to compute and of no use: the log odds of
 * two rules that read the texture.
 */
import { matchHooks, openLinalg, openModel } from 'mesascope';
import { naturalSequences, readPosterior } from '../models/learner/environment.ts';

const model = await openModel('models/learner/in-context-1/model.onnx');
const linalg = await openLinalg();
const hooks = matchHooks(model.hooks, 'embed,blocks.*.resid_mid,blocks.*.resid_post').map(({ name }) => name);
const data = naturalSequences({ seed: 'script', groups: 2000, queries: 2 });
const { hooks: readings, behavior } = await readPosterior(data, { model, linalg, hooks });

const shown = (value: (typeof readings)[number]['chance']): string =>
  value.state === 'measured' ? value.value.toFixed(3).padStart(7) : value.reason;
console.log('hook                 log odds  chance  control   (R squared on unseen demonstrations)');
for (const { hook, logOdds, chance, control } of readings) {
  console.log(`${hook.padEnd(20)} ${shown(logOdds)}  ${shown(chance)}  ${shown(control)}`);
}
console.log(`The model's chances of the labels against the exact ones: R squared ${shown(behavior)}`);

await model.close();
await linalg.close();
