// Pieces of results: sections, tables, intervals, verdicts.

import { element, number } from "./page.js";

/** A section with a heading. */
export function section(title, ...parts) {
  return element("section", {}, element("h3", {}, title), ...parts);
}

/** `columns`: [text, kind]; kind "number" is set to the right, "wide" gets room: words of the file. */
export function table(caption, columns, rows, seen = true) {
  const kind = (n) => ({ class: columns[n][1] ?? null, lang: columns[n][1] === "wide" ? "en" : null });
  const head = columns.map(([text, kind]) => element("th", { scope: "col", class: kind ?? null }, text));
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      ...row.map((cell, n) =>
        n === 0
          ? element("th", { scope: "row", ...kind(0) }, cell)
          : element("td", kind(n), cell),
      ),
    ),
  );
  const made = element(
    "table",
    {},
    element("caption", { class: seen ? null : "unseen" }, caption),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, made);
}

export function interval(low, high, decimals = 1) {
  return Number.isFinite(low) && Number.isFinite(high)
    ? `${number(low, decimals)} – ${number(high, decimals)}`
    : "–";
}

export function judged(good, yes, no) {
  return element("span", { class: good ? "met" : "missed" }, good ? yes : no);
}

/** Words of the file. */
export const list = (notes) =>
  element("ul", { class: "soft small", lang: "en" }, ...notes.map((note) => element("li", {}, note)));

export const short = (engine) => engine.replace(/\.onnx$/, "");

/** A median with the worst in brackets. */
export function both(spread) {
  return spread ? `${number(spread.median)} (${number(spread.worst)})` : "–";
}
