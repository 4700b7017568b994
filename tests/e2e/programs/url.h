// Where a program's files are: beside it, or below the base that is its first argument (?base=URL of the page).
#pragma once

#include <stdio.h>

static const char *base = "";

static const char *url_of(const char *name) {
  static char url[256];
  snprintf(url, sizeof url, "%s%s", base, name);
  return url;
}

static void set_base(int argc, char **argv) {
  if (argc > 1) {
    base = argv[1];
  }
}
