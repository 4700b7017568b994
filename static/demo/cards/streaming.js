// Does the browser compile the wasm from the response itself, while it is arriving?

import { check } from "../check.js";

export async function run(element) {
  try {
    await WebAssembly.compileStreaming(fetch("threads.wasm"));
  } catch (error) {
    // A wrong media type is a TypeError, whose text says so.
    return check(element, false, `Not streamed: ${error}`);
  }
  return check(element, true, "threads.wasm was compiled as a stream.");
}
