/* Sends text and binary messages to an echo, compares what comes back, and times it.
 *
 * Flags (echo.flags): websocket.js is Emscripten's WebSockets API; EXIT_RUNTIME lets Module.onExit report
 * the end; MODULARIZE lets the page run it again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <emscripten/emscripten.h>
#include <emscripten/html5.h>
#include <emscripten/websocket.h>
#include "text.h"

enum { TEXTS = LINES, NORMAL_CLOSURE = 1000 };

static char text[64];  /* the message under way */
static uint8_t *binary;
static double times[TEXTS], sent_at;
static int received, exit_code = 1;

static void end(void *unused) {
    (void)unused;
    emscripten_force_exit(exit_code);
}

static void send_next(EMSCRIPTEN_WEBSOCKET_T socket) {
    if (received < TEXTS) {
        snprintf(text, sizeof text, "Message %d of %d: \xc2\xa1hola! \xe2\x9c\x93", received + 1, TEXTS);
        sent_at = emscripten_get_now();
        emscripten_websocket_send_utf8_text(socket, text);
    } else if (received == TEXTS) {
        sent_at = emscripten_get_now();
        emscripten_websocket_send_binary(socket, binary, LOAD_BYTES);
    } else {
        emscripten_websocket_close(socket, NORMAL_CLOSURE, "Done.");
    }
}

static EM_BOOL on_open(int type, const EmscriptenWebSocketOpenEvent *event, void *unused) {
    (void)type, (void)unused;
    printf("Connected after %.1f ms.\n", emscripten_get_now() - sent_at);
    send_next(event->socket);
    return EM_TRUE;
}

static int is_echo(const EmscriptenWebSocketMessageEvent *event) {
    if (received < TEXTS) return event->isText && strcmp((char *)event->data, text) == 0;
    return !event->isText && event->numBytes == LOAD_BYTES && memcmp(event->data, binary, LOAD_BYTES) == 0;
}

static EM_BOOL on_message(int type, const EmscriptenWebSocketMessageEvent *event, void *unused) {
    (void)type, (void)unused;
    double took = emscripten_get_now() - sent_at;
    if (!is_echo(event)) {
        fprintf(stderr, "Message %d did not come back as it was sent.\n", received + 1);
        emscripten_websocket_close(event->socket, NORMAL_CLOSURE, NULL);
        return EM_TRUE;
    }
    if (received < TEXTS) times[received] = took;
    received++;
    if (received == TEXTS) printf("Text: %d messages came back, each in %.1f ms (median).\n", TEXTS, median(times, TEXTS));
    if (received > TEXTS) printf("Binary: %d KiB came back byte for byte in %.1f ms.\n", LOAD_BYTES >> 10, took);
    send_next(event->socket);
    return EM_TRUE;
}

static EM_BOOL on_close(int type, const EmscriptenWebSocketCloseEvent *event, void *unused) {
    (void)type, (void)unused;
    printf("Closed %s with code %d.\n", event->wasClean ? "cleanly" : "without a closing handshake", event->code);
    if (received <= TEXTS) fprintf(stderr, "Only %d of %d messages came back.\n", received, TEXTS + 1);
    exit_code = received > TEXTS && event->wasClean && event->code == NORMAL_CLOSURE ? 0 : 1;
    /* The exit throws in JavaScript: what is called later catches it, the event of a WebSocket does not. */
    emscripten_set_timeout(end, 0, NULL);
    return EM_TRUE;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    binary = malloc(LOAD_BYTES);
    for (int i = 0; i < LOAD_BYTES; i++) binary[i] = i * 31 >> 3;
    EmscriptenWebSocketCreateAttributes attributes = {.url = argv[1], .createOnMainThread = EM_TRUE};
    sent_at = emscripten_get_now();
    EMSCRIPTEN_WEBSOCKET_T socket = emscripten_websocket_new(&attributes);
    if (socket <= 0) return 1;
    emscripten_websocket_set_onopen_callback(socket, NULL, on_open);
    emscripten_websocket_set_onmessage_callback(socket, NULL, on_message);
    emscripten_websocket_set_onclose_callback(socket, NULL, on_close);
    emscripten_exit_with_live_runtime();
}
