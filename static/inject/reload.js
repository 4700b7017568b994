// Tells the server what the page has asked for, and reloads the page when the server says so: --reload puts it into
// pages.
//
// What the page asked for is in its resource timing, failed requests too. An observer gets all of it, whatever the
// page does to the buffer. Frames are left out: each has a script of its own. What workers ask for is not in there;
// the server learns it from the Referer of their requests, and tells it (`also`), so that it is not forgotten when the
// server restarts. Times go over the wire by the server's clock, which it tells at the beginning, so that no two clocks
// have to agree. What the page takes for it is late by the way of that message, so a file seems to have been asked for
// that much too early: of the two mistakes the one that reloads once too often.
//
// A WebSocket and no EventSource: of those, browsers open six to a server, in all tabs together.
(function (self, settings) {
  'use strict';
  const Socket = self.WebSocket, {location, performance, setTimeout} = self;
  if (!Socket || !/^https?:/.test(self.origin)) return;

  const FIRST_PAUSE = 250, LAST_PAUSE = 5000;  // ms between two attempts to connect
  const asked = new Map();  // path and query -> when, in ms of the wall clock
  let fresh = new Map();  // what the server does not know yet
  let socket = null;
  let ahead = null;  // ms by which our clock is ahead of the server's; null until it has told
  let pause = FIRST_PAUSE;

  function target(url) {
    return url.pathname + url.search;
  }

  function note(address, at) {
    const url = new URL(address);
    const name = target(url);
    if (url.origin !== self.origin || asked.has(name)) return;  // the oldest one counts: it may still be in use
    asked.set(name, at);
    fresh.set(name, at);
  }

  function tell() {
    if (!socket || socket.readyState !== Socket.OPEN || ahead === null || !fresh.size) return;
    const times = [...fresh].map(([name, at]) => [name, at - ahead]);
    socket.send(JSON.stringify({page, asked: Object.fromEntries(times)}));
    fresh = new Map();
  }

  function connect() {
    ahead = null;
    try {
      socket = new Socket(self.origin.replace(/^http/, 'ws') + settings.path);
    } catch (_) {
      return;  // the page's policy forbids it
    }
    socket.onopen = () => {
      pause = FIRST_PAUSE;
    };
    socket.onmessage = (event) => {
      const told = JSON.parse(event.data);
      if (told.clock) {
        ahead = Date.now() - told.clock;
        fresh = new Map(asked);
        tell();
      }
      for (const [name, at] of Object.entries(told.also || {})) if (!asked.has(name)) asked.set(name, at + ahead);
      if (told.reload) location.reload();
    };
    socket.onclose = () => {
      setTimeout.call(self, connect, pause);
      pause = Math.min(pause * 2, LAST_PAUSE);
    };
  }

  const page = target(location);
  note(location.href, performance.timeOrigin);
  new self.PerformanceObserver((list) => {
    const origin = Date.now() - performance.now();
    for (const entry of list.getEntries()) {
      if (!/^i?frame$/.test(entry.initiatorType)) note(entry.name, origin + entry.startTime);
    }
    tell();
  }).observe({type: 'resource', buffered: true});
  connect();
})(self, SETTINGS);
