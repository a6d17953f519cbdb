// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: one mark per example (components, score against preference), and score distributions. */

const LEGEND_MOST = 10;

/**
 * @param {Table} table
 * @param {{ x: string, y: string, xLabel: string, yLabel: string, group: string }} plan
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawComponents(table, plan, palette, width) {
  const traces = groupTraces(table, { x: plan.x, y: plan.y, group: plan.group }, palette);
  const few = traces.length <= LEGEND_MOST;
  return {
    traces,
    layout: baseLayout(palette, {
      width,
      height: Math.min(560, Math.max(340, width * 0.62)),
      margin: { l: 52, r: 12, t: few ? (width < 560 ? 74 : 40) : 12, b: 52 },
      ...(few && legendAbove(palette)),
      dragmode: dragMode(),
      xaxis: baseAxis(palette, {
        title: axisTitle(palette, plan.xLabel),
        fixedrange: false,
        zeroline: false,
      }),
      yaxis: baseAxis(palette, {
        title: axisTitle(palette, plan.yLabel),
        fixedrange: false,
        zeroline: false,
      }),
    }),
  };
}

/** @param {Table} table @param {Palette} palette @param {number} width @returns {Drawn} */
function drawPreference(table, palette, width) {
  const narrow = width < 560;
  // A shape as wide as the axes would count for their ranges, so these are set from the points alone.
  const xs = rangeOf(numbers(table.column('score')));
  const ys = rangeOf(numbers(table.column('preference_nats')));
  return {
    traces: groupTraces(table, { x: 'score', y: 'preference_nats', group: 'behavior' }, palette),
    layout: baseLayout(palette, {
      width,
      height: Math.min(460, Math.max(320, width * 0.5)),
      margin: { l: 56, r: 12, t: narrow ? 74 : 40, b: 48 },
      ...legendAbove(palette),
      dragmode: dragMode(),
      xaxis: baseAxis(palette, {
        range: xs,
        title: axisTitle(palette, 'internal score: \u2190 intended, proxy \u2192'),
        fixedrange: false,
      }),
      yaxis: baseAxis(palette, {
        range: ys,
        title: axisTitle(
          palette,
          narrow ? 'preference, nats' : 'preference, nats: \u2190 intended, proxy \u2192',
        ),
        fixedrange: false,
      }),
      shapes: [
        {
          type: 'rect',
          xref: 'x',
          yref: 'y',
          x0: 0,
          x1: xs[1],
          y0: ys[0],
          y1: 0,
          fillcolor: palette.shade,
          line: { width: 0 },
          layer: 'below',
        },
      ],
      annotations: [
        {
          x: xs[1],
          y: ys[0],
          xanchor: 'right',
          yanchor: 'bottom',
          showarrow: false,
          text: 'silent',
          font: { size: 12, color: palette.roles.proxy },
        },
      ],
    }),
  };
}

/** Ends that hold every number and 0, with a margin. @param {readonly (number | null)[]} values @returns {[number, number]} */
function rangeOf(values) {
  let [low, high] = [0, 0];
  for (const value of values) {
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const margin = 0.06 * (high - low || 1);
  return [low - margin, high + margin];
}

/** Dragging zooms with a mouse; under a finger it must stay what it is everywhere else, scrolling. */
function dragMode() {
  return window.matchMedia('(pointer: fine)').matches ? 'zoom' : false;
}

/**
 * One trace per group, in a fixed order, with a colour and a shape of its own.
 * @param {Table} table
 * @param {{ x: string, y: string, group: string }} plan
 * @param {Palette} palette
 */
function groupTraces(table, plan, palette) {
  const xs = numbers(table.column(plan.x));
  const ys = numbers(table.column(plan.y));
  const ids = texts(table.column('id'));
  const groups = texts(table.column(plan.group));
  const names = [...new Set(groups)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return names.map((name, order) => {
    const rows = groups.flatMap((group, i) => (group === name ? [i] : []));
    const role = Object.hasOwn(SYMBOLS, name) ? /** @type {keyof typeof SYMBOLS} */ (name) : undefined;
    const color = (role && palette.roles[role]) ?? palette.cycle[order % palette.cycle.length] ?? palette.ink;
    const symbol = role
      ? SYMBOLS[role]
      : SYMBOL_CYCLE[Math.floor(order / palette.cycle.length + order) % SYMBOL_CYCLE.length];
    return {
      type: 'scatter',
      mode: 'markers',
      name: label(name, 24),
      x: rows.map((i) => xs[i] ?? null),
      y: rows.map((i) => ys[i] ?? null),
      customdata: rows.map((i) => ids[i] ?? ''),
      // `none` shows no label of plotly's own, yet still reports what is pointed at.
      hoverinfo: 'none',
      marker: {
        color,
        symbol,
        size: symbol === 'circle' || symbol === 'square' ? 7 : 8,
        opacity: 0.78,
        line: symbol === 'x-thin' ? { color, width: 2 } : { color: palette.card, width: 0.6 },
      },
    };
  });
}

/**
 * @param {Table} table
 * @param {{ behaviors: readonly string[], width: number }} plan
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawScores(table, plan, palette, width) {
  const behavior = texts(table.column('behavior'));
  const starts = numbers(table.column('bin_start'));
  const counts = numbers(table.column('examples'));
  const n = plan.behaviors.length;
  const left = 84;
  const rowHeight = 84;
  const foot = 52;
  const height = n * rowHeight + foot;
  /** @type {Record<string, unknown>} */
  const axes = {};
  /** @type {object[]} */
  const annotations = [];
  const traces = plan.behaviors.map((name, order) => {
    const suffix = order === 0 ? '' : String(order + 1);
    const rows = behavior.flatMap((own, i) => (own === name ? [i] : []));
    const top = 1 - order / n;
    axes[`yaxis${suffix}`] = baseAxis(palette, {
      domain: [top - 1 / n + 0.02, top - 0.04],
      anchor: 'x',
      showticklabels: false,
      showgrid: false,
      zeroline: true,
      zerolinecolor: palette.line,
      rangemode: 'tozero',
    });
    annotations.push({
      xref: 'paper',
      yref: 'paper',
      x: 0,
      y: top - 1 / n + 0.02,
      xanchor: 'right',
      yanchor: 'bottom',
      xshift: -8,
      showarrow: false,
      text: label(name, 12),
      font: { size: 12, color: palette.ink },
    });
    return {
      type: 'bar',
      x: rows.map((i) => (starts[i] ?? 0) + plan.width / 2),
      y: rows.map((i) => counts[i] ?? 0),
      width: plan.width * 0.94,
      marker: { color: palette.roles[name] ?? palette.muted, line: { width: 0 } },
      hoverinfo: 'none',
      yaxis: `y${suffix}`,
    };
  });
  return {
    traces,
    layout: baseLayout(palette, {
      width,
      height,
      margin: { l: left, r: 12, t: 4, b: foot },
      bargap: 0,
      ...axes,
      xaxis: baseAxis(palette, {
        anchor: n === 1 ? 'y' : `y${n}`,
        title: axisTitle(palette, 'internal score: \u2190 reads as intended, reads as proxy \u2192'),
        showgrid: true,
        zeroline: false,
      }),
      annotations,
      shapes: [
        {
          type: 'line',
          xref: 'x',
          yref: 'paper',
          x0: 0,
          x1: 0,
          y0: 0,
          y1: 1,
          line: { color: palette.ink, width: 1.2, dash: 'dot' },
        },
      ],
    }),
  };
}
