// Shows that a lazy file has all its bytes: its size, its end read first, then the whole of it, piece by piece.
#include <emscripten.h>
#include <stdio.h>

#include "checksum.h"
#include "url.h"

static unsigned char chunk[65536];

int main(int argc, char **argv) {
  set_base(argc, argv);
  EM_ASM({ FS.createLazyFile("/", "big.txt", UTF8ToString($0), true, false); }, url_of("big.txt"));
  FILE *file = fopen("/big.txt", "rb");
  fseek(file, 0, SEEK_END);
  printf("size: %ld\n", ftell(file));

  fseek(file, -8, SEEK_END);
  size_t count = fread(chunk, 1, 8, file);
  printf("last 8 bytes: %.*s\n", (int)count, chunk);

  uint32_t sum = 1;
  fseek(file, 0, SEEK_SET);
  while ((count = fread(chunk, 1, sizeof chunk, file)) > 0) {
    sum = adler32(sum, chunk, count);
  }
  printf("adler32: %08x\n", sum);
  int requests = EM_ASM_INT({
    return performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith("/big.txt")).length;
  });
  printf("requests: %d\n", requests);
  return 0;
}
