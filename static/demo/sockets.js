// Where the WebSockets of this server are, and the plain TCP server behind them.

import { check } from "./check.js";

const WHY_OFF = "Sockets are off with --no-sockets, and without --token where other machines reach the server.";

export function socketUrl(path) {
  return new URL(path, location.origin.replace(/^http/, "ws")).href;
}

// Whether the server takes WebSockets; where it does not, the card says so: no browser tells a page why.
export async function hasSockets(element) {
  const socket = new WebSocket(socketUrl("/echo"));
  const opened = await new Promise((resolve) => {
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });
  socket.close();
  return opened || check(element, false, `No WebSocket to ${socket.url}. ${WHY_OFF}`);
}

// The { host, port } of the plain TCP server that comes with the demo; null where there is none: the card says so.
export async function locateCapitals(element) {
  const response = await fetch("/helper/capitals", { cache: "no-store" });
  if (response.ok) return await response.json();
  if (response.status !== 404) throw new Error(`The helper server was not reached: ${response.status}.`);
  element.textContent = "Not tried: the TCP server comes with fetchkit demo, on loopback and with the forward on.";
  return null;
}
