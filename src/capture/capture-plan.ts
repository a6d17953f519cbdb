/** @file capture: how the graph is instrumented for a capture, and the names to feed and fetch afterwards. */
import type { InstrumentStep } from '../model/session-pool.ts';
import type { InstrumentedModel, OutputRequest } from '../onnx/contract.ts';
import type { CaptureSite } from './capture-sites.ts';
import type { ChoiceOutput } from './choice-logits.ts';

export type CapturePlanOfGraph = {
  /** Tells this instrumentation from others of the same model. */
  readonly key: unknown;
  readonly steps: readonly InstrumentStep[];
  names(instrumented: readonly InstrumentedModel[]): CaptureNames;
};

export type CaptureNames = {
  readonly fetches: readonly string[];
  /** One per site, in order. */
  readonly hooks: readonly string[];
  readonly choices: string | undefined;
  /** Inputs that take positions: of the hooks, and of the read-out. */
  readonly positions: string | undefined;
  readonly readout: string | undefined;
};

export type CapturePlanOptions = {
  /** All positions of every row are asked for, in order: picking them would only copy the value. */
  readonly everyPosition?: boolean;
};

/**
 * Hooks at one list of positions, and the output at the read-out. The two lists differ, and an instrumented graph has one,
 * so the output is picked in a second step: taking it at every position would copy a whole vocabulary for each.
 */
export function capturePlan(
  sites: readonly CaptureSite[],
  output: ChoiceOutput | undefined,
  { everyPosition = false }: CapturePlanOptions = {},
): CapturePlanOfGraph {
  const values = [...new Map(sites.map((site) => [site.value, site])).values()];
  const hookOutputs: OutputRequest[] = values.map(({ value, positions }) => ({
    value,
    pick: positions && !everyPosition ? 'positions' : 'all',
  }));
  const outputPick: OutputRequest[] =
    output === undefined ? [] : [{ value: output.value, pick: output.positions ? 'positions' : 'all' }];
  const hookStep: InstrumentStep = () => ({ outputs: hookOutputs, keepModelOutputs: output !== undefined });
  const outputStep: InstrumentStep = ([hooks]) => ({
    outputs: [
      ...(hooks === undefined
        ? []
        : values.map(({ value }): OutputRequest => keep(hooks.outputNames.get(value)!))),
      ...outputPick.filter(
        ({ pick, value }) => pick === 'positions' || hooks?.outputNames.get(value) !== value,
      ),
    ],
    keepModelOutputs: false,
  });
  const steps = [...(values.length === 0 ? [] : [hookStep]), ...(output === undefined ? [] : [outputStep])];
  return {
    key: { capture: hookOutputs, output: outputPick },
    steps,
    names(instrumented) {
      const hookModel = values.length === 0 ? undefined : instrumented[0];
      const outputModel = output === undefined ? undefined : instrumented.at(-1);
      const hooks = sites.map(({ value }) => finalName(hookModel!.outputNames.get(value)!, outputModel));
      const choices = output === undefined ? undefined : outputModel!.outputNames.get(output.value);
      return {
        fetches: [...new Set([...hooks, ...(choices === undefined ? [] : [choices])])],
        hooks,
        choices,
        positions: hookModel?.positionsInput,
        readout: outputModel?.positionsInput,
      };
    },
  };
}

function keep(value: string): OutputRequest {
  return { value, pick: 'all' };
}

function finalName(name: string, later: InstrumentedModel | undefined): string {
  return later?.outputNames.get(name) ?? name;
}
