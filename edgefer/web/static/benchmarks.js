// Results that were measured: one, two side by side, or a new one.

import { asked, complaint, element, locale, number, percent, put, say, span, texts } from "./page.js";
import { barChart } from "./plot.js";
import { rendered } from "./results.js";
import { interval, section, short, table } from "./tables.js";

const at = (id) => document.getElementById(id);
const address = (name) => `/v1/benchmarks/${encodeURIComponent(name)}`;

function complain(error = null) {
  at("trouble").hidden = !error;
  if (error) complaint(at("trouble"), error);
}

/** Do something that may be refused, and say so. */
async function tried(work) {
  complain();
  try {
    return await work();
  } catch (error) {
    complain(error);
    return null;
  }
}

async function list() {
  const told = await asked("/v1/benchmarks");
  const all = [...told.results, ...told.others];
  at("none").hidden = all.length > 0;
  at("result").hidden = all.length === 0;
  at("list").replaceChildren(...all.map((one) => element("li", {}, choice(one))));
  at("unread").hidden = told.unread.length === 0;
  at("unread")
    .querySelector("ul")
    .replaceChildren(...told.unread.map(({ why }) => element("li", {}, why)));
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
  if (a === b) return complain(new Error(texts.same_file));
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
    [`${b} / ${a}`, "number"],
    [texts.interval, "number"],
    [texts.verdict],
  ];
  const notes = [
    ...found.unlike.map((what) => note(say("unlike", { what }), what)),
    ...found.alone.map((name) => note(say("alone", { name }))),
  ];
  return section(
    texts.total,
    notes.length
      ? element("ul", { class: "note warn" }, ...notes)
      : null,
    barChart(bars, texts.total),
    table(texts.compared, columns, rows),
  );
}

/** An item; `why` is what of it the device says in English. */
function note(message, why = "") {
  const item = element("li");
  complaint(item, { message, why });
  return item;
}

// --- a new one ---

const LOOK = 1_000; // ms between two looks how far it is
const standing = "/v1/benchmarks/running";
let following = false;

at("run").addEventListener("submit", (event) => {
  event.preventDefault();
  return tried(async () => {
    outcome("");
    let begun = {};
    try {
      begun = await asked("/v1/benchmarks", { method: "POST" });
    } catch (error) {
      if (error.code !== 409) throw error; // another visitor's runs: that one is shown
    }
    await follow(begun.name);
  });
});

at("cancel").addEventListener("click", () =>
  tried(async () => {
    try {
      await asked(standing, { method: "DELETE" });
    } catch (error) {
      if (error.code !== 404) throw error; // it has ended already
    }
  }),
);

/** Show the bench that runs until it has ended, then how it did; `name`: of one begun here. */
async function follow(name = null) {
  if (following) return;
  following = true;
  let [told, quarter] = [await look(), -1];
  if (told.running) {
    at("running").hidden = false;
    if (document.activeElement === at("start")) at("cancel").focus(); // which stands in its place
  }
  while (told.running) {
    ({ name } = told.running);
    const words = draw(told.running);
    const now = Math.floor(4 * (told.running.share ?? 0));
    if (now !== quarter) put(at("said"), words); // at each quarter, not each second
    quarter = now;
    await new Promise((done) => setTimeout(done, LOOK));
    told = await look();
  }
  const focused = document.activeElement === at("cancel");
  at("running").hidden = true;
  if (focused) at("start").focus();
  following = false;
  await ended(told.ended, name);
}

/** How far it is; asked until the device answers. */
async function look() {
  for (let lost = false; ; lost = true) {
    try {
      const told = await asked(standing);
      if (lost) complain();
      return told;
    } catch (error) {
      complain(error);
      await new Promise((done) => setTimeout(done, LOOK));
    }
  }
}

/** Fill the bar; what it shows, in words. */
function draw({ share, left }) {
  if (share === null) at("bar").removeAttribute("value");
  else at("bar").value = share;
  const done = share === null ? texts.preparing : percent(share);
  const rest = left === null ? "" : say("left", { time: span(rounded(left)) });
  put(at("done"), done);
  put(at("left"), rest);
  const words = [done, rest].filter(Boolean).join(", ");
  at("bar").setAttribute("aria-valuetext", words);
  return `${texts.running}: ${words}`;
}

/** An estimate, as a person would say it. */
const rounded = (seconds) => (seconds < 10 ? Math.ceil(seconds) : 5 * Math.ceil(seconds / 5));

async function ended(last, name) {
  if (name && last?.name !== name) return outcome(texts.gone);
  if (!last) return;
  if (last.how !== "done") return fail(last);
  await list();
  await open(last.name);
}

function fail({ how, why }) {
  if (how === "cancelled") return outcome(texts.cancelled);
  return outcome(texts.failed, element("span", { lang: "en" }, why));
}

function outcome(...words) {
  at("outcome").replaceChildren(...words.flatMap((word) => [word, " "]));
  at("outcome").hidden = !words[0];
  at("outcome").classList.toggle("bad", words[0] !== texts.cancelled);
}

tried(async () => {
  const { results, others, running, ended: last } = await list();
  const first = results[0] ?? others[0];
  if (first) await open(first.name);
  if (running) await follow();
  else if (last?.how === "failed") fail(last);
});

// Another visitor, or another window, may have begun one.
document.addEventListener("visibilitychange", () => {
  if (document.hidden || following) return;
  tried(async () => (await asked(standing)).running && (await follow()));
});
