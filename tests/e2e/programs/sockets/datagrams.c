// UDP both ways: asks a peer and hears its answer, then waits for somebody's question and answers it.
#include "bridge.h"

static void hear(int fd, const char *what, struct sockaddr_in *from) {
  char text[2048];
  socklen_t size = sizeof *from;
  ssize_t count = recvfrom(fd, text, sizeof text, 0, (struct sockaddr *)from, &size);
  REQUIRE(count >= 0);
  REQUIRE(size == sizeof *from);
  printf("%s: %zd bytes, '%.*s'\n", what, count, (int)(count < 40 ? count : 0), text);
}

int main(int argc, char **argv) {
  REQUIRE(argc == 3);
  open_bridge(argv[1]);

  struct sockaddr_in peer = address_of(LOOPBACK, argv[2]), own = address_of(LOOPBACK, "0"), from;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  REQUIRE(fd >= 0);
  REQUIRE(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);

  static char big[1400];
  memset(big, 'x', sizeof big);
  REQUIRE(sendto(fd, "question", 8, 0, (struct sockaddr *)&peer, sizeof peer) == 8);
  hear(fd, "answer", &from);
  REQUIRE(from.sin_port == peer.sin_port && from.sin_addr.s_addr == peer.sin_addr.s_addr);
  REQUIRE(sendto(fd, big, sizeof big, 0, (struct sockaddr *)&peer, sizeof peer) == sizeof big);
  hear(fd, "big answer", &from);
  REQUIRE(sendto(fd, "", 0, 0, (struct sockaddr *)&peer, sizeof peer) == 0);
  hear(fd, "empty answer", &from);

  own = name_of(fd, getsockname);
  print_address("bound to", &own);
  hear(fd, "asked", &from);
  REQUIRE(sendto(fd, "here", 4, 0, (struct sockaddr *)&from, sizeof from) == 4);
  close_socket(fd);
  return 0;
}
