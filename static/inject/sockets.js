// Leads the sockets of an Emscripten program through this server, with no rebuild: --inject puts it into pages.
//
// Emscripten's emulated sockets (SOCKFS) open ws://HOST:PORT/ for connect(HOST, PORT). The connection goes to
// TCP/HOST:PORT or UDP/HOST:PORT on this server instead. What else the page opens stays as it is: a URL that
// the program was given (Module.websocket.url, -sWEBSOCKET_URL), this server's own, other WebSockets.
//
// It needs no access token: to the page's own origin the browser sends the cookie that has it.
// It runs in pages and in workers that include it; without SOCKFS it does nothing.
(function (self, settings) {
  'use strict';
  const Native = self.WebSocket, origin = self.location.origin;
  if (!Native || !/^https?:/.test(origin)) return;

  const SOCK_DGRAM = 2;
  const own = new URL(origin);
  let asked = null;  // the address that SOCKFS is connecting to
  let found = false;  // SOCKFS tells of every connection, so that nothing has to be guessed

  function through(kind, host, port) {
    return origin.replace(/^http/, 'ws') + settings[kind] + '/' + encodeURIComponent(host) + ':' + port;
  }

  function isLeftAlone(host, port) {
    return settings.keep.includes(port) || new URL(own.protocol + '//' + host + ':' + port).host === own.host;
  }

  // The URL to open in place of one; the same where it is none that SOCKFS makes of an address.
  function redirected(url, protocols) {
    const text = String(url);
    const match = /^wss?:\/\/([^/?#@]+):(\d+)\/$/.exec(text);
    if (!match) return url;
    const host = match[1], port = Number(match[2]);
    if (port > 65535 || isLeftAlone(host, port)) return url;
    if (asked) return asked.host === host && asked.port === port ? through(asked.kind, host, port) : url;
    // Built as a module or by Closure, SOCKFS is out of reach: its one subprotocol gives it away. TCP or UDP
    // cannot be told apart then.
    const isSockets = Array.isArray(protocols) && protocols.length === 1 &&
                      ['binary', 'base64', 'text'].includes(protocols[0]);
    return isSockets && !found ? through('tcp', host, port) : url;
  }

  self.WebSocket = new Proxy(Native, {
    construct(target, args, newTarget) {
      if (args.length) args = [redirected(args[0], args[1]), ...args.slice(1)];
      return Reflect.construct(target, args, newTarget);
    },
  });
  Native.prototype.constructor = self.WebSocket;

  function wrap(sockfs) {
    const ops = sockfs && sockfs.websocket_sock_ops;
    if (!ops || typeof ops.createPeer !== 'function') return;
    const createPeer = ops.createPeer;
    found = true;
    ops.createPeer = function (sock, addr, port) {
      if (typeof addr !== 'string') return createPeer.apply(this, arguments);
      asked = {kind: sock.type === SOCK_DGRAM ? 'udp' : 'tcp', host: addr, port};
      try {
        return createPeer.apply(this, arguments);
      } finally {
        asked = null;
      }
    };
  }

  // `var SOCKFS = {...}` of a classic script assigns to this property, before the program runs.
  if ('SOCKFS' in self) {
    wrap(self.SOCKFS);
  } else {
    Object.defineProperty(self, 'SOCKFS', {
      configurable: true,
      enumerable: false,
      get: () => undefined,
      set(value) {
        Object.defineProperty(self, 'SOCKFS', {
          configurable: true, enumerable: true, writable: true, value,
        });
        wrap(value);
      },
    });
  }
})(self, SETTINGS);
