// Asks a UDP peer over an emulated socket, HOST and PORT, from a port of its own where one is given.
#include "emulated.h"

static const char *const questions[] = {"one", "two"};

static int fd, asked;
static struct sockaddr_in peer;

static void ask(void) {
  const char *text = questions[asked++];
  REQUIRE(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&peer, sizeof peer) == strlen(text));
}

static void look(void) {
  char text[64];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t count = recvfrom(fd, text, sizeof text, 0, (struct sockaddr *)&from, &size);
  if (count < 0 && errno == EAGAIN) { // select tells nothing: it calls a socket without a peer readable
    return;
  }
  REQUIRE(count >= 0);
  REQUIRE(from.sin_port == peer.sin_port && from.sin_addr.s_addr == peer.sin_addr.s_addr);
  printf("%.*s\n", (int)count, text);
  if (asked < sizeof questions / sizeof *questions) {
    ask();
    return;
  }
  REQUIRE(close(fd) == 0);
  emscripten_cancel_main_loop();
}

int main(int argc, char **argv) {
  REQUIRE(argc == 3 || argc == 4);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(fd >= 0);
  REQUIRE(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  peer = address_of(argv[1], argv[2]);
  if (argc == 4) {
    struct sockaddr_in own = address_of("0.0.0.0", argv[3]);
    REQUIRE(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
  }
  ask();
  emscripten_set_main_loop(look, 0, 0);
  return 0;
}
