// getaddrinfo: names, addresses, services, no name at all, and what there is no address for.
#include <netdb.h>

#include "bridge.h"

static void print(const char *node, const char *service, int flags, int family) {
  struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = SOCK_STREAM}, *found;
  int error = getaddrinfo(node, service, &hints, &found);
  printf("%s %s: ", node ? node : "no name", service ? service : "no service");
  if (error) {
    printf("%s\n", error == EAI_NONAME ? "EAI_NONAME" : gai_strerror(error));
    return;
  }
  char text[INET6_ADDRSTRLEN];
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)found->ai_addr;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)found->ai_addr;
  const void *address = found->ai_family == AF_INET6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr;
  REQUIRE(found->ai_socktype == SOCK_STREAM && found->ai_protocol == IPPROTO_TCP);
  printf("%s port %d", inet_ntop(found->ai_family, address, text, sizeof text), ntohs(v4->sin_port));
  printf("%s%s\n", *found->ai_canonname ? ", called " : "", found->ai_canonname);
  freeaddrinfo(found);
}

int main(int argc, char **argv) {
  REQUIRE(argc == 2);
  open_bridge(argv[1]);
  print("localhost", "80", AI_CANONNAME, AF_INET);
  print("127.0.0.2", "http", AI_NUMERICHOST, AF_UNSPEC);
  print("::1", NULL, AI_NUMERICHOST, AF_INET6);
  print(NULL, "81", AI_PASSIVE, AF_INET);
  print(NULL, "82", 0, AF_INET);
  print("no-address", "80", AI_NUMERICHOST, AF_UNSPEC);
  return 0;
}
