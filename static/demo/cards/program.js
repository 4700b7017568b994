// Runs the pthread program; tests read its end in window.fetchkitDemo = { output: [line ...], exitCode }.

import { check } from "../check.js";

// A slow machine under load needs a few seconds; a worker that fails to load would be waited for for ever.
const LIMIT_MS = 30_000;

function exitCodeOfProgram(print) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`The program did not end within ${LIMIT_MS / 1000} s.`)), LIMIT_MS);
    createThreads({
      print,
      printErr: print,
      onExit: resolve,
      onAbort: (reason) => reject(new Error(`The program aborted: ${reason}`)),
    }).catch(reject);
  });
}

export async function run(element) {
  const demo = (window.fetchkitDemo = { output: [], exitCode: null });
  if (!crossOriginIsolated) {
    return check(element, false, "Threads need cross-origin isolation: see the first card.");
  }
  const pre = document.createElement("pre");
  element.append(pre);
  demo.exitCode = await exitCodeOfProgram((line) => {
    demo.output.push(line);
    pre.textContent += `${line}\n`;
  });
  return check(element, demo.exitCode === 0, `The program ended with exit code ${demo.exitCode}.`);
}
