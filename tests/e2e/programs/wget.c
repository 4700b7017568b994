// Shows emscripten_async_wget: one file that is there, then one that is missing.
#include <emscripten.h>
#include <stdio.h>
#include <sys/stat.h>

#include "url.h"

static void loaded(const char *file) {
  char line[64] = "";
  FILE *stream = fopen(file, "r");
  fgets(line, sizeof line, stream);
  fclose(stream);
  printf("loaded %s: %s\n", file, line);
}

static void not_loaded(const char *file) { printf("not loaded %s\n", file); }

static void loaded_first(const char *file) {
  loaded(file);
  emscripten_async_wget(url_of("missing.txt"), "/data/missing.txt", loaded, not_loaded);
}

int main(int argc, char **argv) {
  set_base(argc, argv);
  emscripten_async_wget(url_of("hello.txt"), "/data/hello.txt", loaded_first, not_loaded);
  return 0;
}
