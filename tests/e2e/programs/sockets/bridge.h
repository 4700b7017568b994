// What a program with full POSIX sockets begins with: the WebSocket to the server that has them.
#pragma once

#include <emscripten/posix_socket.h>
#include <emscripten/threading.h>
#include <emscripten/websocket.h>

#include "address.h"

static inline void open_bridge(const char *url) {
  EMSCRIPTEN_WEBSOCKET_T bridge = emscripten_init_websocket_to_posix_socket_bridge(url);
  unsigned short state = 0;
  while (state == 0) {
    emscripten_thread_sleep(5);
    REQUIRE(emscripten_websocket_get_ready_state(bridge, &state) == EMSCRIPTEN_RESULT_SUCCESS);
  }
  REQUIRE(state == 1);
}

// Emscripten's client asks for names in a buffer of 256 bytes only.
static inline struct sockaddr_in name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
  char buffer[256];
  socklen_t size = sizeof buffer;
  struct sockaddr_in address;
  REQUIRE(get(fd, (struct sockaddr *)buffer, &size) == 0);
  REQUIRE(size == sizeof address);
  memcpy(&address, buffer, sizeof address);
  return address;
}

static inline int connect_to(const char *host, const char *port) {
  struct sockaddr_in address = address_of(host, port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

// shutdown is the only way to close a socket that Emscripten's client passes on.
static inline void close_socket(int fd) {
  REQUIRE(shutdown(fd, SHUT_RDWR) == 0);
}
