#!/usr/bin/env node
// The package ships TypeScript and runs it as it is: experiments are TypeScript too, so tsx is needed in any case,
// and there is no build step that could go stale.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
