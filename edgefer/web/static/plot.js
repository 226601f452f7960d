// Bar charts with intervals, as SVG: rows of a name, a value and the ends of its interval.

import { drawn, element, number, texts } from "./page.js";

const WIDEST = 704;
const ROW = 30;
const LETTER = 7.2; // px of one letter, about
const TOP = 8;
const AXIS = 26;

/** `rows`: {name, value, low, high, other}; low and high may be null. `decimals` of the values. Where
 * an interval goes on beyond the axis, an arrow says so, and words below. */
export function barChart(rows, title, decimals = 1) {
  const width = Math.min(WIDEST, document.getElementById("result").clientWidth - 40);
  const names = Math.min(0.4 * width, 12 + LETTER * Math.max(...rows.map((row) => row.name.length)));
  const room = width - names - 64;
  const ends = rows.flatMap((row) => [row.value, row.high ?? row.value]).filter(Number.isFinite);
  const largest = Math.max(...rows.map((row) => row.value));
  // An interval of few, unlike rounds may be endless: the bars set the scale.
  const most = Math.min(Math.max(...ends), 1.4 * largest) || 1;
  const ticks = scale(most, width < 500 ? 2 : 4);
  const reach = ticks.at(-1);
  const x = (value) => names + (room * Math.max(0, Math.min(value, reach))) / reach;
  const height = TOP + rows.length * ROW + AXIS;
  const marks = ticks.flatMap((tick) => [
    drawn("line", { class: "grid", x1: x(tick), x2: x(tick), y1: TOP, y2: height - AXIS + 4 }),
    drawn(
      "text",
      { class: "tick", x: x(tick), y: height - 6, "text-anchor": "middle" },
      number(tick, decimalsOf(tick)),
    ),
  ]);
  rows.forEach((row, n) => {
    const y = TOP + n * ROW;
    const middle = y + ROW / 2;
    marks.push(
      drawn(
        "text",
        { x: names - 10, y: middle + 4.5, "text-anchor": "end" },
        shortened(row.name, (names - 12) / LETTER + 0.5),
      ),
      drawn("rect", {
        class: row.other ? "mark other" : "mark",
        x: names,
        y: y + 7,
        width: x(row.value) - names,
        height: ROW - 14,
        rx: 2,
      }),
    );
    let end = x(row.value);
    if (Number.isFinite(row.low) && Number.isFinite(row.high)) {
      const [left, right] = [x(row.low), x(row.high)];
      end = Math.max(end, right);
      marks.push(
        drawn("path", {
          class: row.high > reach ? "whisker beyond" : "whisker",
          d: `M${left} ${middle - 4}V${middle + 4}M${left} ${middle}H${right}${row.high > reach ? arrow(right, middle) : cap(right, middle)}`,
        }),
      );
    }
    marks.push(drawn("text", { x: end + 8, y: middle + 4.5 }, number(row.value, decimals)));
  });
  const told = rows.map((row) => `${row.name} ${number(row.value, decimals)}`).join(", ");
  const plot = drawn(
    "svg",
    { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${told}` },
    ...marks,
  );
  const beyond = rows.some((row) => Number.isFinite(row.low) && row.high > reach);
  const words = beyond ? element("figcaption", { class: "soft tiny" }, texts.beyond) : null;
  return element("figure", {}, plot, words);
}

const cap = (x, y) => `M${x} ${y - 4}V${y + 4}`;
const arrow = (x, y) => `M${x - 5} ${y - 5}L${x + 1} ${y}L${x - 5} ${y + 5}`;

const shortened = (name, letters) => (name.length > letters ? `${name.slice(0, letters - 1)}…` : name);

/** Round numbers from 0 to at least `most`. */
function scale(most, parts) {
  const rough = most / parts;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, n) => n * step);
}

const decimalsOf = (value) => (Number.isInteger(value) ? 0 : value < 1 ? 2 : 1);
