// Runs a program that emcc built: its output and its exit code go to a card.

import { check } from "./check.js";

// A slow machine under load needs a few seconds; a worker that fails to load would be waited for for ever.
const LIMIT_MS = 30_000;
// Emscripten's getaddrinfo() through the POSIX proxy writes what it found to standard error.
const CHATTER = /^[0-9]+: ai_flags=/;

// `create` is the program (its -sEXPORT_NAME), `settings` are its own (Module): arguments, where its sockets lead.
function exitCodeOf(create, settings, print) {
  let limit;
  const ended = new Promise((resolve, reject) => {
    limit = setTimeout(() => reject(new Error(`The program did not end within ${LIMIT_MS / 1000} s.`)), LIMIT_MS);
    create({
      ...settings,
      print,
      printErr: (line) => CHATTER.test(line) || print(line),
      onExit: resolve,
      onAbort: (reason) => reject(new Error(`The program aborted: ${reason}`)),
    }).catch(reject);
  });
  return ended.finally(() => clearTimeout(limit));
}

// Resolves to the exit code; `onLine` gets what the program prints, a line at a time.
export async function runProgram(element, create, settings = {}, onLine = () => {}) {
  const pre = document.createElement("pre");
  element.append(pre);
  const code = await exitCodeOf(create, settings, (line) => {
    pre.textContent += `${line}\n`;
    onLine(line);
  });
  check(element, code === 0, `The program ended with exit code ${code}.`);
  return code;
}

// Whether the page can run programs with threads; where it cannot, the card says so.
export function hasThreads(element) {
  return crossOriginIsolated || check(element, false, "Threads need cross-origin isolation: see the first card.");
}
