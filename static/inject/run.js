// Tells `fetchkit run` what the program in a page does, and hands it its arguments. It runs before the page's scripts.
//
// A report is a letter and a text, in the order in which things happen:
//   d URL     a document begins          l         it has loaded          m  there is a program (a Module object)
//   r         a build of --emrun, whose own messages tell output and exit status (emrun_postjs.js)
//   E BODY    such a message, as it would go to stdio.html
//   o TEXT    standard output            e TEXT    standard error
//   x STATUS  the program has exited     q STATUS  main() has returned, and the runtime lives on
//   a WHAT    abort()                    t JSON    an error that nobody caught: {name, message, stack, fatal}
//   z         the turn of a crash is over: what the program prints of it has been printed
//   c         the page closes its window
//   i WORKERS THREADS  nothing is pending: no timer, frame, request, database or socket will call the program again;
//             how many workers there are; and if it is not 0, how many threads of the program have not ended
//   w NUMBER  a mark, which is posted to the server as well: the answer comes once it was heard, and so all before it
//
// A driver of the browser offers `fetchkitReport(text)`; without one, reports go to the server, several in one
// message of emrun's protocol. emrun's own messages take the same way: browsers fail requests when thousands of them
// wait, and requests overtake each other. Files that are dumped (stdio.html?file=) go to the server as they are.
//
// In Module the script's handlers stand in the prototype: builds with assertions refuse own properties that they
// were not told of (INCOMING_MODULE_JS_API), and emrun_prejs.js would overwrite them.
(function (self, settings) {
  'use strict';
  if (self !== self.top) return;

  const console = self.console;
  const setTimeout = self.setTimeout.bind(self);
  const XHR = self.XMLHttpRequest, open = XHR.prototype.open, send = XHR.prototype.send;
  // Nobody sees the console of a browser without a window, and a line there would cost as much again.
  const native = (name) => settings.console ? console[name].bind(console) : () => {};
  const log = native('log'), warn = native('warn');

  // An idle page has to stay so for this long (ms): work that cannot be seen from here calls back sooner.
  const IDLE = 100;
  // The same while workers live, who may be computing: after their last message.
  const IDLE_WORKERS = 1000;
  // The same while threads of the program run, or wait: it is said then that they did.
  const IDLE_THREADS = 10000;

  // Chromium's 10 are used up by Emscripten's own functions.
  Error.stackTraceLimit = 50;

  let emrun = false;  // the build speaks emrun's protocol
  let inside = 0;  // depth of calls of the page's own print functions, whose console output is the same text
  let dumps = 0;  // files on their way
  const afterDumps = [];  // what waits for them
  let crashed = false;
  let told = new WeakSet();  // errors that were reported

  // --- reports ---

  const driven = self.fetchkitReport;
  try { delete self.fetchkitReport; } catch (_) { /* it is not configurable: it stays */ }

  // To the server: at the end of the turn, or, lest an endless turn keep it, a full message at once.
  const FULL = 100;
  let number = 0, queue = [];

  function post(wait) {
    if (!queue.length) return;
    const request = new XHR(), reports = JSON.stringify(queue);
    queue = [];
    open.call(request, 'POST', 'stdio.html', !wait);
    send.call(request, '^fetchkit^' + ++number + '^' + encodeURIComponent(reports));
  }

  // With a driver nothing would hold the page up: what it prints would pile up in the browser.
  const MUCH = 1 << 20;
  let unheard = 0;
  // Firefox has six connections to a host, and a page that waits for a seventh can give none of them back.
  const MANY_SOURCES = 4;
  let sources = 0;  // EventSources that are open

  function untilHeard() {
    unheard = 0;
    if (sources >= MANY_SOURCES) return;
    const mark = 'w' + ++number, request = new XHR();
    driven(mark);
    try {
      open.call(request, 'POST', new URL('/stdio.html', self.location.href), false);
      send.call(request, '^fetchkit^' + number + '^' + encodeURIComponent(JSON.stringify([mark])));
    } catch (_) { /* the page may have forbidden it (sync-xhr, connect-src) */ }
  }

  const report = driven ? (text) => {
    driven(text.toWellFormed());
    if ((unheard += text.length) > MUCH) untilHeard();
  } : (text) => {
    if (queue.push(text.toWellFormed()) === 1) queueMicrotask(() => post(false));
    else if (queue.length >= FULL) post(true);
  };

  function said(kind, text) {
    if (!emrun) report(kind + text);
  }

  // The runtime prints what it knows of a crash in the same turn.
  function crash() {
    if (crashed) return;
    crashed = true;
    setTimeout(() => report('z'));
  }

  function isControlFlow(error) {
    return error === 'unwind' || error instanceof Object && error.name === 'ExitStatus';
  }

  // What ends a native program by a signal: traps and abort(), C++ exceptions, the end of the stack. The runtime
  // gives a C++ exception as its address, as text (catching is disabled) or as an object.
  function isFatal(error, fromRuntime) {
    return typeof error === 'number' || fromRuntime && typeof error === 'string' ||
           error instanceof WebAssembly.RuntimeError ||
           'Exception' in WebAssembly && error instanceof WebAssembly.Exception ||
           error instanceof Object && (error.name === 'CppException' || 'excPtr' in error) ||
           error instanceof ErrorEvent && /RuntimeError|Aborted|CppException/.test(error.message) ||  // of a pthread
           error instanceof Error && /^(RangeError: Maximum call stack|InternalError: too much recursion)/.test(error);
  }

  function thrown(error, where, fromRuntime) {
    if (isControlFlow(error)) return;
    if (error instanceof Object) {
      if (told.has(error)) return;
      told.add(error);
    } else if (crashed) {  // a number or a text has no identity: the runtime throws it again
      return;
    }
    const known = error instanceof Object;
    report('t' + JSON.stringify({
      name: known ? String(error.name || '') : '',
      message: known && 'message' in error ? String(error.message) : String(error),
      stack: known && error.stack ? String(error.stack) : where || '',
      fatal: isFatal(error, fromRuntime),
    }));
    crash();
  }

  // Whether the page deals with it (preventDefault) is known when its own listeners have run, which come after ours.
  function unlessPrevented(event, error, where) {
    setTimeout(() => { if (!event.defaultPrevented) thrown(error, where); });
  }

  self.addEventListener('error', (event) => {
    if (event.target !== self && event.target instanceof Node) return;  // a file that did not load
    const place = event.filename ? '    at ' + event.filename + ':' + event.lineno + ':' + event.colno : '';
    const unknown = { name: '', message: event.message, stack: event.message + '\n' + place };
    unlessPrevented(event, event.error ?? unknown, place);
  }, true);
  self.addEventListener('unhandledrejection', (event) => unlessPrevented(event, event.reason));

  // --- the console ---

  // Never throws: what has no prototype, or a method that throws, cannot be made a text.
  function shown(value) {
    if (typeof value === 'string') return value;
    try {
      if (value instanceof Error) return String(value.stack || value);
      if (typeof value === 'object' && value !== null) return JSON.stringify(value) ?? String(value);
    } catch (_) { /* a cycle, a BigInt */ }
    try { return String(value); } catch (_) { return '[object Object]'; }
  }

  // console.log's own format (Console standard, section 2.2).
  function formatted(values) {
    if (values.length === 1 || typeof values[0] !== 'string' || !values[0].includes('%')) {
      return values.map(shown).join(' ');
    }
    let next = 1;
    const text = values[0].replace(/%[sdifoOc%]/g, (form) => {
      if (form === '%%') return '%';
      if (next >= values.length) return form;
      const value = values[next++];
      if (form === '%c') return '';
      if (form === '%d' || form === '%i') return String(parseInt(shown(value), 10));
      return form === '%f' ? String(parseFloat(shown(value))) : shown(value);
    });
    return [text, ...values.slice(next).map(shown)].join(' ');
  }

  const streams = { log: 'o', info: 'o', debug: 'o', warn: 'e', error: 'e', trace: 'e' };
  for (const [name, kind] of Object.entries(streams)) {
    const natively = native(name);
    console[name] = function (...values) {
      if (!inside && !emrun) said(kind, formatted(values));
      return natively(...values);
    };
  }
  const assert = native('assert');
  console.assert = function (holds, ...values) {
    if (!holds && !inside) said('e', ['Assertion failed', ...values.map(shown)].join(' '));
    return assert(holds, ...values);
  };

  // --- the Module object ---

  const HANDLERS = {
    print: (theirs) => printer('o', theirs, log),
    printErr: (theirs) => printer('e', theirs, warn),
    onExit: (theirs) => function (status) {
      if (theirs) theirs.apply(this, arguments);
      report('x' + status);
    },
    onAbort: (theirs) => function (what) {
      report('a' + what);
      crash();
      if (theirs) return theirs.apply(this, arguments);
    },
    quit: (theirs) => function (status, toThrow) {
      if (isControlFlow(toThrow)) {
        // main() returns to JavaScript before the runtime asks for this; exit() is called by wasm.
        report((/wasm-function|wasm:/.test(new Error().stack) ? 'x' : 'q') + status);
        watch();
      } else {
        thrown(toThrow, '', true);
      }
      if (theirs) return theirs.apply(this, arguments);
      throw toThrow;
    },
  };

  function printer(kind, theirs, otherwise) {
    return function (...values) {
      said(kind, values.map(shown).join(' '));
      ++inside;
      try {
        return (theirs || otherwise).apply(this, values);
      } finally {
        --inside;
      }
    };
  }

  const ours = new WeakSet();  // what stands in the prototype already, should it be copied to Module

  function attach(module) {
    if (!(module instanceof Object) || ours.has(module) || !Object.isExtensible(module)) return module;
    if (typeof module === 'function') return factory(module);
    ours.add(module);
    report('m');
    const handlers = Object.create(Object.getPrototypeOf(module));
    for (const [name, make] of Object.entries(HANDLERS)) {
      let handler = make(take(module, name));
      ours.add(handler);
      Object.defineProperty(handlers, name, {
        configurable: true,
        get: () => handler,
        set(theirs) {
          if (theirs instanceof Object && ours.has(theirs)) return;
          handler = make(theirs);
          ours.add(handler);
        },
      });
    }
    if (settings.arguments) {
      take(module, 'arguments');
      Object.defineProperty(handlers, 'arguments', {
        configurable: true, get: () => settings.arguments.slice(), set() { /* emrun's, from the query */ },
      });
    }
    Object.setPrototypeOf(module, handlers);
    return module;
  }

  // An own property's value, which is taken away.
  function take(module, name) {
    if (!Object.hasOwn(module, name)) return undefined;
    const value = module[name];
    Reflect.deleteProperty(module, name);
    return value;
  }

  // -sMODULARIZE: the object is its argument.
  function factory(make) {
    const attached = ([module = {}, ...more]) => [attach(module), ...more];
    const hooked = new Proxy(make, {
      apply: (_, context, values) => Reflect.apply(make, context, attached(values)),
      construct: (_, values, target) => Reflect.construct(make, attached(values), target),
    });
    ours.add(hooked);
    return hooked;
  }

  // Under another name (EXPORT_NAME), or declared as a function, which takes the place of the accessor below, it is
  // known by its text, and taken before the next script of the page can call it: `f(m) { m = m || {}`, `f(m = {}) {`.
  const HEAD =
    /^(?:async\s+)?function\s*[\w$]*\(\s*([\w$]+)\s*(?:=\s*\{\}\s*\)|\)\s*\{\s*\1\s*=\s*\1\s*\|\|\s*\{\})/;
  const WORDS = /ExitStatus|preRun|onRuntimeInitialized/;  // which no minifier takes away
  const textOf = Function.prototype.toString;
  const browsers = new Set(Object.getOwnPropertyNames(self));  // its own names

  function adopt() {
    for (const name of Object.getOwnPropertyNames(self)) {
      if (browsers.has(name)) continue;
      const { value, writable } = Object.getOwnPropertyDescriptor(self, name);
      if (!writable || typeof value !== 'function') continue;
      const text = textOf.call(value);  // without a head once it is taken: that of a Proxy
      if (HEAD.test(text) && WORDS.test(text)) self[name] = factory(value);
    }
  }
  // An external script's event comes behind it at once; an inline one has none, and what the parser finds next tells.
  document.addEventListener('load', (event) => { if (event.target.localName === 'script') adopt(); }, true);
  document.addEventListener('DOMContentLoaded', adopt, true);

  // Of 2023 and 2024 such builds work with a copy of their argument: Object.assign({}, moduleArg), in shell.js.
  const assign = Object.assign;
  Object.assign = function assigned(target, ...sources) {
    const result = assign(target, ...sources), [source] = sources;
    if (typeof source === 'object' && ours.has(source) && Object.getPrototypeOf(result) === Object.prototype) {
      Object.setPrototypeOf(result, Object.getPrototypeOf(source));
      ours.add(result);
    }
    return result;
  };

  let module;
  Object.defineProperty(self, 'Module', {
    configurable: true,
    enumerable: true,
    get: () => module,
    set(value) { module = attach(value); },
  });

  // --- what is pending ---

  let pending = 0, loaded = false, watched = false, last = 0, timer = 0;
  const workers = new Set();

  function begun() {
    ++pending;
    let open = true;
    return () => {
      if (open) --pending;
      open = false;
      if (!pending) watch();
    };
  }

  // Looks again until the page has been idle for long enough, or something is pending.
  function watch() {
    last = performance.now();
    if (timer || !loaded || pending) return;
    (function look() {
      timer = setTimeout(() => {
        timer = 0;
        if (pending) return;
        if (rest() > 0) look();
        else report('i' + workers.size + (threads() ? ' ' + threads() : ''));
      }, Math.max(1, Math.min(rest(), IDLE_WORKERS)));
    })();
  }

  function rest() {
    return (threads() ? IDLE_THREADS : workers.size ? IDLE_WORKERS : IDLE) - (performance.now() - last);
  }

  // Those that have not ended, or have not been joined (library_pthread.js).
  function threads() {
    let count = 0;
    for (const worker of workers) if (worker.pthread_ptr || worker.pthread) ++count;
    return count;
  }

  function patch(owner, name, make) {
    if (owner && typeof owner[name] === 'function') owner[name] = make(owner[name]);
  }

  function methodsOf(owner = {}) {
    const isMethod = (name) => typeof Object.getOwnPropertyDescriptor(owner, name).value === 'function';
    return Reflect.ownKeys(owner).filter((name) => name !== 'constructor' && isMethod(name));
  }

  function once(start, cancel) {
    const open = new Map();
    patch(self, start, (native) => function (callback, ...more) {
      const done = begun();
      const call = typeof callback === 'function' ? callback : () => (0, self.eval)(String(callback));
      const id = native.call(self, function () {
        open.delete(id);
        try { return call.apply(this, arguments); } finally { done(); }
      }, ...more);
      open.set(id, done);
      return id;
    });
    patch(self, cancel, (native) => function (id) {
      open.get(id)?.();
      open.delete(id);
      return native.call(self, id);
    });
    return open;
  }
  const timers = once('setTimeout', 'clearTimeout');
  once('requestAnimationFrame', 'cancelAnimationFrame');
  once('requestIdleCallback', 'cancelIdleCallback');
  patch(self, 'setInterval', (native) => function (...values) {
    const id = native.apply(self, values);
    timers.set(id, begun());
    return id;
  });
  // Either may clear what the other has set (HTML standard, section 8.6).
  patch(self, 'clearInterval', () => self.clearTimeout);

  function promised(native) {
    return function () {
      // What follows is the page's: it alone says whether a rejection is dealt with.
      const promise = native.apply(this, arguments);
      if (promise?.[Symbol.asyncIterator]) patch(promise, 'next', promised);  // the entries of a folder
      if (typeof promise?.then !== 'function') return promise;
      const done = begun();
      return promise.then((value) => { done(); return value; }, (error) => { done(); throw error; });
    };
  }
  patch(self, 'fetch', promised);
  patch(self, 'createImageBitmap', promised);
  for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming']) {
    patch(WebAssembly, name, promised);
  }
  const BODY = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'];
  const ALL = null;  // every method that returns a promise
  const promising = {
    Response: BODY,
    Blob: BODY,
    ReadableStream: ['pipeTo'],
    ReadableStreamDefaultReader: ['read'],
    SubtleCrypto: ALL,
    BaseAudioContext: ['decodeAudioData'],
    OfflineAudioContext: ['startRendering'],
    FontFace: ['load'],
    FontFaceSet: ['load'],
    CacheStorage: ALL,
    Cache: ALL,
    StorageManager: ALL,
    FileSystemHandle: ALL,
    FileSystemFileHandle: ALL,
    FileSystemDirectoryHandle: ALL,
    FileSystemWritableFileStream: ['abort', 'close', 'seek', 'truncate', 'write'],
    LockManager: ['query', 'request'],
    GPU: ['requestAdapter'],
    GPUAdapter: ['requestDevice'],
    GPUBuffer: ['mapAsync'],
    GPUDevice: ['createComputePipelineAsync', 'createRenderPipelineAsync', 'popErrorScope'],
    GPUQueue: ['onSubmittedWorkDone'],
    GPUShaderModule: ['getCompilationInfo'],
  };
  for (const [name, methods] of Object.entries(promising)) {
    const owner = self[name]?.prototype;
    for (const method of methods || methodsOf(owner)) patch(owner, method, promised);
  }

  // --- emrun's messages ---

  const kinds = new WeakMap();  // of requests: 'message', 'waiting message' (synchronous), 'dump'

  XHR.prototype.open = function (method, url, async = true) {
    const post = String(method).toUpperCase() === 'POST', address = String(url);
    if (post && address === 'stdio.html') kinds.set(this, async ? 'message' : 'waiting message');
    else if (post && address.startsWith('stdio.html?file=')) kinds.set(this, 'dump');
    else kinds.delete(this);
    return open.apply(this, arguments);
  };

  XHR.prototype.send = function (body) {
    const kind = kinds.get(this);
    if (kind && kind !== 'dump' && typeof body === 'string') return message(this, kind, body);
    const done = begun();
    if (kind === 'dump') ++dumps;
    const ended = () => {
      done();
      if (kind === 'dump' && !--dumps) afterDumps.splice(0).forEach((each) => each());
    };
    this.addEventListener('loadend', ended, { once: true });
    try {
      return send.apply(this, arguments);
    } catch (error) {
      this.removeEventListener('loadend', ended);
      ended();
      throw error;
    }
  };

  function whenDumped(call) {
    if (dumps) afterDumps.push(call);
    else call();
  }

  // In place of a request: the report, and what a request shows once it is answered.
  function message(request, kind, body) {
    if (!emrun) report('r');
    emrun = true;
    if (body.startsWith('^exit^')) whenDumped(() => report('E' + body));
    else report('E' + body);
    for (const [name, value] of Object.entries({ readyState: 4, status: 200, responseText: 'OK', response: 'OK' })) {
      Object.defineProperty(request, name, { configurable: true, value });
    }
    const done = begun();
    const answered = () => {
      for (const event of ['readystatechange', 'load', 'loadend']) request.dispatchEvent(new ProgressEvent(event));
      done();
    };
    if (kind === 'message') queueMicrotask(answered);
    else done();
  }

  // emrun closes the window with its last message. Browsers may refuse that to a page that no script has opened.
  const close = self.close.bind(self);
  self.close = () => whenDumped(() => {
    report('c');
    close();
  });

  // emrun's script stumbles over half a pair of surrogates, which a program may well print.
  const encode = self.encodeURIComponent;
  self.encodeURIComponent = (text) => encode(emrun ? String(text).toWellFormed() : text);

  // --- databases, files, sockets, workers ---

  function requested(native) {
    return function () {
      const request = native.apply(this, arguments);
      if (request instanceof EventTarget) {
        const done = begun();
        for (const end of ['success', 'error', 'complete', 'abort']) request.addEventListener(end, done);
      }
      return request;
    };
  }
  const databases = {
    IDBFactory: ['open', 'deleteDatabase'],
    IDBDatabase: ['transaction'],
    IDBObjectStore: ['add', 'clear', 'count', 'delete', 'get', 'getAll', 'getAllKeys', 'getKey', 'openCursor', 'put'],
  };
  for (const [name, methods] of Object.entries(databases)) {
    for (const method of methods) patch(self[name]?.prototype, method, requested);
  }

  for (const name of ['readAsArrayBuffer', 'readAsBinaryString', 'readAsDataURL', 'readAsText']) {
    patch(self.FileReader?.prototype, name, (native) => function () {
      native.apply(this, arguments);
      this.addEventListener('loadend', begun(), { once: true });
    });
  }

  function constructed(name, follow) {
    if (!self[name]) return;
    self[name] = new Proxy(self[name], {
      construct(native, values, target) {
        const made = Reflect.construct(native, values, target);
        follow(made);
        return made;
      },
    });
  }
  constructed('WebSocket', (socket) => socket.addEventListener('close', begun()));
  const eventSources = new WeakMap();  // they try again on most errors
  constructed('EventSource', (source) => {
    const ended = begun();
    let open = true;
    ++sources;
    const done = () => {
      if (open) --sources;
      open = false;
      ended();
    };
    eventSources.set(source, done);
    source.addEventListener('error', () => { if (source.readyState === source.CLOSED) done(); });
  });
  patch(self.EventSource?.prototype, 'close', (native) => function () {
    native.call(this);
    eventSources.get(this)?.();
  });
  constructed('Worker', (worker) => {
    workers.add(worker);
    worker.addEventListener('message', () => { last = performance.now(); });
  });
  patch(self.Worker?.prototype, 'terminate', (native) => function () {
    workers.delete(this);
    watch();
    return native.call(this);
  });

  // Scripts and pictures that are added later; those of the page itself hold up its load event.
  function loading(element) {
    const done = begun();
    element.addEventListener('load', done);
    element.addEventListener('error', done);
  }
  new MutationObserver((changes) => {
    const scripts = changes.flatMap(({ addedNodes }) => [...addedNodes].filter((node) => node.localName === 'script'));
    if (scripts.length) adopt();
    if (loaded) scripts.filter((script) => script.src).forEach(loading);
  }).observe(document, { childList: true, subtree: true });
  const source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, 'src');
  Object.defineProperty(HTMLImageElement.prototype, 'src', {
    ...source,
    set(value) {
      if (!this.isConnected) loading(this);
      source.set.call(this, value);
    },
  });

  report('d' + self.location.href);
  self.addEventListener('load', () => {
    loaded = true;
    report('l');
    watch();
  });
})(self, SETTINGS);
