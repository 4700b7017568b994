// Talks to several TCP servers at once, HOST and PORT of each: what they say, in the order of the arguments.
#include "emulated.h"

enum { MOST = 4 };

static struct {
  int fd, said, heard, ended;
  char text[64];
} talks[MOST];
static int count;

static void look(void) {
  int ended = 0;
  for (int i = 0; i < count; i++) {
    if (!talks[i].said && is_ready(talks[i].fd, 1)) {
      REQUIRE(send(talks[i].fd, "hello", 5, 0) == 5);
      talks[i].said = 1;
    }
    while (!talks[i].ended && is_ready(talks[i].fd, 0)) {
      int error = error_of(talks[i].fd);
      ssize_t got = recv(talks[i].fd, talks[i].text + talks[i].heard, sizeof talks[i].text - 1 - talks[i].heard, 0);
      REQUIRE(got >= 0);
      talks[i].heard += got;
      talks[i].ended = got == 0;
      if (error) {
        snprintf(talks[i].text, sizeof talks[i].text, "%s", strerror(error));
        REQUIRE(error == ECONNREFUSED);
      }
    }
    ended += talks[i].ended;
  }
  if (ended == count) {
    for (int i = 0; i < count; i++) {
      puts(talks[i].text);
      REQUIRE(close(talks[i].fd) == 0);
    }
    emscripten_cancel_main_loop();
  }
}

int main(int argc, char **argv) {
  count = argc / 2;
  REQUIRE(count > 0 && count <= MOST);
  for (int i = 0; i < count; i++) {
    talks[i].fd = begin_to_connect(argv[2 * i + 1], argv[2 * i + 2]);
  }
  emscripten_set_main_loop(look, 0, 0);
  return 0;
}
