// Shows which build is running (ANSWER is set by the compiler's command line), and the address it runs at.
#include <emscripten.h>
#include <stdio.h>

int main(void) {
  printf("answer: %d\n", ANSWER);
  printf("path: %s\n", emscripten_run_script_string("location.pathname"));
  printf("query: %s\n", emscripten_run_script_string("location.search"));
  return 0;
}
