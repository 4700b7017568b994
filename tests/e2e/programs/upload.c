// Shows emscripten_fetch with a body: what the server says about the bytes that reached it.
#include <emscripten/fetch.h>
#include <stdio.h>
#include <string.h>

#include "checksum.h"
#include "url.h"

static unsigned char body[3 << 20];

static void ended(emscripten_fetch_t *fetch) {
  printf("status %d: %.*s\n", fetch->status, (int)fetch->numBytes, fetch->data);
  emscripten_fetch_close(fetch);
}

int main(int argc, char **argv) {
  set_base(argc, argv);
  for (size_t i = 0; i < sizeof body; i++) {
    body[i] = i * i >> 7;
  }
  printf("sent: %zu bytes, adler32 %08x\n", sizeof body, adler32(1, body, sizeof body));
  const char *headers[] = {"Content-Type", "application/x-program", NULL};
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, "POST");
  attributes.attributes = EMSCRIPTEN_FETCH_LOAD_TO_MEMORY | EMSCRIPTEN_FETCH_REPLACE;
  attributes.requestHeaders = headers;
  attributes.requestData = (const char *)body;
  attributes.requestDataSize = sizeof body;
  attributes.onsuccess = ended;
  attributes.onerror = ended;
  emscripten_fetch(&attributes, url_of("upload"));
  return 0;
}
