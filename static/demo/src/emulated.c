/* Talks over TCP to a server that answers in capitals, by sockets that Emscripten emulates with a WebSocket.
 *
 * Such sockets never block: callbacks say when something has come. The page says in Module.websocket.url
 * which WebSocket leads to HOST and PORT.
 *
 * Flags (emulated.flags): emulated sockets need none; EXIT_RUNTIME lets Module.onExit report the end;
 * MODULARIZE lets the page run it again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <emscripten/emscripten.h>
#include "text.h"

static char buffer[LOAD_BYTES];
static double times[LINES], sent_at;
static int lines, sent, received;  /* lines that came back; bytes of the text both ways */
static int fd, done;

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    close(fd);
    emscripten_force_exit(1);
}

/* A line after the other, each once the last one is back; then the rest at once. */
static void send_next(void) {
    int bytes = lines < LINES ? LINE_BYTES : LOAD_BYTES;
    write_text(buffer, sent, sent + bytes);
    sent_at = emscripten_get_now();
    if (send(fd, buffer, bytes, 0) != bytes) fail(strerror(errno));
    sent += bytes;
}

static void on_open(int opened, void *unused) {
    (void)opened, (void)unused;
    printf("Connected after %.1f ms.\n", emscripten_get_now() - sent_at);
    send_next();
}

static void on_all_back(void) {
    double took = emscripten_get_now() - sent_at;
    if (lines < LINES) {
        times[lines++] = took;
        if (lines == LINES) printf("%d lines came back in capitals, each in %.1f ms (median).\n", LINES, median(times, LINES));
        send_next();
    } else {
        printf("%d KiB came back in capitals in %.1f ms.\n", LOAD_BYTES >> 10, took);
        done = 1;
        close(fd);
    }
}

static void on_message(int from, void *unused) {
    (void)from, (void)unused;
    ssize_t bytes = recv(fd, buffer, sizeof buffer, 0);
    if (bytes <= 0) return;
    if (received + bytes > sent || !is_in_capitals(buffer, received, received + bytes))
        fail("The answer is not what was sent, in capitals.");
    received += bytes;
    if (received == sent) on_all_back();
}

static void on_error(int from, int error, const char *message, void *unused) {
    (void)from, (void)error, (void)unused;
    fail(message);
}

static void on_close(int closed, void *unused) {
    (void)closed, (void)unused;
    if (!done) fail("The connection was closed too early.");
    emscripten_force_exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) return 2;
    emscripten_set_socket_open_callback(NULL, on_open);
    emscripten_set_socket_message_callback(NULL, on_message);
    emscripten_set_socket_error_callback(NULL, on_error);
    emscripten_set_socket_close_callback(NULL, on_close);
    printf("Connecting to %s port %s.\n", argv[1], argv[2]);
    sent_at = emscripten_get_now();
    fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) fail(strerror(errno));
    return 0;
}
