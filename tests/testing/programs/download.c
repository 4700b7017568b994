// Downloads what its argument names, and tries again, five times in all.
#include <emscripten.h>
#include <stdio.h>

static const char *url;
static int left = 5;

static void have(const char *file) { emscripten_force_exit(0); }

static void ask(void *);

static void failed(const char *file) {
  if (--left == 0) emscripten_force_exit(1);
  emscripten_async_call(ask, NULL, 20);
}

static void ask(void *nothing) { emscripten_async_wget(url, "/data", have, failed); }

int main(int argc, char **argv) {
  url = argv[1];
  ask(NULL);
  emscripten_exit_with_live_runtime();
}
