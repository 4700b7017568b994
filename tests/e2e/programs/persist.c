// Shows emscripten_fetch with IndexedDB: the stored copy is read first, then replaced by a fresh one.
#include <emscripten/fetch.h>
#include <stdio.h>
#include <string.h>

static void print_result(emscripten_fetch_t *fetch) {
  if (fetch->status == 200) {
    printf("%s: %.*s\n", (char *)fetch->userData, (int)fetch->numBytes, fetch->data);
  } else {
    printf("%s: status %d\n", (char *)fetch->userData, fetch->status);
  }
  emscripten_fetch_close(fetch);
}

static void fetch_note(char *label, int replace, void (*ended)(emscripten_fetch_t *)) {
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, "GET");
  attributes.attributes = EMSCRIPTEN_FETCH_LOAD_TO_MEMORY | EMSCRIPTEN_FETCH_PERSIST_FILE | replace;
  attributes.userData = label;
  attributes.onsuccess = ended;
  attributes.onerror = ended;
  emscripten_fetch(&attributes, "note.txt");
}

static void stored_ended(emscripten_fetch_t *fetch) {
  print_result(fetch);
  fetch_note("replaced", EMSCRIPTEN_FETCH_REPLACE, print_result);
}

int main(void) {
  fetch_note("stored", 0, stored_ended);
  return 0;
}
