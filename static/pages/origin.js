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
  link.href = target();
  link.textContent = target();
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
  const began = performance.now();
  const headers = fields.range.value ? { Range: fields.range.value } : {};
  const method = fields.method.value;
  const body = ["POST", "PUT", "PATCH"].includes(method) ? "hello=world" : undefined;
  if (body) headers["Content-Type"] = "application/x-www-form-urlencoded";
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
    const call = usage && !usage.startsWith("[") ? `${fault}(${usage.split("|")[0].replace(/\[.*/, "")})` : fault;
    fields.pipe.value = [fields.pipe.value, call].filter(Boolean).join("|");
  } else return;
  refresh();
  form.scrollIntoView({ block: "nearest", behavior: "smooth" });
  (fault ? fields.pipe : fields.path).focus();
});

refresh();
