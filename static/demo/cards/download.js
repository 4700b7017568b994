// Does a file of a server that allows no other origin come through the forward, cancelled and resumed, whole?

import { check } from "../check.js";

// How long the helper server is to take over the whole file, in seconds: a person needs time for the button.
const BY_ITSELF = 1;
const BY_HAND = 5;

class Download {
  constructor(helper, seconds) {
    Object.assign(this, { helper, url: `${helper}/file/${seconds}`, parts: [], received: 0, size: 0 });
  }

  get whole() {
    return this.size > 0 && this.received === this.size;
  }

  cancel() {
    this.aborter.abort();
  }

  // Asks for what is missing; the answer's body is for receive().
  async ask() {
    this.aborter = new AbortController();
    const headers = this.received ? { Range: `bytes=${this.received}-`, "If-Range": this.etag } : {};
    const response = await fetch(this.url, { headers, signal: this.aborter.signal, cache: "no-store" });
    if (!response.ok) throw new Error(`${response.status}: ${(await response.json()).detail}`);
    // Without a 206 the whole comes again, as the file has changed: RFC 9110, section 13.1.5.
    if (response.status !== 206) this.start(response.headers);
    this.reader = response.body.getReader();
    return response;
  }

  start(headers) {
    this.parts = [];
    this.received = 0;
    this.size = Number(headers.get("Content-Length"));
    this.etag = headers.get("ETag");
    this.digest = headers.get("Repr-Digest"); // RFC 9530, section 3
  }

  async receive(progressed) {
    for (;;) {
      const { done, value } = await this.reader.read();
      if (done) return;
      this.parts.push(value);
      this.received += value.length;
      progressed();
    }
  }

  async sha256() {
    const bytes = await crypto.subtle.digest("SHA-256", await new Blob(this.parts).arrayBuffer());
    return btoa(String.fromCharCode(...new Uint8Array(bytes)));
  }
}

class View {
  constructor(element) {
    this.element = element;
    this.box = document.createElement("div");
    this.box.className = "download";
    for (const name of ["code", "progress", "span", "button"]) {
      this[name] = document.createElement(name);
      this.box.append(this[name]);
    }
    this.progress.setAttribute("aria-label", "Downloaded");
    this.button.type = "button";
  }

  begin(download) {
    this.element.replaceChildren(this.box);
    this.code.textContent = download.url;
    this.progress.value = 0;
    this.span.textContent = "";
    this.offer("Cancel");
    return download;
  }

  show({ received, size }) {
    this.progress.value = received / size;
    this.span.textContent = `${mebibytes(received)} of ${mebibytes(size)} MiB`;
  }

  offer(label, action) {
    this.button.textContent = label;
    this.button.disabled = !action;
    this.button.onclick = action;
  }

  check(well, sentence) {
    return check(this.element, well, sentence);
  }
}

function mebibytes(bytes) {
  return (bytes / 2 ** 20).toFixed(1);
}

// The path that leads through the forward to the helper, whose URL its fixed route tells; null: no helper here.
async function locate() {
  const response = await fetch("/helper/file/0", { method: "HEAD" });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`The helper server was not reached: ${response.status}.`);
  return `/forward/${new URL(response.headers.get("X-Request-URL")).origin}`;
}

// Goes on from where the download is, to its end or until it is cancelled; resolves to whether all is well.
async function proceed(download, view, progressed = () => {}) {
  let well = true;
  try {
    const resuming = download.received > 0;
    const { status, headers } = await download.ask();
    if (resuming) well = view.check(status === 206, `Resumed: answered with ${status} (${headers.get("Content-Range")}).`);
    await download.receive(() => {
      view.show(download);
      progressed();
    });
  } catch (error) {
    if (error.name !== "AbortError") throw error;
    return view.check(well, `Cancelled after ${download.received.toLocaleString("en")} bytes.`);
  }
  const sum = await download.sha256();
  const same = download.digest === `sha-256=:${sum}:`;
  return view.check(same, `Whole: its SHA-256 is ${same ? "" : "not "}the one that the server announced, ${sum}`) && well;
}

async function proceedByHand(download, view) {
  view.offer("Cancel", () => download.cancel());
  try {
    await proceed(download, view);
  } catch (error) {
    view.check(false, error.message);
  }
  if (download.received && !download.whole) view.offer("Resume", () => proceedByHand(download, view));
  else offerAgain(download.helper, view);
}

function offerAgain(helper, view) {
  view.offer("Download again", () => proceedByHand(view.begin(new Download(helper, BY_HAND)), view));
}

export async function run(element) {
  const helper = await locate();
  if (!helper) {
    element.textContent = "Not tried: the other server comes with fetchkit demo, on loopback and with the forward on.";
    return true;
  }
  if (!isSecureContext) return check(element, false, "Digests need a secure context: see the first card.");
  const view = new View(element);
  const download = view.begin(new Download(helper, BY_ITSELF));
  const cancelHalfway = () => download.received >= download.size / 2 && download.cancel();
  const well = (await proceed(download, view, cancelHalfway)) && (await proceed(download, view));
  offerAgain(helper, view);
  return well;
}
