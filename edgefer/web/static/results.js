// A result file as tables and charts, by its schema; one that is not known as the text it is.

import { element, label, locale, number, percent, say, texts } from "./page.js";
import { barChart } from "./plot.js";
import { both, interval, judged, list, section, short, table } from "./tables.js";

export function rendered(result) {
  const kind = String(result.schema ?? "edgefer.bench").split("/")[0];
  const sections = (kinds[kind] ?? (() => []))(result);
  return [provenance(result), ...sections, raw(result)];
}

const UNAVAILABLE = "unavailable"; // what a file says of what could not be read
const given = (value) => (value === UNAVAILABLE ? texts.unavailable : value);

function provenance(result) {
  const { environment = {} } = result;
  const device = environment.device && environment.device !== UNAVAILABLE ? `${environment.device}, ` : "";
  const cores = environment.cores ? `, ${say("cores", { n: environment.cores })}` : "";
  const facts = [
    [
      texts.measured,
      result.created
        ? new Date(result.created).toLocaleString(locale, { dateStyle: "long", timeStyle: "short" })
        : null,
    ],
    [
      texts.machine,
      environment.cpu ? `${device}${given(environment.cpu)}${cores}` : null,
    ],
    [texts.system, given(environment.system)],
    [texts.commit, given(environment.git)],
    [texts.command, (result.argv ?? result.command)?.join(" ")],
  ].filter(([, value]) => value);
  return element(
    "dl",
    { class: "facts" },
    ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]),
  );
}

function raw(result) {
  const text = element("pre", { tabindex: 0 });
  const opened = ({ target }) =>
    target.open && !text.textContent && text.append(JSON.stringify(result, null, 2));
  return element("details", { toggle: opened }, element("summary", {}, texts.everything), text);
}

