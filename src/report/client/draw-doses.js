// @ts-check
// biome-ignore-all lint/correctness/noUnusedVariables: plain scripts share one scope, the use is in another file.
/** @file page script: dose response with null bands, baselines beside the probe, and the calibration plot. */

/** Colours of series that are no role, in order. @param {Palette} palette @param {string} id @param {number} order */
function seriesColor(palette, id, order) {
  const role = id.startsWith('goal.') ? id.slice('goal.'.length) : '';
  return palette.roles[role] ?? palette.cycle[(order + 2) % palette.cycle.length] ?? palette.ink;
}

/**
 * @param {Table} table
 * @param {{ series: readonly { id: string, label: string }[] }} plan
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawDoses(table, plan, palette, width) {
  const series = texts(table.column('series'));
  const dose = numbers(table.column('dose_class_gaps'));
  const effect = numbers(table.column('effect_nats'));
  const low = numbers(table.column('low'));
  const high = numbers(table.column('high'));
  const nullLow = numbers(table.column('null_low'));
  const nullHigh = numbers(table.column('null_high'));
  const valid = texts(table.column('valid'));
  /** @type {object[]} */
  const bands = [];
  /** @type {object[]} */
  const marks = [];
  for (const [order, { id, label: name }] of plan.series.entries()) {
    const rows = series.flatMap((own, i) => {
      const [x, y] = [dose[i], effect[i]];
      return own === id && typeof x === 'number' && typeof y === 'number' ? [{ i, x, y }] : [];
    });
    if (rows.length === 0) continue;
    rows.sort((a, b) => a.x - b.x);
    const color = seriesColor(palette, id, order);
    const band = nullBand(rows, nullLow, nullHigh, { palette, color, overhang: 0 });
    if (band !== undefined) bands.push(band);
    marks.push({
      type: 'scatter',
      mode: 'lines+markers',
      name: label(name, width < 560 ? 28 : 60),
      x: rows.map(({ x }) => x),
      y: rows.map(({ y }) => y),
      error_y: errorBars(
        rows.map(({ i, y }) => ({ i, value: y })),
        low,
        high,
        color,
      ),
      line: { color, width: 1.6 },
      marker: {
        color,
        size: 10,
        symbol: rows.map(({ i }) => {
          const symbol =
            SYMBOLS[/** @type {keyof typeof SYMBOLS} */ (id.slice('goal.'.length))] ??
            SYMBOL_CYCLE[(order + 2) % SYMBOL_CYCLE.length] ??
            'circle';
          return valid[i] === 'yes' ? symbol : `${symbol}-open`;
        }),
      },
      hoverinfo: 'none',
    });
  }
  const narrow = width < 560;
  return {
    traces: [...bands, ...marks],
    layout: baseLayout(palette, {
      width,
      height: 360,
      margin: { l: 56, r: 12, t: narrow ? 84 : 40, b: 52 },
      ...legendAbove(palette),
      xaxis: baseAxis(palette, { title: axisTitle(palette, 'dose, class gaps'), zeroline: true }),
      yaxis: baseAxis(palette, { title: axisTitle(palette, 'effect, nats'), rangemode: 'tozero' }),
    }),
  };
}

/**
 * @param {Table} table
 * @param {{ features: readonly { id: string, label: string }[] }} plan
 * @param {Palette} palette
 * @param {number} width
 * @returns {Drawn}
 */
function drawBaselines(table, plan, palette, width) {
  const role = texts(table.column('role'));
  const features = texts(table.column('features'));
  const low = numbers(table.column('low'));
  const high = numbers(table.column('high'));
  const chance = numbers(table.column('chance'));
  const rowOf = new Map(plan.features.map(({ id }, i) => [id, plan.features.length - 1 - i]));
  const narrow = width < 560;
  return {
    traces: marksByRole(
      { role, value: numbers(table.column('accuracy')), low, high, at: (i) => rowOf.get(features[i] ?? '') },
      (order) => (1 - order) * 0.18,
      palette,
    ),
    layout: baseLayout(palette, {
      width,
      height: 120 + 44 * plan.features.length,
      margin: { l: narrow ? 118 : 250, r: 16, t: narrow ? 84 : 40, b: 52 },
      ...legendAbove(palette),
      xaxis: baseAxis(palette, {
        title: axisTitle(palette, 'balanced accuracy'),
        range: [0, 1.02],
        tickformat: '.0%',
      }),
      yaxis: baseAxis(palette, {
        range: [-0.6, plan.features.length - 0.4],
        tickvals: plan.features.map(({ id }) => rowOf.get(id)),
        ticktext: plan.features.map(({ id, label: words }) => label(narrow ? id : words, narrow ? 16 : 38)),
        zeroline: false,
      }),
      shapes: [...new Set(chance)].flatMap((x) => (x === null ? [] : [dottedAt(x, palette)])),
    }),
  };
}

/** @param {Table} table @param {Palette} palette @param {number} width @returns {Drawn} */
function drawCalibration(table, palette, width) {
  const stated = numbers(table.column('stated'));
  const observed = numbers(table.column('observed'));
  const rows = numbers(table.column('rows'));
  const most = Math.max(1, ...rows.map((count) => count ?? 0));
  return {
    traces: [
      {
        type: 'scatter',
        mode: 'lines',
        x: [0, 1],
        y: [0, 1],
        line: { color: palette.ink, width: 1, dash: 'dot' },
        hoverinfo: 'skip',
        showlegend: false,
      },
      {
        type: 'scatter',
        mode: 'lines+markers',
        x: stated,
        y: observed,
        line: { color: palette.roles.proxy, width: 1.4 },
        marker: {
          color: palette.roles.proxy,
          size: rows.map((count) => 6 + 10 * Math.sqrt((count ?? 0) / most)),
        },
        hoverinfo: 'none',
        showlegend: false,
      },
    ],
    layout: baseLayout(palette, {
      width,
      height: Math.min(420, Math.max(300, width * 0.6)),
      margin: { l: 56, r: 12, t: 12, b: 52 },
      xaxis: baseAxis(palette, { title: axisTitle(palette, 'stated probability'), range: [-0.03, 1.03] }),
      yaxis: baseAxis(palette, { title: axisTitle(palette, 'share that came true'), range: [-0.03, 1.03] }),
    }),
  };
}
