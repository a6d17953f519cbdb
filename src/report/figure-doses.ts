/** @file report: steering: the change of the preference dose by dose with its null band, and the ledger of side effects. */
import type { DosePoint, DoseResponse, NullComparison } from '../record/parts.ts';
import { type Figure, figure } from './figure.ts';
import { fixed, measuredText, percent, spanText, withInterval } from './format.ts';
import { html, outside } from './html.ts';
import { numberOf, readerTable, tableOf } from './table.ts';

type Row = {
  readonly response: DoseResponse;
  readonly point: DosePoint;
  readonly widest: NullComparison | undefined;
};

/** Steering towards the goals in one figure, along modes in another; none where nothing was steered. */
export function doseFigures(responses: readonly DoseResponse[]): readonly Figure[] {
  const goals = responses.filter(({ id }) => id.startsWith('goal.'));
  const modes = responses.filter(({ id }) => !id.startsWith('goal.'));
  return [
    ...(goals.length === 0 ? [] : [doseFigure('steering', 'Steering, dose by dose', goals)]),
    ...(modes.length === 0 ? [] : [doseFigure('mode-steering', 'Steering towards another mode', modes)]),
  ];
}

function doseFigure(id: string, title: string, responses: readonly DoseResponse[]): Figure {
  const rows: readonly Row[] = responses.flatMap((response) =>
    response.points.map((point) => ({ response, point, widest: widestNull(point.nulls) })),
  );
  const tableData = tableOf(`${id}-table`, rows, [
    { name: 'series', text: ({ response }) => response.id },
    { name: 'dose_class_gaps', number: ({ point }) => point.dose },
    { name: 'effect_nats', number: ({ point }) => numberOf(point.effect) },
    { name: 'low', number: ({ point }) => point.interval?.low ?? null },
    { name: 'high', number: ({ point }) => point.interval?.high ?? null },
    { name: 'valid', text: ({ point }) => (point.valid ? 'yes' : 'no') },
    { name: 'widest_null', text: ({ widest }) => widest?.id ?? '' },
    { name: 'null_low', number: ({ widest }) => numberOf(widest?.low) },
    { name: 'null_high', number: ({ widest }) => numberOf(widest?.high) },
    { name: 'flips', number: ({ point }) => numberOf(point.flips) },
    { name: 'percent_of_norm', number: ({ point }) => point.percentOfNorm },
    { name: 'choice_mass', number: ({ point }) => numberOf(point.sideEffects.choiceMass) },
    { name: 'entropy_nats', number: ({ point }) => numberOf(point.sideEffects.entropy) },
    { name: 'neutral_shift', number: ({ point }) => numberOf(point.sideEffects.neutralShift) },
    { name: 'distance', number: ({ point }) => numberOf(point.sideEffects.distance) },
  ]);
  return figure({
    data: {
      id,
      title,
      finding: finding(responses),
      table: tableData.id,
      drawing: {
        kind: 'doses',
        series: responses.map(({ id: series, label }) => ({ id: series, label })),
      },
    },
    tableData,
    reader: readerTable({
      caption: 'Doses, their effects and their side effects',
      heads: [
        { text: 'Direction' },
        { text: 'Dose', number: true },
        { text: 'Effect', number: true },
        { text: 'Widest null', number: true },
        { text: 'Turned', number: true },
        { text: 'Length', number: true },
        { text: 'Choices keep', number: true },
        { text: 'Entropy', number: true },
        { text: 'Neutral push moves', number: true },
        { text: 'Distance', number: true },
        { text: 'In range' },
      ],
      rows: rows.map(({ response, point, widest }) => [
        outside(response.label),
        fixed(point.dose, 1),
        withInterval(point.effect, point.interval, 'nats'),
        widest === undefined ? '\u2013' : `${nullText(widest)} (${widest.id})`,
        measuredText(point.flips, 'share'),
        percent(point.percentOfNorm / 100),
        measuredText(point.sideEffects.choiceMass, 'share'),
        measuredText(point.sideEffects.entropy, 'nats'),
        measuredText(point.sideEffects.neutralShift, 'share'),
        measuredText(point.sideEffects.distance, 'ratio'),
        point.valid ? 'yes' : html`no: ${outside(point.broken.join('; '))}`,
      ]),
    }),
    howToRead: html`A dose of 1 moves the activation by the whole distance between ${id === 'steering' ? 'the codes of two values of a goal, fitted by least squares together with those of the other goal' : 'the means of two contexts, or by one standard deviation along a searched direction'}. Up: the preference moves towards the new action. Bands: central 95\u202f% of the widest family of null directions of equal length. Hollow marks are doses that carry the activations out of the range of unedited inputs; they decide nothing. A push costs certainty in whatever direction it goes: what counts is being above the band.`,
  });
}

function widestNull(nulls: readonly NullComparison[]): NullComparison | undefined {
  const reach = ({ high }: NullComparison): number => (high.state === 'measured' ? high.value : -Infinity);
  const [first] = [...nulls].sort((a, b) => reach(b) - reach(a));
  return first !== undefined && reach(first) > -Infinity ? first : undefined;
}

function nullText({ low, high }: NullComparison): string {
  return low.state === 'measured' && high.state === 'measured'
    ? spanText(low.value, high.value, 'nats')
    : '\u2013';
}

function finding(responses: readonly DoseResponse[]): string {
  return responses
    .map(({ label, slope, points }) => {
      const valid = points.filter((point) => point.valid).length;
      const said =
        slope.state === 'measured'
          ? `${fixed(slope.value, 2)} nats per class gap over ${valid} of ${points.length} doses`
          : `no slope (${slope.reason})`;
      return `${label.charAt(0).toUpperCase()}${label.slice(1)}: ${said}.`;
    })
    .join(' ');
}
