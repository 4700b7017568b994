// Is the page a secure context, cross-origin isolated, and allowed to share memory? If not, what helps?

import { check } from "../check.js";

const secure = [
  () => isSecureContext,
  "The page is a secure context.",
  "The page is not a secure context: open it at http://localhost or http://127.0.0.1, or start the server with --tls (in a LAN: --lan).",
];

const isolated = [
  () => crossOriginIsolated,
  "The page is cross-origin isolated.",
  "The page is not cross-origin isolated: start the server without --isolation off, and open the page as a secure context in a tab of its own.",
];

const shared = [
  () => typeof SharedArrayBuffer === "function",
  "SharedArrayBuffer is available.",
  "SharedArrayBuffer is missing: make the page cross-origin isolated; if it is, update the browser.",
];

export function run(element) {
  const results = [secure, isolated, shared].map(([test, yes, no]) => {
    const well = test();
    return check(element, well, well ? yes : no);
  });
  return results.every(Boolean);
}
