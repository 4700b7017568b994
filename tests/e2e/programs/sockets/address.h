// IPv4 addresses from text, and as text.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "require.h"

#define LOOPBACK "127.0.0.1"

static inline struct sockaddr_in address_of(const char *host, const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  REQUIRE(inet_pton(AF_INET, host, &address.sin_addr) == 1);
  return address;
}

static inline void print_address(const char *name, const struct sockaddr_in *address) {
  printf("%s %s:%d\n", name, inet_ntoa(address->sin_addr), ntohs(address->sin_port));
}
