// Runs the pthread program; tests read its end in window.fetchkitDemo = { output: [line ...], exitCode }.

import { hasThreads, runProgram } from "../run.js";

export async function run(element) {
  const demo = (window.fetchkitDemo = { output: [], exitCode: null });
  if (!hasThreads(element)) return false;
  demo.exitCode = await runProgram(element, createThreads, {}, (line) => demo.output.push(line));
  return demo.exitCode === 0;
}
