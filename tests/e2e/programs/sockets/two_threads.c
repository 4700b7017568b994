// One thread waits in recv before anything was sent, while another sends on the same socket.
#include <pthread.h>
#include <stdatomic.h>

#include "bridge.h"

enum { MESSAGES = 200 };

static int fd;
static atomic_int receiving;

static void *receive(void *unused) {
  for (int i = 0; i < MESSAGES; i++) {
    char text[9] = "";
    receiving = 1;
    REQUIRE(recv(fd, text, 8, MSG_WAITALL) == 8);
    REQUIRE(atoi(text) == i);
  }
  return NULL;
}

int main(int argc, char **argv) {
  REQUIRE(argc == 3);
  open_bridge(argv[1]);
  fd = connect_to(LOOPBACK, argv[2]);

  pthread_t receiver;
  REQUIRE(pthread_create(&receiver, NULL, receive, NULL) == 0);
  while (!receiving) {
    emscripten_thread_sleep(1);
  }
  emscripten_thread_sleep(50); // for the call to be under way
  for (int i = 0; i < MESSAGES; i++) {
    char text[9];
    snprintf(text, sizeof text, "%08d", i);
    REQUIRE(send(fd, text, 8, 0) == 8);
  }
  REQUIRE(pthread_join(receiver, NULL) == 0);
  printf("received %d\n", MESSAGES);
  close_socket(fd);
  return 0;
}
