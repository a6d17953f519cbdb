#!/usr/bin/env node
// The package ships TypeScript and runs it as it is: experiments are TypeScript too, so tsx is needed in any case,
// and there is no build step that could go stale. Both kinds of modules are registered, because a user's folder need
// not say `"type": "module"`, and Node then takes an experiment in it for CommonJS.
import { register as registerCommonJs } from 'tsx/cjs/api';
import { register } from 'tsx/esm/api';

registerCommonJs();
register();
const { main, reportCrash } = await import('../src/cli/main.ts');
// What is thrown where nobody awaits it still ends as one line and exit code 1.
process.on('uncaughtException', (error) => process.exit(reportCrash(error)));
process.exitCode = await main(process.argv.slice(2));
