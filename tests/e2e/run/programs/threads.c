// A program of two threads; argv[1] says how it ends.
#include <emscripten.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *mode = "";

static void *work(void *unused) {
  (void)unused;
  // Threads cannot use main's stdout once it has returned (3.1.6), but the console.
  if (!strcmp(mode, "detach")) {
    usleep(2500 * 1000);
    EM_ASM(console.log("a thread logs"));
    return NULL;
  }
  puts("a thread prints");
  fputs("a thread complains\n", stderr);
  if (!strcmp(mode, "exit")) exit(9);
  if (!strcmp(mode, "abort")) abort();
  if (!strcmp(mode, "trap")) __builtin_trap();
  if (!strcmp(mode, "leave")) usleep(100 * 1000);
  puts("a thread ends");
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread;
  if (argc > 1) mode = argv[1];
  printf("main starts: %s\n", argc > 2 ? argv[2] : "");
  if (pthread_create(&thread, NULL, work, NULL)) return 98;
  if (!strcmp(mode, "leave")) pthread_exit(NULL);
  if (!strcmp(mode, "detach")) return pthread_detach(thread), 7;
  pthread_join(thread, NULL);
  puts("main ends");
  return 42;
}
