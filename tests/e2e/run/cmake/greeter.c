// Greets who else is named, and ends with the code that comes first.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  for (int i = 2; i < argc; i++) printf("%s%s", argv[i], i + 1 < argc ? " " : "!\n");
  return argc > 1 ? atoi(argv[1]) : 99;
}
