// What calls fail with is Emscripten's errno, and options mean what POSIX says.
#include <emscripten.h>
#include <sys/time.h>

#include "bridge.h"

static void refused(const char *port) {
  struct sockaddr_in address = address_of(LOOPBACK, port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == -1);
  REQUIRE(errno == ECONNREFUSED);
  printf("connect: %s\n", strerror(errno));
  close_socket(fd);
}

static void forbidden(void) {
  struct sockaddr_in address = address_of("169.254.169.254", "80"); // is never dialled
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == -1);
  REQUIRE(errno == EACCES);
  close_socket(fd);
  REQUIRE(send(fd, "x", 1, 0) == -1);
  REQUIRE(errno == EBADF);
}

static void options(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0);
  REQUIRE(type == SOCK_STREAM && size == sizeof type);
  int error = -1;
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  REQUIRE(error == 0);
  REQUIRE(setsockopt(fd, SOL_SOCKET, 9999, &type, sizeof type) == -1);
  REQUIRE(errno == ENOPROTOOPT);
}

// Emscripten's client asks for a name with an empty message where the buffer is smaller than 256 bytes.
static void small_buffer(int fd) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  REQUIRE(getsockname(fd, (struct sockaddr *)&address, &size) == -1);
  REQUIRE(errno == EOPNOTSUPP);
  REQUIRE(getpeername(fd, (struct sockaddr *)&address, &size) == -1);
  REQUIRE(errno == EOPNOTSUPP);
}

static void timeout(int fd) {
  struct timeval wait = {.tv_usec = 150000}, stored = {0};
  socklen_t size = sizeof stored;
  REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stored, &size) == 0);
  REQUIRE(size == sizeof stored && stored.tv_sec == 0 && stored.tv_usec == 150000);

  char byte;
  double began = emscripten_get_now();
  REQUIRE(recv(fd, &byte, 1, 0) == -1);
  REQUIRE(errno == EAGAIN);
  REQUIRE(emscripten_get_now() - began >= 149);
  REQUIRE(recv(fd, &byte, 1, MSG_DONTWAIT) == -1);
  REQUIRE(errno == EAGAIN);
  printf("recv: %s\n", strerror(errno));

  REQUIRE(send(fd, "x", 1, 0) == 1);
  REQUIRE(recv(fd, &byte, 1, 0) == 1);
}

int main(int argc, char **argv) {
  REQUIRE(argc == 4);
  open_bridge(argv[1]);
  refused(argv[2]);
  forbidden();
  int fd = connect_to(LOOPBACK, argv[3]);
  options(fd);
  small_buffer(fd);
  timeout(fd);
  close_socket(fd);
  return 0;
}
