// One program with many ways to print and to end: argv[1] says which one.
#include <emscripten.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What must not be known when this is compiled.
static volatile int zero;
static int steps;

static void print_hex(const char *text) {
  for (; *text; text++) printf("%02x", (unsigned char)*text);
  putchar('\n');
}

static void print_lines(int count) {
  for (int i = 0; i < count; i++) fprintf(i % 2 ? stderr : stdout, "line %d\n", i);
}

static void print_bytes(const char *hex) {
  unsigned int byte;
  for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) putchar((int)byte);
}

static void print_long_line(int length) {
  char *line = malloc(length + 1);
  for (int i = 0; i < length; i++) line[i] = 'a' + i % 26;
  line[length] = 0;
  puts(line);
  free(line);
}

__attribute__((noinline)) static int descend(int depth) {
  volatile char room[256];
  room[depth % 256] = (char)depth;
  return zero ? depth : descend(depth + 1) + room[(depth + 1) % 256];
}

static void say_later(void *what) { printf("later: %s\n", (const char *)what); }

static void stop_after_three(void) {
  printf("frame %d\n", ++steps);
  if (steps == 3) emscripten_cancel_main_loop();
}

static void exit_after_three(void) {
  printf("frame %d\n", ++steps);
  if (steps == 3) emscripten_force_exit(5);
}

static void nothing(void) {}

static void loaded(const char *file) {
  FILE *opened = fopen(file, "r");
  char text[64] = "";
  if (opened) fgets(text, sizeof text, opened);
  printf("loaded: %s\n", text);
}

static void failed(const char *file) { printf("failed: %s\n", file); }

static void exit_again(void) { EM_ASM(setTimeout(() => _exit(4), 0)); }

static int fail(const char *mode, int number) {
  if (!strcmp(mode, "abort")) abort();
  if (!strcmp(mode, "trap")) __builtin_trap();
  if (!strcmp(mode, "bounds")) return *(volatile int *)(0xfffffff0u + zero);
  if (!strcmp(mode, "divide")) return number / zero;
  if (!strcmp(mode, "recurse")) return descend(0);
  if (!strcmp(mode, "loop"))
    for (;;) zero = 0;
  return 99;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  const char *what = argc > 2 ? argv[2] : "";
  int number = atoi(what);

  if (!strcmp(mode, "")) return puts("hello"), 0;
  if (!strcmp(mode, "return")) return puts("returns"), number;
  if (!strcmp(mode, "exit")) exit((puts("exits"), number));
  if (!strcmp(mode, "twice")) {
    exit_again();
    exit(3);
  }
  if (!strcmp(mode, "args")) {
    for (int i = 2; i < argc; i++) print_hex(argv[i]);
    return argc - 2;
  }
  if (!strcmp(mode, "lines")) return print_lines(number), 0;
  if (!strcmp(mode, "bytes")) return print_bytes(what), 0;
  if (!strcmp(mode, "long")) return print_long_line(number), 0;
  if (!strcmp(mode, "timer")) return emscripten_async_call(say_later, "done", 200), number;
  if (!strcmp(mode, "frames")) return emscripten_set_main_loop(stop_after_three, 0, 0), number;
  if (!strcmp(mode, "force")) return emscripten_set_main_loop(exit_after_three, 0, 1), 0;
  if (!strcmp(mode, "silence")) return puts("before the silence"), emscripten_set_main_loop(nothing, 0, 1), 0;
  if (!strcmp(mode, "wget")) return emscripten_async_wget(what, "/got", loaded, failed), 6;
  if (!strcmp(mode, "script")) return emscripten_run_script(what), 0;
  // The page decides how it ends.
  if (!strcmp(mode, "stay")) return emscripten_run_script(what), emscripten_set_main_loop(nothing, 0, 1), 0;

  printf("before %s\n", mode);
  return fail(mode, number);
}
