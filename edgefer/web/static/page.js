// What every page's script uses: its texts, numbers in its language, elements, and the device's answers.

export const language = document.documentElement.lang;
export const locale = language === "en" ? "en-GB" : language;
export const texts = JSON.parse(document.getElementById("main").dataset.texts);

/** A text with the {names} in it filled in. */
export const say = (key, values = {}) => filledIn(texts[key] ?? key, values);

const filledIn = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** A label in the page's language; a label of an unknown model as it is. */
export const label = (name) => texts.labels[name] ?? name;

/** A number with so many decimals, or a dash where there is none. */
export function number(value, decimals = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(locale, options).format(value);
}

export const percent = (value, decimals = 0) => shares[decimals].format(value);
const shares = [0, 1].map(
  (n) =>
    new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: n, maximumFractionDigits: n }),
);

/** Seconds as "2 h 13 min". */
export function span(seconds) {
  if (seconds < 60)
    return `${number(seconds, seconds < 10 && !Number.isInteger(seconds) ? 1 : 0)} ${texts.seconds}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} ${texts.minutes}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${texts.hours} ${minutes % 60} ${texts.minutes}`;
  return `${Math.floor(hours / 24)} ${texts.days} ${hours % 24} ${texts.hours}`;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; `class`, text and handlers included. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Put a text where it is not yet: what does not change is not announced or drawn again. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export class Refused extends Error {
  constructor(words, code = 0, why = "") {
    super(words);
    this.code = code;
    this.why = why; // the device's own sentence, which is English
  }

  /** Whether the same may be answered another time: the device was away, or had no time. */
  get passes() {
    return this.code === 0 || this.code === 429 || this.code >= 500;
  }
}

/** Put an error where it is read; what the device says in English is marked as such. */
export function complaint(node, error) {
  const [before, after = ""] = error.why ? error.message.split(error.why) : [error.message];
  const why = error.why && element("span", { lang: "en" }, error.why);
  node.replaceChildren(...[before, why, after].filter(Boolean));
}

/** The device's answer; a Refused with its reason in words where there is none. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(texts.no_answer);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    throw new Refused(texts.sign_in);
  }
  const { status: code, headers } = answer;
  const seconds = headers.get("Retry-After");
  const own = texts.refusals[headers.get("Edgefer-Refused")];
  if (own) throw new Refused(filledIn(own, { seconds }), code);
  const why = (await answer.text()).trim();
  throw new Refused(say(seconds ? "busy" : "refused", { code, seconds, why }), code, why);
}

export const asked = async (path, options) => (await ask(path, options)).json();

/** Let the browser keep a blob as a file. */
export function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
