// Reports what a program prints and how it ends: to its page, or from a worker to the page that made it.
// A pthread's worker loads this too, and reports nothing: its output goes through the main thread.
if (!Module['ENVIRONMENT_IS_PTHREAD']) {
  const report = typeof window === 'object' ? window.report : (message) => postMessage(message);
  Module['arguments'] = new URLSearchParams(location.search).getAll('base');
  Module['print'] = (line) => report({ line });
  Module['onAbort'] = (reason) => report({ line: 'aborted: ' + reason, exitCode: -1 });
  Module['onExit'] = (code) => report({ exitCode: code });
}
