// Shows each way in which emscripten_fetch uses IndexedDB, step by step: the flags, and EM_IDB_STORE and _DELETE.
#include <emscripten/fetch.h>
#include <stdio.h>
#include <string.h>

#include "url.h"

#define LOAD EMSCRIPTEN_FETCH_LOAD_TO_MEMORY
#define PERSIST (LOAD | EMSCRIPTEN_FETCH_PERSIST_FILE)

static const struct {
  const char *label, *method, *path;
  int flags;
  const char *data;
} steps[] = {
    {"lookup", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
    {"persist", "GET", "kept", PERSIST},
    {"persist again", "GET", "kept", PERSIST},
    {"append", "GET", "kept", PERSIST | EMSCRIPTEN_FETCH_APPEND},
    {"lookup", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
    {"replace, not kept", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_REPLACE},
    {"lookup", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
    {"replace", "GET", "kept", PERSIST | EMSCRIPTEN_FETCH_REPLACE},
    {"lookup", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
    {"store", "EM_IDB_STORE", "made", EMSCRIPTEN_FETCH_REPLACE | PERSIST, "made here"},
    {"lookup made", "GET", "made", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
    {"persist made", "GET", "made", PERSIST},
    {"store over", "EM_IDB_STORE", "kept", EMSCRIPTEN_FETCH_REPLACE | PERSIST, "in its place"},
    {"append", "GET", "kept", PERSIST | EMSCRIPTEN_FETCH_APPEND},
    {"delete", "EM_IDB_DELETE", "kept", 0},
    {"lookup", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
    {"append", "GET", "kept", PERSIST | EMSCRIPTEN_FETCH_APPEND},
    {"lookup", "GET", "kept", LOAD | EMSCRIPTEN_FETCH_NO_DOWNLOAD},
};
enum { STEPS = sizeof steps / sizeof *steps };

static int step;

static void take_step(void);

static void ended(emscripten_fetch_t *fetch, const char *callback) {
  printf("%s: %s %d '%.*s'\n", steps[step].label, callback, fetch->status, (int)fetch->numBytes,
         fetch->data ? fetch->data : "");
  emscripten_fetch_close(fetch);
  if (++step < STEPS) {
    take_step();
  }
}

static void succeeded(emscripten_fetch_t *fetch) { ended(fetch, "onsuccess"); }

static void failed(emscripten_fetch_t *fetch) { ended(fetch, "onerror"); }

static void take_step(void) {
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, steps[step].method);
  attributes.attributes = steps[step].flags;
  attributes.destinationPath = steps[step].path;
  if (steps[step].data) {
    attributes.requestData = steps[step].data;
    attributes.requestDataSize = strlen(steps[step].data);
  }
  attributes.onsuccess = succeeded;
  attributes.onerror = failed;
  emscripten_fetch(&attributes, url_of(""));
}

int main(int argc, char **argv) {
  set_base(argc, argv);
  take_step();
  return 0;
}
