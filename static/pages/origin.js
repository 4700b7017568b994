// The box at the top of the origin's page: sends a request, and says what came and how it ended.

const form = document.getElementById("try");
const fields = form.elements;
const link = document.getElementById("link");
const stop = document.getElementById("stop");
const outcome = document.getElementById("outcome");
const ended = document.getElementById("ended");
const shown = document.getElementById("shown");
const progress = outcome.querySelector("progress");
const SHOWN_BYTES = 4096;
const WITH_BODY = ["POST", "PUT", "PATCH"];
// What a click puts in place of the words that stand for an argument.
const EXAMPLES = {
  "+N": "+10",
  AT: "50%",
  CODE: "503",
  CODING: "gzip",
  N: "2",
  NAME: "X-Note,hello",
  PAUSE: "100ms",
  PROBABILITY: "0.5",
  RATE: "256KiB/s",
  SECONDS: "2",
  SIZE: "64KiB",
  TIME: "500ms",
  TYPE: "text/html",
};
// These count calls, under a token.
const COUNTING = ["fail", "flaky", "etag"];
let controller = null;

// In a query these would end the value; all else may stand as it is, so that people can read it.
const inQuery = (text) => text.replace(/[%&#+\s"<>]/g, encodeURIComponent);

function target() {
  const extra = ["pipe", "token"]
    .filter((name) => fields[name].value)
    .map((name) => `${name}=${inQuery(fields[name].value)}`);
  const path = fields.path.value.trim();
  return extra.length ? `${path}${path.includes("?") ? "&" : "?"}${extra.join("&")}` : path;
}

function refresh() {
  document.getElementById("body").hidden = !WITH_BODY.includes(fields.method.value);
  link.href = target();
  link.textContent = target();
}

// A function of the pipe with the arguments that it must have, from its usage: "NAME[,VALUE[,add]]", "405|403".
function example(fault, usage) {
  const needed = usage.split("|")[0].split("[")[0];
  const values = needed.split(",").map((word) => EXAMPLES[word] ?? word);
  return needed ? `${fault}(${values.join()})` : fault;
}

function text(bytes, type) {
  if (/^(text\/|application\/(.*\+)?(json|xml)|image\/svg)/.test(type)) return new TextDecoder().decode(bytes);
  return [...bytes.slice(0, 256)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

async function read(response, began) {
  const head = [`${response.status} ${response.statusText}`.trim()];
  response.headers.forEach((value, name) => head.push(`${name}: ${value}`));
  shown.textContent = head.join("\n");
  const total = Number(response.headers.get("content-length"));
  const first = [];
  let received = 0;
  let kept = 0;
  const reader = response.body?.getReader();
  const say = (how) => {
    ended.textContent = `${received.toLocaleString("en")} bytes in ${Math.round(performance.now() - began)} ms, ${how}`;
  };
  try {
    for (;;) {
      const piece = reader ? await reader.read() : { done: true };
      if (piece.done) break;
      received += piece.value.length;
      if (kept < SHOWN_BYTES) {
        first.push(piece.value.slice(0, SHOWN_BYTES - kept));
        kept += piece.value.length;
      }
      if (total) progress.value = Math.min(1, received / total);
      else progress.removeAttribute("value");
      say("still coming");
    }
    progress.value = 1;
    say("ended as it should");
  } catch (error) {
    say(`broken: ${error.message}`);
  }
  const bytes = new Uint8Array(await new Blob(first).arrayBuffer());
  if (bytes.length) shown.textContent += `\n\n${text(bytes, response.headers.get("content-type") ?? "")}`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  controller?.abort();
  const mine = new AbortController();
  controller = mine;
  outcome.hidden = false;
  ended.textContent = "asking …";
  shown.textContent = "";
  progress.value = 0;
  stop.disabled = false;
  // The form stays in sight by itself; what is told comes right below it.
  window.scrollTo({ top: outcome.offsetTop - form.offsetHeight - 12, behavior: "smooth" });
  const began = performance.now();
  const headers = fields.range.value ? { Range: fields.range.value } : {};
  const method = fields.method.value;
  const body = WITH_BODY.includes(method) ? fields.body.value : undefined;
  if (body) {
    const json = /^\s*[[{]/.test(body);
    headers["Content-Type"] = json ? "application/json" : "application/x-www-form-urlencoded";
  }
  try {
    await read(await fetch(target(), { method, headers, body, signal: mine.signal, cache: "no-store" }), began);
  } catch (error) {
    ended.textContent = `no answer after ${Math.round(performance.now() - began)} ms: ${error.message}`;
  }
  if (controller === mine) stop.disabled = true;
});

stop.addEventListener("click", () => controller?.abort());
form.addEventListener("input", refresh);

document.addEventListener("click", (event) => {
  const { path, method, fault, usage } = event.target.dataset ?? {};
  if (path) {
    fields.path.value = path;
    fields.method.value = method;
  } else if (fault) {
    fields.pipe.value = [fields.pipe.value, example(fault, usage)].filter(Boolean).join("|");
    if (COUNTING.includes(fault)) fields.token.value ||= "mine";
  } else return;
  refresh();
  form.scrollIntoView({ block: "nearest", behavior: "smooth" });
  (fault ? fields.pipe : fields.path).focus({ preventScroll: true });
});

refresh();
