// Where pictures come from: files that are chosen, dropped or pasted, the browser's camera, the sample.

import { complaint, locale, number, say, texts } from "./page.js";

const at = (id) => document.getElementById(id);
const all = new Intl.ListFormat(locale);

/** Raises an Error for a file that is larger than the device takes. */
export function sized({ name, size }) {
  const [mb, most] = [size / 1e6, Number(at("source").dataset.megabytes)];
  if (mb > most) throw new Error(say("too_large", { name, mb: number(mb, 1), most }));
}

/** Hand over Files as they come: `taken(files)`, several only where the page takes several. */
export function pictures(taken) {
  const trouble = at("trouble");
  const give = (files) => {
    const good = [...files].filter((file) => file.type.startsWith("image/"));
    const others = [...files].filter((file) => !good.includes(file)).map(({ name }) => name);
    const several = good.length < 2 || at("files").multiple;
    complain();
    if (good.length) taken(several ? good : good.slice(0, 1));
    const told = [];
    if (others.length === 1) told.push(say("not_picture", { name: others[0] }));
    if (others.length > 1) told.push(say("not_pictures", { names: all.format(others) }));
    if (!several) told.push(say("only_first", { name: good[0].name }));
    if (told.length) complain(new Error(told.join(" ")));
  };

  at("files").addEventListener("change", (event) => {
    give(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) give(event.clipboardData.files);
  });
  // The whole page takes what is dropped: beside the mark, the browser would open the file instead.
  const over = (is) => at("source").classList.toggle("over", is);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && over(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    give(event.dataTransfer.files);
  });

  at("use-sample").addEventListener("click", async () => {
    const answer = await fetch("/static/sample.jpg");
    give([new File([await answer.blob()], texts.sample_name, { type: "image/jpeg" })]);
  });
  camera(give, complain);

  function complain(error = null) {
    trouble.hidden = !error;
    if (error) complaint(trouble, error);
  }
  return complain;
}

function camera(give, complain) {
  const [finder, video] = [at("viewfinder"), at("viewfinder").querySelector("video")];
  const close = () => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
    finder.hidden = true;
  };
  at("use-camera").addEventListener("click", async () => {
    if (!navigator.mediaDevices?.getUserMedia) return complain(new Error(texts.no_camera));
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
    } catch (error) {
      return complain(new Error(say("camera_refused", { why: error.message })));
    }
    complain();
    finder.hidden = false;
    await video.play();
    at("shoot").focus();
  });
  at("close-camera").addEventListener("click", () => {
    close();
    at("use-camera").focus();
  });
  at("shoot").addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => give([new File([blob], texts.photo_name, { type: "image/png" })]), "image/png");
    close();
  });
  addEventListener("pagehide", close);
}
