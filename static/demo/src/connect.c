/* Resolves a name, connects, and talks to a server that answers in capitals: blocking calls, as on any POSIX system.
 *
 * Flags (connect.flags): PROXY_POSIX_SOCKETS sends each call over the WebSocket that bridge.h opens;
 * PROXY_TO_PTHREAD runs main() in a worker, where it may wait; EXIT_RUNTIME lets Module.onExit report the
 * end; MODULARIZE lets the page run it again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <emscripten/emscripten.h>
#include "bridge.h"
#include "text.h"

static char buffer[LOAD_BYTES];

static int failed(const char *call) {
    fprintf(stderr, "%s: %s.\n", call, strerror(errno));
    return 1;
}

static const char *written(const struct addrinfo *found) {
    static char text[INET6_ADDRSTRLEN];
    const void *address = found->ai_family == AF_INET6
        ? (void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr
        : (void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr;
    return inet_ntop(found->ai_family, address, text, sizeof text);
}

static void print_addresses(const char *name, const struct addrinfo *found) {
    printf("%s is ", name);
    for (; found; found = found->ai_next) printf("%s%s", written(found), found->ai_next ? " and " : ".\n");
}

/* Returns a socket connected to the first address that answers, or -1. */
static int connect_to_any(const struct addrinfo *found, const char *port) {
    for (; found; found = found->ai_next) {
        int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
        double begin = emscripten_get_now();
        if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0) {
            printf("Connected to %s port %s in %.1f ms.\n", written(found), port, emscripten_get_now() - begin);
            return fd;
        }
        shutdown(fd, SHUT_RDWR);  /* closes: through the proxy close() does not */
    }
    return -1;
}

/* Receives that part of the text; returns whether it came in capitals. */
static int receive(int fd, int from, int to) {
    while (from < to) {
        ssize_t bytes = recv(fd, buffer, to - from, 0);
        if (bytes <= 0 || !is_in_capitals(buffer, from, from + bytes)) return 0;
        from += bytes;
    }
    return 1;
}

static int exchange_lines(int fd) {
    double times[LINES];
    for (int i = 0; i < LINES; i++) {
        int from = i * LINE_BYTES, to = from + LINE_BYTES;
        write_text(buffer, from, to);
        double begin = emscripten_get_now();
        if (send(fd, buffer, LINE_BYTES, 0) != LINE_BYTES || !receive(fd, from, to)) return 0;
        times[i] = emscripten_get_now() - begin;
    }
    printf("%d lines came back in capitals, each in %.1f ms (median).\n", LINES, median(times, LINES));
    return 1;
}

static int exchange_load(int fd) {
    int from = LINES * LINE_BYTES, to = from + LOAD_BYTES;
    char beyond;
    write_text(buffer, from, to);
    double begin = emscripten_get_now();
    if (send(fd, buffer, LOAD_BYTES, 0) != LOAD_BYTES || shutdown(fd, SHUT_WR) != 0) return 0;
    if (!receive(fd, from, to) || recv(fd, &beyond, 1, 0) != 0) return 0;
    printf("%d KiB and the end of the stream came back in %.1f ms.\n", LOAD_BYTES >> 10, emscripten_get_now() - begin);
    return 1;
}

static int talk(const char *name, const char *port) {
    struct addrinfo *found, hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(name, port, &hints, &found);
    if (error != 0) {
        fprintf(stderr, "getaddrinfo: %s.\n", gai_strerror(error));
        return 1;
    }
    print_addresses(name, found);
    int fd = connect_to_any(found, port);
    if (fd < 0) return failed("connect");
    if (!exchange_lines(fd) || !exchange_load(fd)) return failed("The conversation");
    shutdown(fd, SHUT_RDWR);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int code = open_bridge(argv[1]) ? talk(argv[2], argv[3]) : 1;
    close_bridge();
    return code;
}
