// A TCP server: serves one client after the other, to each what it says, until one says "end".
#include "bridge.h"

static int serve(int fd) {
  char text[64];
  int ended = 0;
  for (;;) {
    ssize_t count = recv(fd, text, sizeof text, 0);
    REQUIRE(count >= 0);
    if (count == 0) {
      close_socket(fd);
      return ended;
    }
    ended |= count == 3 && !memcmp(text, "end", 3);
    REQUIRE(send(fd, text, count, 0) == count);
  }
}

int main(int argc, char **argv) {
  REQUIRE(argc == 3);
  open_bridge(argv[1]);

  struct sockaddr_in address = address_of(LOOPBACK, argv[2]);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(listener >= 0);
  REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
  REQUIRE(listen(listener, 4) == 0);
  address = name_of(listener, getsockname);
  print_address("listening on", &address);

  for (int ended = 0; !ended;) {
    int fd = accept(listener, NULL, NULL);
    REQUIRE(fd >= 0);
    struct sockaddr_in peer = name_of(fd, getpeername);
    print_address("serving", &peer);
    ended = serve(fd);
  }
  close_socket(listener);
  return 0;
}
