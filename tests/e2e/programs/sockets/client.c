// A TCP client: resolves a name, connects, says something in two pieces, hears it back, and then the end.
#include <netdb.h>

#include "bridge.h"

int main(int argc, char **argv) {
  REQUIRE(argc == 3);
  open_bridge(argv[1]);

  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
  REQUIRE(getaddrinfo("localhost", argv[2], &hints, &found) == 0);
  int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
  REQUIRE(fd >= 0);
  REQUIRE(connect(fd, found->ai_addr, found->ai_addrlen) == 0);
  struct sockaddr_in peer = name_of(fd, getpeername);
  print_address("connected to", &peer);
  freeaddrinfo(found);

  char text[32] = "";
  REQUIRE(send(fd, "over and ", 9, 0) == 9);
  REQUIRE(send(fd, "back", 4, 0) == 4);
  REQUIRE(recv(fd, text, 13, MSG_WAITALL) == 13);
  printf("heard: %s\n", text);

  REQUIRE(shutdown(fd, SHUT_WR) == 0);
  REQUIRE(recv(fd, text, sizeof text, 0) == 0);
  puts("the end");
  close_socket(fd);
  return 0;
}
