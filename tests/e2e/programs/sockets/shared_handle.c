// Two pthreads send over one WebSocket that a third has opened: everything comes back, in each one's order.
#include <emscripten.h>
#include <emscripten/threading.h>
#include <emscripten/websocket.h>
#include <pthread.h>
#include <stdatomic.h>

#include "require.h"

enum { SENDERS = 2, MESSAGES = 100 };

static EMSCRIPTEN_WEBSOCKET_T handle;
static atomic_int received[SENDERS], closed_with;

static EM_BOOL on_message(int type, const EmscriptenWebSocketMessageEvent *event, void *data) {
  REQUIRE(event->numBytes == 2);
  int sender = event->data[0];
  REQUIRE(sender < SENDERS && event->data[1] == received[sender]);
  received[sender]++;
  return EM_TRUE;
}

static EM_BOOL on_close(int type, const EmscriptenWebSocketCloseEvent *event, void *data) {
  closed_with = event->code;
  return EM_TRUE;
}

static void *send_all(void *sender) {
  for (int i = 0; i < MESSAGES; i++) {
    unsigned char message[] = {(int)(intptr_t)sender, i};
    REQUIRE(!emscripten_websocket_send_binary(handle, message, sizeof message));
  }
  return NULL;
}

int main(int argc, char **argv) {
  REQUIRE(argc == 2);
  EmscriptenWebSocketCreateAttributes attributes;
  emscripten_websocket_init_create_attributes(&attributes);
  attributes.url = argv[1];
  handle = emscripten_websocket_new(&attributes);
  REQUIRE(handle > 0);
  emscripten_websocket_set_onmessage_callback_on_thread(
      handle, NULL, on_message, EM_CALLBACK_THREAD_CONTEXT_MAIN_BROWSER_THREAD);
  emscripten_websocket_set_onclose_callback_on_thread(
      handle, NULL, on_close, EM_CALLBACK_THREAD_CONTEXT_MAIN_BROWSER_THREAD);
  unsigned short state = 0;
  while (state == 0) {
    emscripten_thread_sleep(5);
    REQUIRE(!emscripten_websocket_get_ready_state(handle, &state));
  }
  REQUIRE(state == 1);

  pthread_t senders[SENDERS];
  for (int i = 0; i < SENDERS; i++) {
    REQUIRE(pthread_create(&senders[i], NULL, send_all, (void *)(intptr_t)i) == 0);
  }
  for (int i = 0; i < SENDERS; i++) {
    REQUIRE(pthread_join(senders[i], NULL) == 0);
    while (received[i] < MESSAGES) {
      emscripten_thread_sleep(5);
    }
    printf("sender %d: %d came back\n", i, received[i]);
  }
  REQUIRE(!emscripten_websocket_close(handle, 4001, "done"));
  while (!closed_with) {
    emscripten_thread_sleep(5);
  }
  printf("closed with %d\n", closed_with);
  return 0;
}
