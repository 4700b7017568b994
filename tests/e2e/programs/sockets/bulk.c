// Sends TOTAL bytes in pieces of PIECE while another thread receives the echo, each with its digest.
#include <pthread.h>

#include "../checksum.h"
#include "bridge.h"
#include "pattern.h"

static int fd;
static size_t total, piece;

static void *send_all(void *unused) {
  unsigned char *bytes = malloc(piece);
  uint32_t digest = 1;
  for (size_t sent = 0; sent < total; sent += piece) {
    fill(bytes, piece);
    digest = adler32(digest, bytes, piece);
    REQUIRE(send(fd, bytes, piece, 0) == piece);
  }
  REQUIRE(shutdown(fd, SHUT_WR) == 0);
  printf("sent: %08x\n", digest);
  free(bytes);
  return NULL;
}

int main(int argc, char **argv) {
  REQUIRE(argc == 5);
  open_bridge(argv[1]);
  fd = connect_to(LOOPBACK, argv[2]);
  total = atoi(argv[3]);
  piece = atoi(argv[4]);

  pthread_t sender;
  REQUIRE(pthread_create(&sender, NULL, send_all, NULL) == 0);
  static unsigned char bytes[1 << 18];
  uint32_t digest = 1;
  size_t received = 0;
  for (ssize_t count; (count = recv(fd, bytes, sizeof bytes, 0)); received += count) {
    REQUIRE(count > 0);
    digest = adler32(digest, bytes, count);
  }
  REQUIRE(pthread_join(sender, NULL) == 0);
  REQUIRE(received == total);
  printf("received: %08x\n", digest);
  close_socket(fd);
  return 0;
}
