// Shows emscripten_fetch: a whole file with progress, then ranges of another, one after the other.
#include <emscripten/fetch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "url.h"

static const char *const ranges[] = {
    "bytes=1000-1015",        // in the middle
    "bytes=-16",              // the last 16 bytes
    "bytes=5242880-99999999", // an end beyond the file
    "bytes=99999999-",        // nothing there
};
static const int range_count = sizeof ranges / sizeof *ranges;

static int next_range;
static uint64_t seen;
static int ascending = 1;

static void fetch_next_range(void);

static void print_content_range(emscripten_fetch_t *fetch) {
  size_t size = emscripten_fetch_get_response_headers_length(fetch) + 1;
  char *raw = malloc(size);
  emscripten_fetch_get_response_headers(fetch, raw, size);
  char **headers = emscripten_fetch_unpack_response_headers(raw);
  for (char **header = headers; header[0]; header += 2) {
    if (!strcmp(header[0], "content-range")) {
      // The line's "\r" is still at the end of the value.
      printf("content-range:%.*s\n", (int)strcspn(header[1], "\r"), header[1]);
    }
  }
  emscripten_fetch_free_unpacked_response_headers(headers);
  free(raw);
}

static void range_ended(emscripten_fetch_t *fetch) {
  printf("%s: status %d\n", ranges[next_range], fetch->status);
  print_content_range(fetch);
  if (fetch->status == 206) {
    printf("bytes: '%.*s'\n", (int)fetch->numBytes, fetch->data);
  }
  emscripten_fetch_close(fetch);
  next_range++;
  fetch_next_range();
}

static void fetch_next_range(void) {
  if (next_range == range_count) {
    return;
  }
  const char *headers[] = {"Range", ranges[next_range], NULL};
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, "GET");
  attributes.attributes = EMSCRIPTEN_FETCH_LOAD_TO_MEMORY | EMSCRIPTEN_FETCH_REPLACE;
  attributes.requestHeaders = headers;
  attributes.onsuccess = range_ended;
  attributes.onerror = range_ended;
  // A query each, or the browser's cache would answer from what it knows about the file by then.
  char name[32];
  snprintf(name, sizeof name, "ranges.txt?%d", next_range);
  emscripten_fetch(&attributes, url_of(name));
}

static void progressed(emscripten_fetch_t *fetch) {
  uint64_t loaded = fetch->dataOffset + fetch->numBytes;
  ascending &= loaded >= seen && loaded <= fetch->totalBytes;
  seen = loaded;
}

static void whole_loaded(emscripten_fetch_t *fetch) {
  printf("whole: status %d\n", fetch->status);
  printf("progress: %s to %llu of %llu\n", ascending ? "ascending" : "jumping", seen, fetch->totalBytes);
  printf("adler32: %08x\n", adler32(1, (const unsigned char *)fetch->data, fetch->numBytes));
  emscripten_fetch_close(fetch);
  fetch_next_range();
}

static void whole_failed(emscripten_fetch_t *fetch) {
  printf("whole: failed with status %d\n", fetch->status);
  emscripten_fetch_close(fetch);
}

int main(int argc, char **argv) {
  set_base(argc, argv);
  emscripten_fetch_attr_t attributes;
  emscripten_fetch_attr_init(&attributes);
  strcpy(attributes.requestMethod, "GET");
  attributes.attributes = EMSCRIPTEN_FETCH_LOAD_TO_MEMORY | EMSCRIPTEN_FETCH_REPLACE;
  attributes.onprogress = progressed;
  attributes.onsuccess = whole_loaded;
  attributes.onerror = whole_failed;
  emscripten_fetch(&attributes, url_of("big.txt"));
  return 0;
}
