// Sends TOTAL bytes over an emulated socket and receives their echo, each with its digest.
#include "../checksum.h"
#include "emulated.h"
#include "pattern.h"

static int fd;
static size_t total, sent, received;
static uint32_t digest_sent = 1, digest_received = 1;
static unsigned char bytes[1 << 16];

static void look(void) {
  for (int pieces = 0; sent < total && pieces < 16 && is_ready(fd, 1); pieces++) {
    size_t size = total - sent < sizeof bytes ? total - sent : sizeof bytes;
    fill(bytes, size);
    digest_sent = adler32(digest_sent, bytes, size);
    REQUIRE(send(fd, bytes, size, 0) == size);
    sent += size;
  }
  while (received < total && is_ready(fd, 0)) {
    ssize_t count = recv(fd, bytes, sizeof bytes, 0);
    REQUIRE(count > 0);
    digest_received = adler32(digest_received, bytes, count);
    received += count;
  }
  if (received == total) {
    printf("sent: %08x\nreceived: %08x\n", digest_sent, digest_received);
    REQUIRE(close(fd) == 0);
    emscripten_cancel_main_loop();
  }
}

int main(int argc, char **argv) {
  REQUIRE(argc == 4);
  fd = begin_to_connect(argv[1], argv[2]);
  total = atoi(argv[3]);
  emscripten_set_main_loop(look, 0, 0);
  return 0;
}
