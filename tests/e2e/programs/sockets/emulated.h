// What emulated sockets share: they never wait, connections come about while the page's loop turns.
#pragma once

#include <emscripten.h>
#include <fcntl.h>
#include <sys/select.h>
#include <unistd.h>

#include "address.h"

static inline int begin_to_connect(const char *host, const char *port) {
  struct sockaddr_in address = address_of(host, port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  REQUIRE(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
  return fd;
}

static inline int is_ready(int fd, int writing) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  int count = writing ? select(fd + 1, NULL, &set, NULL, NULL) : select(fd + 1, &set, NULL, NULL, NULL);
  REQUIRE(count >= 0);
  return FD_ISSET(fd, &set);
}

static inline int error_of(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  return error;
}
