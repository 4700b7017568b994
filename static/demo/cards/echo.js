// Do text and binary messages come back from the echo, to a program that uses the WebSockets API?

import { runProgram } from "../run.js";
import { hasSockets, socketUrl } from "../sockets.js";

export async function run(element) {
  if (!(await hasSockets(element))) return false;
  return (await runProgram(element, createEcho, { arguments: [socketUrl("/echo")] })) === 0;
}