const kinds = {
  "edgefer.bench": ({ engines }) => {
    const faces = engines[0].mode === "engine";
    const unit = faces ? texts.faces_rate : texts.total;
    const bars = engines.map((row) => ({
      name: short(row.engine),
      value: row.total_fps.mean,
      ...row.total_fps,
      other: row.gate.passed === false,
    }));
    const columns = [
      [texts.engine],
      [unit, "number"],
      [texts.interval, "number"],
      [texts.detection, "number"],
      [texts.classification, "number"],
      [texts.serial, "number"],
      [texts.overlap, "number"],
      [texts.verdict],
    ];
    const rows = engines.map((row) => {
      return [
        short(row.engine),
        number(row.total_fps.mean, 1),
        interval(row.total_fps.low, row.total_fps.high),
        number(row.detection_fps, 1),
        number(row.classification_fps, 1),
        number(row.serial_fps, 1),
        number(row.overlap, 2),
        judged(!row.verdict.length, texts.stable, texts.unstable),
      ];
    });
    const notes = engines.map(
      (row) => `${short(row.engine)}: ${[...row.verdict, row.gate.why].filter(Boolean).join("; ")}`,
    );
    const latencies = ({ latency_ms: { age, classification = {} } }) =>
      ["p50", "p95", "p99"].map((at) => number((age ?? classification)[at], 1)).join(" / ");
    const models = table(
      texts.engines,
      [
        [texts.engine],
        [texts.runtime],
        [texts.precision],
        [texts.input],
        [texts.latency, "number"],
        [texts.drops, "number"],
        [texts.accuracy, "wide"],
      ],
      engines.map((row) => [
        short(row.engine),
        row.runtime,
        row.precision,
        row.input,
        latencies(row),
        number(row.dropped),
        row.accuracy || "–",
      ]),
      false,
    );
    return [
      section(unit, barChart(bars, unit), table(texts.bars, columns, rows), list(notes)),
      section(texts.engines, models),
    ];
  },

  "edgefer.claims": ({ claims }) => [
    section(
      texts.claim,
      table(
        texts.claim,
        [
          [texts.claim, "wide"],
          [texts.goal, "number"],
          [texts.median, "number"],
          [texts.verdict],
          [texts.rows, "number"],
          [texts.how, "wide"],
        ],
        claims.map((claim) => [
          claim.name,
          claim.goal,
          `${number(claim.median, 2)} ${claim.unit}`,
          claim.met === null ? "–" : judged(claim.met, texts.met, texts.missed),
          number(claim.values.length),
          claim.how,
        ]),
        false,
      ),
    ),
  ],

  "edgefer.runtimes": ({ rows }) => {
    const bars = rows.map((row) => ({
      name: short(row.engine),
      value: row.faster_wall.mean,
      ...row.faster_wall,
    }));
    return [
      section(
        texts.faster,
        barChart(bars, texts.faster, 2),
        table(
          texts.bars,
          [
            [texts.engine],
            [texts.runtime],
            [texts.wall, "number"],
            [texts.cpu, "number"],
            [texts.faster, "number"],
            [texts.interval, "number"],
            [texts.same_label, "number"],
          ],
          rows.map((row) => [
            short(row.engine),
            row.runtime,
            number(row.wall_ms, 2),
            number(row.cpu_ms, 2),
            `${number(row.faster_wall.mean, 2)} ×`,
            interval(row.faster_wall.low, row.faster_wall.high, 2),
            percent(row.same_label, 1),
          ]),
        ),
      ),
    ];
  },

  "edgefer.runs": ({ runs, data }) => {
    const bars = runs.map((run) => ({
      name: run.name,
      value: 100 * run.standard.accuracy,
      low: 100 * run.standard.interval[0],
      high: 100 * run.standard.interval[1],
    }));
    const title = `${texts.accuracy}, %: ${data.name} ${data.split}, ${texts.labels_standard}`;
    const rows = runs.map((run) => [
      run.name,
      run.change,
      percent(run.standard.accuracy, 1),
      interval(100 * run.standard.interval[0], 100 * run.standard.interval[1]),
      number(run.standard.n),
    ]);
    return [
      section(
        title,
        barChart(bars, title),
        table(
          texts.bars,
          [
            [texts.run_name],
            [texts.change, "wide"],
            [texts.accuracy, "number"],
            [texts.interval, "number"],
            [texts.rows, "number"],
          ],
          rows,
        ),
      ),
    ];
  },

  "edgefer.evaluation": ({ scores, expressions, dataset, split }) =>
    Object.entries(scores).map(([name, { all }]) => {
      const recall = expressions.map((one) => ({ name: label(one), value: 100 * all.recall[one] }));
      const title = `${dataset} ${split}, ${name}: ${percent(all.accuracy, 1)}, n ${number(all.n)}`;
      const parts = [barChart(recall, `${texts.recall}, %`)];
      if (all.confusion) {
        const columns = [[""], ...expressions.map((one) => [label(one), "number"])];
        parts.push(
          table(
            texts.confusion,
            columns,
            all.confusion.map((row, n) => [label(expressions[n]), ...row.map((value) => number(value))]),
          ),
        );
      }
      return section(title, element("p", { class: "soft small" }, `${texts.recall}, %`), ...parts);
    }),

  "edgefer.faults": ({ faults }) => [
    section(
      texts.fault,
      table(
        texts.fault,
        [
          [texts.fault, "wide"],
          [texts.noticed, "number"],
          [texts.recovered, "number"],
          [texts.lost, "number"],
          [texts.person],
          [texts.how, "wide"],
        ],
        faults.map((fault) => [
          fault.name,
          both(fault.noticed_ms),
          both(fault.recovered_ms),
          both(fault.frames_lost),
          judged(!fault.person_needed, texts.no, texts.yes),
          fault.how,
        ]),
        false,
      ),
    ),
  ],

  "edgefer.soak": ({ parts }) =>
    Object.entries(parts).map(([name, part]) =>
      section(
        name,
        table(
          name,
          [
            [texts.figure],
            [texts.from, "number"],
            [texts.to, "number"],
            [texts.slope, "number"],
            [texts.verdict],
          ],
          (part.lines ?? []).map((line) => [
            line.figure,
            number(line.first, 1),
            number(line.last, 1),
            `${number(line.slope, 2)} ± ${number(line.error, 2)} ${say("per", { unit: line.unit })}`,
            judged(line.flat, texts.flat, texts.rises),
          ]),
          false,
        ),
      ),
    ),
};
