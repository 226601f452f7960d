// Faces: seven bars with numbers, and boxes over a picture.

import { drawn, element, label, percent, put } from "./page.js";

const LETTERS = 14; // px

/** A list of labels with their probabilities; `update(probabilities, chosen)` changes it in place.
 * `chosen` is the label that stands out; where none is named, the most probable. */
export function bars(probabilities, chosen) {
  const list = element("ul", { class: "bars" });
  const rows = {};
  for (const name of Object.keys(probabilities)) {
    const { track, fill } = bar();
    const value = element("span", { class: "number" });
    const row = element("li", {}, element("span", {}, label(name)), track, value);
    rows[name] = { row, fill, value };
    list.append(row);
  }
  const update = (now, chosen) => {
    const most = Math.max(...Object.values(now));
    for (const [name, { row, fill, value }] of Object.entries(rows)) {
      fill.style.width = `${100 * (now[name] ?? 0)}%`;
      put(value, percent(now[name] ?? 0));
      row.classList.toggle("most", chosen ? name === chosen : now[name] === most);
    }
  };
  update(probabilities, chosen);
  return { list, update };
}

/** A bar; what it shows stands as a number beside it, so that nobody needs to hear it twice. */
export function bar() {
  const fill = element("span");
  return { track: element("span", { class: "bar", "aria-hidden": "true" }, fill), fill };
}

/** One face with its name, label and bars; `update(face)` changes it in place. A label that was
 * smoothed over time need not be the most probable of this frame: `caption` says what the bars are. */
export function faceCard(face, who, caption = null) {
  const what = element("span", { class: "what" });
  const how = element("span", { class: "how number" });
  const { list, update } = bars(face.probabilities, face.expression);
  const node = element(
    "li",
    { class: "face" },
    element("header", {}, what, element("span", { class: "who" }, who), how),
    caption && element("span", { class: "soft tiny" }, caption),
    list,
  );
  const change = (now) => {
    put(what, label(now.expression));
    put(how, percent(now.probability));
    update(now.probabilities, now.expression);
  };
  change(face);
  return { node, update: change };
}

/** Boxes, landmarks and labels as SVG, in the picture's own pixels: `size` is [width, height], and
 * `shown` how wide the picture stands on the page, about, so that its letters can be read. Where there
 * is no room for a face's label, its number stands alone. */
export function overlay(size, faces, shown) {
  const [width, height] = size;
  const letters = (LETTERS * width) / shown;
  const taken = [];
  const marks = faces.flatMap((face, n) => {
    const [x1, y1, x2, y2] = face.box;
    const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, rx: letters / 6 };
    const name = `${label(face.expression)} ${percent(face.probability)}`;
    const words = faces.length > 1 ? [`${n + 1} ${name}`, String(n + 1)] : [name];
    const found = words.map((text) => room(text, face.box, letters, size, taken)).find(Boolean);
    const at = found ?? { text: words.at(-1), x: x1, y: y1 + letters, wide: letters };
    taken.push(at);
    return [
      drawn("rect", { ...place, class: "under" }),
      drawn("rect", place),
      ...(face.landmarks ?? []).map(([cx, cy]) =>
        drawn("circle", { cx, cy, r: Math.max(1.5, (x2 - x1) / 60) }),
      ),
      drawn("text", { x: at.x, y: at.y, "font-size": letters }, at.text),
    ];
  });
  return drawn("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...marks);
}

/** Where a label stands at its box, within the picture and over none of `taken`; null where it cannot. */
function room(text, [x1, y1, , y2], letters, [width, height], taken) {
  const wide = (0.62 * text.length + 0.4) * letters; // about, with its edge
  const x = Math.max(letters * 0.2, Math.min(x1, width - wide));
  const lines = [y1 - 0.45 * letters, y2 + 1.2 * letters, y1 + 1.3 * letters, y2 - 0.45 * letters];
  const free = (y) =>
    y > letters &&
    y < height - 0.3 * letters &&
    taken.every(
      (one) => x + wide <= one.x || one.x + one.wide <= x || Math.abs(y - one.y) >= 1.3 * letters,
    );
  const y = lines.find(free);
  return y === undefined || x + wide > width ? null : { text, wide, x, y };
}
