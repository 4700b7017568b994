// Does the server send the part of a file that was asked for, and nothing else?

import { check } from "../check.js";

const MAGIC = "00 61 73 6d 01 00 00 00"; // "\0asm" and version 1: WebAssembly core specification, section 5.5

export async function run(element) {
  // From a whole file in its cache the browser would cut the range itself: no-store asks the server.
  const response = await fetch("threads.wasm", { headers: { Range: "bytes=0-7" }, cache: "no-store" });
  if (response.status !== 206) {
    await response.body?.cancel();
    return check(element, false, `bytes=0-7 was answered with ${response.status} rather than 206.`);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const range = response.headers.get("Content-Range");
  return check(element, hex === MAGIC, `bytes=0-7 was answered with 206 (${range}): ${hex}`);
}
