// Shows emscripten_async_wget2: progress that ascends to 100 per cent, and the bytes that came.
#include <emscripten.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "checksum.h"
#include "url.h"

static int percent = -1, ascending = 1;

static void end(void *unused) {}

static void progressed(unsigned handle, void *arg, int now) {
  ascending &= now >= percent;
  percent = now;
}

static void failed(unsigned handle, void *arg, int status) { printf("failed: %d\n", status); }

static void loaded(unsigned handle, void *arg, const char *file) {
  struct stat status;
  stat(file, &status);
  unsigned char *bytes = malloc(status.st_size);
  FILE *stream = fopen(file, "rb");
  size_t count = fread(bytes, 1, status.st_size, stream);
  printf("%s: %s\n", (char *)arg, file);
  printf("progress: %s to %d%%\n", ascending ? "ascending" : "jumping", percent);
  printf("size: %zu\n", count);
  printf("adler32: %08x\n", adler32(1, bytes, count));
  // The callbacks of wget2 do not end the program by themselves; those of async_call do.
  emscripten_async_call(end, NULL, 0);
}

int main(int argc, char **argv) {
  set_base(argc, argv);
  emscripten_async_wget2(url_of("big.txt"), "/big.txt", "GET", "", "loaded", loaded, failed, progressed);
  return 0;
}
