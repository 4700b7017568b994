// Does a program in the page listen and accept, and can others connect to it?

import { check } from "../check.js";
import { hasThreads, runProgram } from "../run.js";
import { hasSockets, socketUrl } from "../sockets.js";
import { talk } from "./emulated.js";

const VISITORS = ["First visitor", "Second visitor"];

function part(element, name) {
  const box = document.createElement("div");
  box.className = "part";
  const heading = document.createElement("h3");
  heading.textContent = name;
  box.append(heading);
  element.append(box);
  return box;
}

// Calls the server, one visitor after the other; resolves to whether all went well.
async function visit(element, server) {
  let well = true;
  for (const name of VISITORS) {
    const box = part(element, name);
    const code = await talk(box, server).catch((error) => check(box, false, error.message));
    well = code === 0 && well;
  }
  return well;
}

async function serve(element) {
  const settings = { arguments: [socketUrl("/posix"), String(VISITORS.length)] };
  let visited = false;
  const code = await runProgram(part(element, "Server"), createListen, settings, (line) => {
    const place = /^Listening on (\S+) port ([0-9]+)\.$/.exec(line);
    if (place) visited = visit(element, { host: place[1], port: place[2] });
  });
  return (await visited) && code === 0;
}

export async function run(element) {
  if (!hasThreads(element) || !(await hasSockets(element))) return false;
  return await serve(element);
}
