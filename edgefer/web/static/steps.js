// One face through every stage, as the device computes it.

import { asked, element, label, language, number, put, say, texts } from "./page.js";
import { bar, bars } from "./faces.js";
import { pictures, sized } from "./source.js";

const at = (id) => document.getElementById(id);
let picture = null;
let turn = 0; // an answer to an older question is not shown

const complain = pictures(([file]) => {
  picture = file;
  walk(0);
});

at("face").addEventListener("change", (event) => walk(Number(event.target.value)));
at("larger").addEventListener("click", (event) => event.target === at("larger") && at("larger").close());

async function walk(face) {
  const mine = ++turn;
  complain();
  at("working").hidden = false;
  at("result").setAttribute("aria-busy", "true");
  try {
    sized(picture);
    const path = `/v1/steps?face=${face}&language=${language}`;
    const told = await asked(path, {
      method: "POST",
      body: picture,
      headers: { "Content-Type": picture.type },
    });
    if (mine === turn) show(told, face);
  } catch (error) {
    if (mine === turn) {
      complain(error);
      at("result").hidden = true;
    }
  }
  if (mine !== turn) return;
  at("working").hidden = true;
  at("result").removeAttribute("aria-busy");
}

function show(told, face) {
  const again = document.activeElement === at("face");
  const done = say("done", { name: picture.name, n: told.steps.length });
  put(at("summary"), done);
  put(at("said"), done);
  at("which").hidden = told.faces < 2;
  at("face").replaceChildren(
    ...Array.from({ length: told.faces }, (_, n) =>
      element("option", { value: n, selected: n === face }, say("face_of", { n: n + 1, of: told.faces })),
    ),
  );
  at("contents").replaceChildren(
    ...told.steps.map((step, n) => element("li", {}, element("a", { href: `#step-${n + 1}` }, step.title))),
  );
  at("steps").replaceChildren(...told.steps.map((step, n) => card(step, n, told.steps.length)));
  at("result").hidden = false;
  watch();
  if (!again) at("summary").focus();
}

function card(step, n, of) {
  const { facts, charts } = values(step.values);
  const many = step.pictures.length > 2;
  const words = element(
    "div",
    { class: "words" },
    element(
      "header",
      {},
      element(
        "span",
        { class: "place", role: "img", "aria-label": say("step", { n: n + 1, of }) },
        String(n + 1),
      ),
      element("h3", {}, step.title),
    ),
    element("p", {}, step.sentence),
    facts,
  );
  const shown = element("div", { class: "pictures" }, ...step.pictures.map(figure), ...charts);
  return element(
    "li",
    { class: many ? "card pad step many" : "card pad step", id: `step-${n + 1}`, "data-step": step.name },
    words,
    shown,
  );
}

function figure({ caption, src }) {
  const image = element("img", { src, alt: caption });
  const open = () => {
    const [larger, words] = [at("larger").querySelector("img"), at("larger-caption")];
    larger.src = src;
    larger.alt = caption;
    put(words, caption);
    at("larger").showModal();
  };
  const button = element(
    "button",
    { type: "button", click: open, "aria-label": say("larger", { caption }) },
    image,
  );
  return element("figure", {}, button, element("figcaption", {}, caption));
}

// --- values ---

function values(told) {
  const rows = [];
  const charts = [];
  for (const [name, words] of Object.entries(texts.shown)) {
    if (!(name in told)) continue;
    if (isTable(told[name])) charts.push(chart(words, told[name]));
    else rows.push(element("div", {}, element("dt", {}, words), element("dd", {}, written(told[name]))));
  }
  return { facts: rows.length ? element("dl", {}, ...rows) : null, charts };
}

/** Labels with a number each. */
const isTable = (value) => typeof value === "object" && !Array.isArray(value);

function chart(words, value) {
  const numbers = Object.values(value);
  const sum = numbers.reduce((all, one) => all + one, 0);
  const probabilities = numbers.every((one) => one >= 0) && Math.abs(sum - 1) < 0.01;
  const caption = element("h4", { class: "soft tiny" }, words);
  return element("div", { class: "chart" }, caption, probabilities ? bars(value).list : signed(value));
}

/** Numbers of either sign, from the middle. */
function signed(value) {
  const most = Math.max(...Object.values(value).map(Math.abs)) || 1;
  const highest = Math.max(...Object.values(value));
  const rows = Object.entries(value).map(([name, one]) =>
    element(
      "li",
      { class: one === highest ? "most" : null },
      element("span", {}, label(name)),
      element("span", { class: "signed" }, half(-one / most), half(one / most)),
      element("span", { class: "number" }, number(one, 3)),
    ),
  );
  return element("ul", { class: "bars" }, ...rows);
}

function half(share) {
  const { track, fill } = bar();
  fill.style.width = `${100 * Math.max(0, share)}%`;
  return track;
}

function written(value) {
  if (Array.isArray(value)) return value.map(written).join(value.some(Array.isArray) ? "; " : ", ");
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return number(value);
  return number(value, Math.abs(value) < 10 ? 3 : 1);
}

// --- where the reader is ---

let spy = null;

function watch() {
  spy?.disconnect();
  spy = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        const link = at("contents").querySelector(`a[href="#${target.id}"]`);
        if (!isIntersecting || !link) continue;
        at("contents").querySelector("[aria-current]")?.removeAttribute("aria-current");
        link.setAttribute("aria-current", "step");
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const step of at("steps").children) spy.observe(step);
}
