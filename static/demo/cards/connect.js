// Does a program of blocking POSIX calls resolve a name, connect, and talk to a plain TCP server?

import { hasThreads, runProgram } from "../run.js";
import { hasSockets, locateCapitals, socketUrl } from "../sockets.js";

// A name of the server's address: there is something to resolve.
const NAME = "localhost";

export async function run(element) {
  const server = await locateCapitals(element);
  if (!server) return true;
  if (!hasThreads(element) || !(await hasSockets(element))) return false;
  const settings = { arguments: [socketUrl("/posix"), NAME, String(server.port)] };
  return (await runProgram(element, createConnect, settings)) === 0;
}
