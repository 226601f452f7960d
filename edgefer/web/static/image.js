// Pictures to the device, and what it sees in them.

import { ask, asked, complaint, download, element, number, put, say, texts } from "./page.js";
import { faceCard, overlay } from "./faces.js";
import { pictures, sized } from "./source.js";

const results = document.getElementById("results");
const said = document.getElementById("said");
let turn = Promise.resolve(); // one after the other: the device has one place for them

pictures((files) => {
  for (const file of files) {
    const shown = new Result(file);
    results.prepend(shown.node);
    turn = turn.then(() => shown.look());
  }
});

class Result {
  constructor(file) {
    this.file = file;
    this.address = URL.createObjectURL(file);
    this.summary = element("span", { class: "soft small" });
    this.body = element("div", { class: "answer" });
    this.actions = element("footer", { class: "row" });
    this.remove = element("button", { type: "button", click: () => this.close() }, texts.remove);
    this.actions.append(this.remove);
    this.node = element(
      "article",
      { class: "card result", "aria-busy": "true" },
      element("header", { class: "row between" }, element("h2", {}, file.name), this.summary),
      this.body,
      this.actions,
    );
    this.wait();
  }

  wait() {
    const words = say("working", { name: this.file.name });
    this.body.replaceChildren(
      element("div", { class: "waiting stack" }, element("progress", { "aria-label": words })),
    );
  }

  async look() {
    if (!this.node.isConnected) return;
    try {
      sized(this.file);
      this.show(await asked("/v1/predict", this.sent()));
    } catch (error) {
      const words = element("p", { class: "note bad", role: "alert" });
      complaint(words, error);
      this.body.replaceChildren(words);
      if (error.passes) {
        this.actions.prepend(
          element("button", { type: "button", click: (event) => this.again(event.target) }, texts.again),
        );
      }
    }
    this.node.removeAttribute("aria-busy");
  }

  again(button) {
    button.remove();
    this.wait();
    turn = turn.then(() => this.look());
  }

  sent() {
    return { method: "POST", body: this.file, headers: { "Content-Type": this.file.type } };
  }

  show(told) {
    const [answer] = told.images;
    const { faces } = answer;
    const key = { 0: "faces_0", 1: "faces_1" }[faces.length] ?? "faces_n";
    const counted = say(key, { n: faces.length });
    const ms = Object.values(answer.times_ms ?? {}).reduce((sum, value) => sum + (value ?? 0), 0);
    put(this.summary, ms ? `${counted} · ${say("took", { ms: number(ms) })}` : counted);
    put(said, say("done", { name: this.file.name, faces: counted }));
    const alt = say("picture_of", { name: this.file.name, faces: counted });
    const picture = element(
      "div",
      { class: "overlay" },
      element("img", { src: this.address, alt, width: answer.size[0], height: answer.size[1] }),
      overlay(answer.size, faces, this.wide(faces.length)),
    );
    this.body.classList.toggle("some", faces.length > 0);
    this.body.replaceChildren(picture);
    if (faces.length) {
      const cards = faces.map((face, n) => faceCard(face, say("face", { n: n + 1 })).node);
      this.body.append(element("ul", { class: "faces", tabindex: 0, "aria-label": counted }, ...cards));
    }
    this.offer(told);
  }

  /** Pixels across the picture: beside faces it has less than two thirds. */
  wide(faces) {
    const all = this.node.clientWidth;
    return faces && matchMedia("(min-width: 54rem)").matches ? 0.63 * all : all;
  }

  offer(told) {
    const stem = this.file.name.replace(/\.[^.]*$/, "");
    const json = () =>
      download(new Blob([JSON.stringify(told, null, 2)], { type: "application/json" }), `${stem}.json`);
    const png = async (event) => {
      event.target.disabled = true;
      try {
        const answer = await ask("/v1/predict?draw=1", this.sent());
        download(await answer.blob(), `${stem}-annotated.png`);
      } catch (error) {
        const words = element("span", { class: "small", role: "alert" });
        complaint(words, error);
        this.actions.append(words);
      }
      event.target.disabled = false;
    };
    this.actions.prepend(
      element("button", { type: "button", click: json }, texts.json),
      element("button", { type: "button", click: png }, texts.png),
    );
  }

  close() {
    URL.revokeObjectURL(this.address);
    this.node.remove();
    document.getElementById("files").focus();
  }
}
