// Reads the file that its argument names; without one it is content.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void give_up(void) { abort(); }

int main(int argc, char **argv) {
  if (argc < 2) return 0;
  if (!strcmp(argv[1], "--give-up")) give_up();
  FILE *file = fopen(argv[1], "r");
  if (!file) {
    perror(argv[1]);
    return 2;
  }
  fclose(file);
}
