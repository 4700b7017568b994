// The WebSockets API: sends text and binary to an echo, then closes with a CODE and a REASON, or with none.
#include <emscripten.h>
#include <emscripten/websocket.h>

#include "require.h"

static unsigned char binary[256];
static const char *text;
static int heard, code;
static const char *reason;

static EM_BOOL opened(int type, const EmscriptenWebSocketOpenEvent *event, void *data) {
  char protocol[32];
  REQUIRE(!emscripten_websocket_get_protocol(event->socket, protocol, sizeof protocol));
  printf("opened, protocol '%s'\n", protocol);
  for (int i = 0; i < sizeof binary; i++) {
    binary[i] = i;
  }
  REQUIRE(!emscripten_websocket_send_utf8_text(event->socket, text));
  REQUIRE(!emscripten_websocket_send_binary(event->socket, binary, sizeof binary));
  REQUIRE(!emscripten_websocket_send_binary(event->socket, binary, 0));
  return EM_TRUE;
}

static EM_BOOL received(int type, const EmscriptenWebSocketMessageEvent *event, void *data) {
  if (event->isText) { // numBytes counts the NUL too
    printf("text: %s, %s\n", event->data, strcmp((char *)event->data, text) ? "changed" : "as sent");
  } else {
    int same = event->numBytes <= sizeof binary && !memcmp(event->data, binary, event->numBytes);
    printf("binary: %u bytes, %s\n", event->numBytes, same ? "as sent" : "changed");
  }
  if (++heard == 3) {
    REQUIRE(!emscripten_websocket_close(event->socket, code, reason));
  }
  return EM_TRUE;
}

static EM_BOOL failed(int type, const EmscriptenWebSocketErrorEvent *event, void *data) {
  puts("error");
  return EM_TRUE;
}

// Callbacks of WebSockets let the exception through by which a program exits.
static void end(void *unused) {
  emscripten_force_exit(0);
}

static EM_BOOL closed(int type, const EmscriptenWebSocketCloseEvent *event, void *data) {
  printf("closed: clean %d, code %d, reason '%s'\n", event->wasClean, event->code, event->reason);
  REQUIRE(!emscripten_websocket_delete(event->socket));
  emscripten_async_call(end, NULL, 0);
  return EM_TRUE;
}

int main(int argc, char **argv) {
  REQUIRE(argc >= 3 && argc <= 6);
  text = argv[2];
  code = argc > 3 ? atoi(argv[3]) : 0;
  reason = argc > 4 ? argv[4] : NULL;
  EmscriptenWebSocketCreateAttributes attributes;
  emscripten_websocket_init_create_attributes(&attributes);
  attributes.url = argv[1];
  attributes.protocols = argc > 5 ? argv[5] : NULL;
  EMSCRIPTEN_WEBSOCKET_T socket = emscripten_websocket_new(&attributes);
  REQUIRE(socket > 0);
  emscripten_websocket_set_onopen_callback(socket, NULL, opened);
  emscripten_websocket_set_onmessage_callback(socket, NULL, received);
  emscripten_websocket_set_onerror_callback(socket, NULL, failed);
  emscripten_websocket_set_onclose_callback(socket, NULL, closed);
  emscripten_exit_with_live_runtime();
}
