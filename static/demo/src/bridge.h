/* The WebSocket that carries a program's socket calls to a POSIX proxy. */
#include <stdio.h>
#include <emscripten/threading.h>
#include <emscripten/websocket.h>

/* Emscripten has no header for it. */
EMSCRIPTEN_WEBSOCKET_T emscripten_init_websocket_to_posix_socket_bridge(const char *url);

/* Returns whether the proxy answers: socket calls before that would wait for ever. */
static int open_bridge(const char *url) {
    EMSCRIPTEN_WEBSOCKET_T bridge = emscripten_init_websocket_to_posix_socket_bridge(url);
    unsigned short state;
    do {
        emscripten_thread_sleep(1);
        emscripten_websocket_get_ready_state(bridge, &state);
    } while (state == 0);  /* CONNECTING; OPEN is 1 */
    if (state != 1) fprintf(stderr, "No WebSocket to %s.\n", url);
    return state == 1;
}

/* The proxy closes with it every socket that is left. */
static void close_bridge(void) {
    emscripten_websocket_deinitialize();
}
