// Does a program with emulated sockets reach a plain TCP server?

import { runProgram } from "../run.js";
import { hasSockets, locateCapitals, socketUrl } from "../sockets.js";

// Lets the program talk to a TCP server that answers in capitals; resolves to its exit code.
export function talk(element, { host, port }) {
  const websocket = { url: socketUrl(`/tcp/${host}:${port}`) };
  return runProgram(element, createEmulated, { arguments: [host, String(port)], websocket });
}

export async function run(element) {
  const server = await locateCapitals(element);
  if (!server) return true;
  if (!(await hasSockets(element))) return false;
  return (await talk(element, server)) === 0;
}
