// One camera's tile: its picture, its faces, its rates.

import { chart } from "./charts.js";
import { faceCard } from "./faces.js";
import { number, put, say, texts } from "./page.js";

const STREAMS = 3; // videos at once: a browser opens six connections to one device, for all its pages
const PICTURE = 1_000; // ms between two pictures of the cameras beyond
const AGAIN = 2_000; // ms before a picture that failed is asked for again

// Metric -> its key in `rates` and in the history, and its decimals.
const METRICS = {
  total: ["total_fps", 1],
  detection: ["detection_fps", 1],
  classification: ["classification_fps", 1],
  serial: ["serial_fps", 1],
  overlap: ["overlap", 2],
  age: ["age_ms", 0],
  dropped: ["dropped", 0],
};

/** A face of a reading as its card shows it: named as its track is, which does not flicker, beside
 * the probabilities of this frame. */
const shown = ({ track, expression, probability, probs, steady }) => ({
  track,
  probabilities: probs,
  ...(steady ?? { expression, probability }),
});

export class Camera {
  /** `place` is which one of the page it is, from 0. */
  constructor(name, place) {
    this.name = name;
    this.node = document.getElementById("camera").content.firstElementChild.cloneNode(true);
    this.node.dataset.camera = name;
    this.streamed = place < STREAMS;
    this.state = null;
    this.connected = true;
    this.showing = false;
    this.again = null;
    this.cards = new Map();
    const find = (selector) => this.node.querySelector(selector);
    this.parts = {
      state: find("header .state"),
      reason: find(".reason"),
      picture: find(".picture"),
      image: find("img"),
      missing: find(".no-picture"),
      caption: find("figcaption"),
      faces: find(".faces ul"),
      none: find(".faces .none"),
    };
    find(".name").textContent = name;
    this.parts.image.alt = `${texts.video_of}: ${name}`;
    this.parts.image.addEventListener("load", () => this.loaded());
    this.parts.image.addEventListener("error", () => this.failed());
  }

  /** How it stands now; true where that is news. */
  stand(told) {
    const before = this.state;
    this.state = told;
    this.node.dataset.state = told.state;
    this.parts.state.dataset.state = told.state;
    put(this.parts.state, texts[told.state] ?? told.state);
    this.parts.reason.hidden = !told.reason;
    put(this.parts.reason, told.reason);
    if (!told.preview) this.stop();
    else if (!this.showing) this.start();
    this.age();
    return before !== null && before.state !== told.state;
  }

  online() {
    this.connected = true;
    this.stop();
    if (this.state?.preview) this.start();
    this.age();
  }

  /** Nothing is known any more; what is below must not jump. */
  offline() {
    this.connected = false;
    this.parts.picture.style.minHeight = `${this.parts.picture.offsetHeight}px`;
    this.stop();
    this.parts.state.dataset.state = "lost";
    put(this.parts.state, texts.unknown);
    this.age();
  }

  remove() {
    this.stop();
    this.node.remove();
  }

  /** Whether what is seen is true now. */
  age() {
    const live = this.connected && this.state?.state === "ok";
    this.parts.picture.toggleAttribute("data-stale", !live);
    this.parts.caption.hidden = live || this.parts.image.hidden;
    put(this.parts.caption, texts.stale);
    const [title, text] = this.parts.missing.children;
    const allowed = this.state?.preview ?? true;
    const missing = this.connected ? texts.no_picture : texts.no_connection;
    put(title, allowed ? missing : texts.no_preview);
    put(text, allowed ? "" : texts.no_preview_how);
    if (!live) this.reading({ faces: [] });
  }

  // --- its picture ---

  start() {
    clearTimeout(this.again);
    this.showing = true;
    const path = `/v1/cameras/${encodeURIComponent(this.name)}/${this.streamed ? "video" : "picture"}`;
    this.parts.image.src = `${path}?${Date.now()}`; // the same address again would not be asked
  }

  stop() {
    clearTimeout(this.again);
    this.showing = false;
    this.parts.image.hidden = true;
    this.parts.image.removeAttribute("src");
  }

  loaded() {
    this.parts.image.hidden = false;
    this.parts.picture.style.minHeight = "";
    this.age();
    if (!this.streamed) this.again = setTimeout(() => this.start(), PICTURE);
  }

  failed() {
    if (!this.showing) return;
    this.parts.image.hidden = true;
    this.age();
    if (this.connected) this.again = setTimeout(() => this.start(), AGAIN);
  }

  // --- its faces ---

  reading({ faces }) {
    const seen = new Map();
    faces.forEach((face, n) => seen.set(face.track ?? `face ${n + 1}`, shown(face)));
    for (const [key, card] of this.cards) {
      if (seen.has(key)) continue;
      card.node.remove();
      this.cards.delete(key);
    }
    for (const [key, face] of seen) {
      const card = this.cards.get(key);
      if (card) card.update(face);
      else this.add(key, face);
    }
    this.parts.none.hidden = faces.length > 0;
    this.parts.faces.hidden = faces.length === 0;
  }

  add(key, face) {
    const who =
      face.track === null ? say("face", { n: this.cards.size + 1 }) : say("track", { n: face.track });
    const card = faceCard(face, who, texts.this_frame);
    this.cards.set(key, card);
    this.parts.faces.append(card.node);
  }

  // --- its rates ---

  rates(told) {
    for (const [name, [key, decimals]] of Object.entries(METRICS)) {
      put(this.metric(name).querySelector(".value"), number(told[key], decimals));
    }
  }

  history(values, minutes) {
    for (const [metric, [key, decimals]] of Object.entries(METRICS)) {
      const svg = this.metric(metric).querySelector("svg");
      const name = this.metric(metric).querySelector("dt").textContent;
      const seen = chart(svg, values[key] ?? []);
      const shown = (value) => number(value, decimals);
      const told = seen && { now: shown(seen.now), least: shown(seen.least), most: shown(seen.most) };
      svg.setAttribute(
        "aria-label",
        told ? say("chart", { name, minutes, ...told }) : say("chart_none", { name }),
      );
    }
  }

  metric(name) {
    return this.node.querySelector(`[data-metric="${name}"]`);
  }
}
