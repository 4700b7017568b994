// Asks for each request of requests.json by XMLHttpRequest, by fetch and by the program's emscripten_fetch, and
// prints what each of them reports, as one line of JSON a request.

const clients = {
  xhr: ({ method, url, header, credentials, timeout }) => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const fired = [];
    for (const name of ["load", "error", "timeout", "abort"]) request.addEventListener(name, () => fired.push(name));
    request.onloadend = () => {
      resolve([fired.join(), request.status, request.readyState, request.responseText.length]);
    };
    request.open(method, url);
    request.withCredentials = credentials;
    request.timeout = timeout;
    if (header) request.setRequestHeader(...header);
    request.send();
  }),

  fetch: async ({ method, url, header, credentials, timeout }) => {
    let answer;
    try {
      answer = await fetch(url, {
        method,
        headers: header ? [header] : [],
        credentials: credentials ? "include" : "omit",
        signal: timeout ? AbortSignal.timeout(timeout) : null,
      });
    } catch (error) {
      return [error.name];
    }
    const body = await answer.text().then((text) => text.length, (error) => error.name);
    return [answer.status, answer.type, body];
  },

  program: ({ method, url, header, credentials, timeout }) => new Promise((resolve) => {
    Module["told"] = resolve;
    const values = [method, url, ...(header ?? ["", ""]), Number(credentials), timeout];
    Module["ccall"]("ask", null, ["string", "string", "string", "string", "number", "number"], values);
  }),
};

Module["askAll"] = async () => {
  for (const request of await (await fetch("requests.json")).json()) {
    // Each client has a URL of its own, or they would wait for each other's turn in the browser's cache.
    const url = (name) => request.url + (request.url.includes("?") ? "&" : "?") + "client=" + name;
    const asked = Object.entries(clients).map(async ([name, ask]) => [name, await ask({ ...request, url: url(name) })]);
    Module["print"](JSON.stringify(Object.fromEntries(await Promise.all(asked))));
  }
  Module["ccall"]("end");
};
