// Is an unchanged file revalidated (304) rather than sent again?

import { check } from "../check.js";

// A query of its own, so that no other card's request is taken for this one.
const url = new URL("threads.wasm?caching", document.baseURI).href;

function nextTiming() {
  return new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const [entry] = list.getEntriesByName(url);
      if (!entry) return;
      observer.disconnect();
      resolve(entry);
    });
    observer.observe({ type: "resource" });
  });
}

async function load(cache) {
  const timing = nextTiming();
  const response = await fetch(url, { cache });
  if (!response.ok) throw new Error(`threads.wasm was answered with ${response.status}.`);
  await response.arrayBuffer();
  return await timing;
}

export async function run(element) {
  const first = await load("reload");
  const again = await load("no-cache");
  const sent = (entry) => entry.transferSize.toLocaleString("en");
  // After a 304 only the header counts, as 300 bytes: Resource Timing, "transferSize".
  const well = again.transferSize < again.encodedBodySize;
  const why = well
    ? "only headers, as it had not changed."
    : "it was sent again. Either the server sends no ETag, or the developer tools keep the cache off.";
  return check(element, well, `Loading took ${sent(first)} bytes, asking again ${sent(again)}: ${why}`);
}
