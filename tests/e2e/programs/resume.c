// Downloads the first half of a file, then the rest if it is still the same file, and else all of it once more.
#include <emscripten/fetch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "url.h"

enum { SIZE = 1 << 20, HALF = SIZE / 2 };

static unsigned char file[SIZE];
static char tag[128];

static void ask(const char *const *headers, void (*ended)(emscripten_fetch_t *)) {
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, "GET");
  attributes.attributes = EMSCRIPTEN_FETCH_LOAD_TO_MEMORY | EMSCRIPTEN_FETCH_REPLACE;
  attributes.requestHeaders = headers;
  attributes.onsuccess = ended;
  attributes.onerror = ended;
  emscripten_fetch(&attributes, url_of(""));
}

static void keep_tag(emscripten_fetch_t *fetch) {
  size_t size = emscripten_fetch_get_response_headers_length(fetch) + 1;
  char *headers = malloc(size);
  emscripten_fetch_get_response_headers(fetch, headers, size);
  char *found = strstr(headers, "etag: ");
  if (found) {
    snprintf(tag, sizeof tag, "%.*s", (int)strcspn(found + 6, "\r"), found + 6);
  }
  free(headers);
}

static void rest_ended(emscripten_fetch_t *fetch) {
  // 206: the file is what it was. 200: it is another one, and this is all of it.
  size_t at = fetch->status == 206 ? HALF : 0;
  printf("then: status %d, %d bytes\n", fetch->status, (int)fetch->numBytes);
  if (at + fetch->numBytes == SIZE) {
    memcpy(file + at, fetch->data, fetch->numBytes);
    printf("whole: adler32 %08x\n", adler32(1, file, SIZE));
  }
  emscripten_fetch_close(fetch);
}

static void half_ended(emscripten_fetch_t *fetch) {
  printf("first: status %d, %d bytes\n", fetch->status, (int)fetch->numBytes);
  if (fetch->numBytes == HALF) {
    memcpy(file, fetch->data, HALF);
    keep_tag(fetch);
    emscripten_fetch_close(fetch);
    const char *rest[] = {"Range", "bytes=524288-", "If-Range", tag, NULL};
    ask(rest, rest_ended);
  }
}

int main(int argc, char **argv) {
  set_base(argc, argv);
  const char *half[] = {"Range", "bytes=0-524287", NULL};
  ask(half, half_ended);
  return 0;
}
