// Ends the program with the line, the condition and errno where something is not as it must be.
#pragma once

#include <emscripten.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) ((condition) ? (void)0 : fail(__FILE_NAME__, __LINE__, #condition))

static inline void fail(const char *file, int line, const char *condition) {
  printf("%s:%d: not %s; errno is %d, %s\n", file, line, condition, errno, strerror(errno));
  emscripten_force_exit(1);
}
