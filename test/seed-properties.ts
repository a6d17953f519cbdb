/** @file test: properties are tried on the same random cases in every run; FC_SEED=$RANDOM looks for others. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20_261_121) });
