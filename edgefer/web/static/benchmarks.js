// Results that were measured: one, two side by side, or a new one.

import { asked, element, locale, number, put, say, span, texts } from "./page.js";
import { barChart } from "./plot.js";
import { rendered } from "./results.js";
import { interval, section, short, table } from "./tables.js";

const at = (id) => document.getElementById(id);
const address = (name) => `/v1/benchmarks/${encodeURIComponent(name)}`;

function complain(why) {
  at("trouble").hidden = !why;
  put(at("trouble"), why);
}

/** Do something that may be refused, and say so. */
async function tried(work) {
  complain("");
  try {
    return await work();
  } catch (error) {
    complain(error.message);
    return null;
  }
}

async function list() {
  const told = await asked("/v1/benchmarks");
  const all = [...told.results, ...told.others];
  at("none").hidden = all.length > 0;
  at("list").replaceChildren(...all.map((one) => element("li", {}, choice(one))));
  const chosen = told.results.map(({ name }) => name); // the others each measure something of their own
  at("pair").hidden = chosen.length < 2;
  at("too-few").hidden = chosen.length >= 2;
  const first = offer(at("a"), chosen);
  offer(at("b"), chosen, first);
  return told;
}

/** The results in a select, the one that was selected kept; `not` is selected in the other. */
function offer(select, names, not) {
  const free = names.filter((name) => name !== not);
  const kept = free.includes(select.value) ? select.value : free[0];
  select.replaceChildren(
    ...names.map((name) => element("option", { value: name, selected: name === kept }, name)),
  );
  return kept;
}

function choice(one) {
  const when = one.created ? day.format(new Date(one.created)) : "";
  return element(
    "button",
    { type: "button", "data-name": one.name, click: () => chose(one.name) },
    element("strong", {}, one.name),
    element("span", { class: "soft tiny" }, [gist(one), when].filter(Boolean).join(" · ")),
  );
}

/** The rate of a result's engine; of several, how many: none of them stands for the others. */
function gist({ kind, mode, engines }) {
  if (!engines?.length) return texts.kinds[kind] ?? kind;
  if (engines.length > 1) return say("engines_n", { n: engines.length });
  return `${number(engines[0].total_fps, 1)} ${mode === "engine" ? texts.faces_rate : "FPS"}`;
}

const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });

function open(name) {
  return tried(async () => {
    const result = await asked(address(name));
    mark(name);
    show(name, ...rendered(result));
  });
}

async function chose(name) {
  await open(name);
  // Where the list stands above the result, what was chosen may be far out of sight.
  const below = at("result").getBoundingClientRect().top > at("list").getBoundingClientRect().bottom;
  if (below && at("trouble").hidden) come();
}

/** Bring the result into sight, and the keyboard and screen readers to its heading. */
function come() {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  at("result").querySelector("h2").focus({ preventScroll: true });
  at("result").scrollIntoView({ behavior: still ? "auto" : "smooth" });
}

function mark(name) {
  for (const button of at("list").querySelectorAll("button")) {
    if (button.dataset.name === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function show(title, ...parts) {
  at("result").replaceChildren(element("h2", { tabindex: -1 }, title), ...parts);
  at("result").setAttribute("aria-label", title);
  put(at("said"), title);
}

at("compare").addEventListener("submit", (event) => {
  event.preventDefault();
  const [a, b] = [at("a").value, at("b").value];
  if (a === b) return complain(texts.same_file);
  return tried(async () => {
    const found = await asked(`/v1/benchmarks/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`);
    mark(null);
    show(`${a} : ${b}`, compared(found, a, b));
    come();
  });
});

const ANY = 10; // an interval that reaches so far says nothing, as in edgefer bench compare

function compared(found, a, b) {
  const rows = found.pairs.map((pair) => [
    short(pair.engine),
    number(pair.first_fps, 1),
    number(pair.second_fps, 1),
    `${number(pair.ratio, 3)} ×`,
    pair.high > ANY ? texts.anything : interval(pair.low, pair.high, 3),
    texts.verdicts[pair.verdict] ?? pair.verdict,
  ]);
  const bars = found.pairs.flatMap((pair) => [
    { name: `${short(pair.engine)}, ${a}`, value: pair.first_fps, other: true },
    { name: `${short(pair.engine)}, ${b}`, value: pair.second_fps },
  ]);
  const columns = [
    [texts.engine],
    [a, "number"],
    [b, "number"],
    [texts.ratio, "number"],
    [texts.interval, "number"],
    [texts.verdict],
  ];
  const notes = [
    ...found.unlike.map((what) => say("unlike", { what })),
    ...found.alone.map((name) => say("alone", { name })),
  ];
  return section(
    texts.total,
    notes.length
      ? element("ul", { class: "note warn" }, ...notes.map((note) => element("li", {}, note)))
      : null,
    barChart(bars, texts.total),
    table(texts.compared, columns, rows),
  );
}

// --- a new one ---

const LOOK = 1_000; // ms between two looks whether it has ended

at("run").addEventListener("submit", (event) => {
  event.preventDefault();
  return tried(async () => {
    const { name } = await asked("/v1/benchmarks", { method: "POST" });
    await follow(name);
  });
});

/** Until the bench that runs has ended; `name` is its result's, where it was begun here. */
async function follow(name = null) {
  const button = at("run").querySelector("button");
  button.disabled = true;
  at("running").hidden = false;
  put(at("said"), texts.running);
  try {
    let told = await asked("/v1/benchmarks");
    while (told.running) {
      put(at("since"), span(Math.round(told.running.seconds)));
      await new Promise((done) => setTimeout(done, LOOK));
      told = await asked("/v1/benchmarks");
    }
    await list();
    if (told.failed) complain(say("failed", { why: told.failed }));
    else if (name) await open(name);
  } finally {
    at("running").hidden = true;
    put(at("since"), "");
    button.disabled = false;
  }
}

tried(async () => {
  const { results, others, running } = await list();
  const first = results[0] ?? others[0];
  if (first) await open(first.name);
  if (running) await follow();
});
