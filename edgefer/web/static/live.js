// The live page: one stream of events for all cameras, and what is missing in words.

import { Camera } from "./camera.js";
import { chart } from "./charts.js";
import { ask, asked, complaint, element, label, locale, number, percent, put, say, span, texts } from "./page.js";

const SILENCE = 8_000; // ms without a word after which a connection is taken for dead
const AGAIN = 2_000; // ms before a closed one is opened anew
const HISTORY = 6_000; // ms between two looks at the last minutes
const EVENTS = 100; // kept in the list

const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium", hourCycle: "h23" });

const at = (id) => document.getElementById(id);
const cameras = new Map();
let stream = null;
let heard = performance.now();
let connected = false;
let everConnected = false;
let retry = null;

function connect() {
  clearTimeout(retry);
  stream?.close();
  stream = new EventSource("/v1/stream");
  heard = performance.now();
  const told = { state: standing, rates, reading, event };
  for (const [name, tell] of Object.entries(told)) {
    stream.addEventListener(name, (message) => {
      heard = performance.now();
      tell(JSON.parse(message.data));
    });
  }
  stream.onopen = () => online();
  stream.onerror = () => {
    offline();
    // A refusal closes it for good; what is merely cut is opened again by the browser.
    if (stream.readyState === EventSource.CLOSED) retry = setTimeout(refused, AGAIN);
  };
}

/** See why, as an expired session leads to the login page, and try again. */
async function refused() {
  try {
    await ask("/v1/status");
  } catch (error) {
    lost(error);
  }
  connect();
}

function online() {
  heard = performance.now();
  if (connected) return;
  connected = true;
  at("lost").hidden = true;
  document.body.classList.remove("stale");
  at("connection").dataset.state = "ok";
  put(at("connection"), texts.connected);
  if (everConnected) put(at("said"), texts.back);
  everConnected = true;
  for (const camera of cameras.values()) camera.online();
  past();
  status();
}

function offline() {
  lost(new Error(texts.lost));
  if (!connected) return;
  connected = false;
  document.body.classList.add("stale");
  put(at("said"), texts.lost);
  for (const camera of cameras.values()) camera.offline();
}

function lost(why) {
  at("connection").dataset.state = "lost";
  put(at("connection"), texts.connecting);
  if (at("lost").textContent !== why.message) complaint(at("lost"), why); // or it is announced anew
  at("lost").hidden = false;
}

/** Cameras that came or went, and how each part stands. */
function standing(told) {
  for (const [name, camera] of cameras) {
    if (!(name in told.cameras)) {
      camera.remove();
      cameras.delete(name);
    }
  }
  for (const [name, state] of Object.entries(told.cameras)) {
    let camera = cameras.get(name);
    if (!camera) {
      camera = new Camera(name, cameras.size);
      cameras.set(name, camera);
      at("cameras").append(camera.node);
    }
    if (camera.stand(state)) {
      put(at("said"), say("camera_now", { camera: name, state: texts[state.state] ?? state.state }));
    }
  }
  const none = cameras.size === 0;
  at("cameras").classList.toggle("several", cameras.size > 1);
  at("no-cameras").hidden = !none;
  if (none) put(at("no-cameras"), texts.no_cameras);
  const engine = told.engine;
  put(at("engine"), engine ? `${engine.model} · ${engine.runtime}` : "");
  at("parts").replaceChildren(...Object.entries(told.parts).map(part));
}

function part([name, { state, reason }]) {
  return element(
    "li",
    {},
    element("span", {}, called(name)),
    element("span", { class: "state", "data-state": state }, texts[state] ?? state),
    reason ? element("span", { class: "reason", lang: "en" }, reason) : null,
  );
}

/** A part in the page's language; one that is not known as it is. */
function called(name) {
  if (name.startsWith("camera ")) return say("part_camera", { name: name.slice("camera ".length) });
  return texts.part_names[name] ?? name;
}

function rates(told) {
  cameras.get(told.camera)?.rates(told);
  const missing = told.temperature === null;
  at("device").classList.toggle("missing", missing);
  put(at("device").querySelector(".value"), missing ? texts.unavailable : number(told.temperature, 1));
}

function reading(told) {
  cameras.get(told.camera)?.reading(told);
}

function event(told) {
  const when = new Date(told.time);
  const row = element(
    "li",
    {},
    element("time", { datetime: told.time }, clock.format(when)),
    element("span", {}, sentence(told)),
    cameras.size > 1 ? element("span", { class: "where" }, told.camera) : null,
  );
  at("events").prepend(row);
  while (at("events").childElementCount > EVENTS) at("events").lastElementChild.remove();
  at("events").hidden = false;
  at("events-none").hidden = true;
}

function sentence(told) {
  const values = { track: told.track };
  if (told.event === "face_left") values.duration = span(told.duration);
  if (told.event !== "expression_changed") return say(told.event, values);
  values.after = label(told.after);
  values.probability = percent(told.probability);
  if (told.before === null) return say("expression_first", values);
  return say("expression_changed", { ...values, before: label(told.before) });
}

/** The charts of the last minutes. */
async function past() {
  let history;
  try {
    history = await asked("/v1/history");
  } catch {
    return; // the connection's own state says so
  }
  const minutes = Math.max(1, Math.round((history.seconds.at(-1) - history.seconds[0]) / 60) || 1);
  for (const [name, values] of Object.entries(history.cameras)) {
    cameras.get(name)?.history(values, minutes);
  }
  const svg = at("device").querySelector("svg");
  const seen = chart(svg, history.temperature, false);
  const name = svg.closest(".metric").querySelector("dt").textContent;
  svg.setAttribute(
    "aria-label",
    seen ? say("chart", { name, minutes, ...shown(seen) }) : say("chart_none", { name }),
  );
}

const shown = (seen) =>
  Object.fromEntries(Object.entries(seen).map(([key, value]) => [key, number(value, 1)]));

/** How long it has been up; once a minute is enough. */
async function status() {
  try {
    const told = await asked("/v1/status");
    put(at("uptime"), say("uptime", { time: span(Math.max(0, Math.round(told.seconds))) }));
  } catch {
    put(at("uptime"), "");
  }
}

setInterval(() => {
  if (document.hidden) return;
  if (cameras.size && performance.now() - heard > SILENCE) {
    offline();
    connect();
  }
}, 1_000);
setInterval(() => connected && !document.hidden && past(), HISTORY);
setInterval(() => connected && !document.hidden && status(), 30_000);

// Nobody watches a hidden page: nothing is drawn and encoded for it.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    clearTimeout(retry);
    stream?.close();
    connected = false;
    for (const camera of cameras.values()) camera.stop();
  } else {
    connect();
  }
});

connect();
