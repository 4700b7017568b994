// Asks for one URL after the other, as ask.js tells it, and says what emscripten_fetch reports of each.
#include <emscripten.h>
#include <emscripten/fetch.h>
#include <string.h>

static void tell(emscripten_fetch_t *fetch, const char *callback) {
  EM_ASM({ Module['told']([UTF8ToString($0), $1, $2, $3]); }, callback, fetch->status, fetch->readyState,
         (int)fetch->numBytes);
  emscripten_fetch_close(fetch);
}

static void succeeded(emscripten_fetch_t *fetch) { tell(fetch, "onsuccess"); }

static void failed(emscripten_fetch_t *fetch) { tell(fetch, "onerror"); }

EMSCRIPTEN_KEEPALIVE void ask(const char *method, const char *url, const char *name, const char *value,
                              int credentials, int milliseconds) {
  const char *headers[] = {name, value, NULL};
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, method);
  attributes.attributes = EMSCRIPTEN_FETCH_LOAD_TO_MEMORY | EMSCRIPTEN_FETCH_REPLACE;
  attributes.requestHeaders = *name ? headers : NULL;
  attributes.withCredentials = credentials;
  attributes.timeoutMSecs = milliseconds;
  attributes.onsuccess = succeeded;
  attributes.onerror = failed;
  emscripten_fetch(&attributes, url);
}

static void exit_now(void *unused) { emscripten_force_exit(0); }

// Not at once: what ends the program is an exception, and JavaScript that calls this would let it pass.
EMSCRIPTEN_KEEPALIVE void end(void) { emscripten_async_call(exit_now, NULL, 0); }

int main(void) {
  EM_ASM({ Module['askAll'](); });
  emscripten_exit_with_live_runtime();
}
