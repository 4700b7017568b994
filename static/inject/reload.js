// Tells the server what the page has asked for, and reloads the page when the server says so: --reload puts it into
// pages.
//
// What the page asked for is in its resource timing, failed requests too. An observer gets all of it, whatever the
// page does to the buffer. Frames are left out: each has a script of its own. What workers ask for is not in there;
// the server learns it from the Referer of their requests, and tells it (`also`), so that it is not forgotten when the
// server restarts. Times go over the wire as ages, so that no two clocks have to agree.
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
    if (!socket || socket.readyState !== Socket.OPEN || !fresh.size) return;
    const now = Date.now();
    socket.send(JSON.stringify({page, asked: Object.fromEntries([...fresh].map(([name, at]) => [name, now - at]))}));
    fresh = new Map();
  }

  function connect() {
    try {
      socket = new Socket(self.origin.replace(/^http/, 'ws') + settings.path);
    } catch (_) {
      return;  // the page's policy forbids it
    }
    socket.onopen = () => {
      pause = FIRST_PAUSE;
      fresh = new Map(asked);
      tell();
    };
    socket.onmessage = (event) => {
      const told = JSON.parse(event.data);
      const now = Date.now();
      for (const [name, age] of Object.entries(told.also || {})) if (!asked.has(name)) asked.set(name, now - age);
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
