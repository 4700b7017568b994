// Dumps a picture of one pixel.
#include <emscripten.h>
#include <stdio.h>

int main() {
  EM_ASM(emrun_file_dump('out/image.ppm', new TextEncoder().encode('P3 1 1 1 1 0 0')));
  puts("done");
}
