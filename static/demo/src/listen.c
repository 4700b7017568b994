/* A server in a page: listens on a port of the machine, and answers its visitors in capitals.
 *
 * Flags (listen.flags): as those of connect.c.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "bridge.h"

enum { PATIENCE_SECONDS = 10 };

/* Of this size, as getsockname() and getpeername() through the proxy never return with a smaller one:
 * https://github.com/emscripten-core/emscripten/issues/20691 */
typedef union {
    struct sockaddr any;
    struct sockaddr_in in;
    char bytes[256];
} Address;

static char buffer[64 << 10];

static int failed(const char *call) {
    fprintf(stderr, "%s: %s.\n", call, strerror(errno));
    return 1;
}

static void print_address(const char *what, const Address *address) {
    char text[INET_ADDRSTRLEN];
    printf("%s %s port %d.\n", what, inet_ntop(AF_INET, &address->in.sin_addr, text, sizeof text), ntohs(address->in.sin_port));
}

/* Returns a socket that listens on any free port of loopback, or -1. */
static int start_listening(void) {
    Address address = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return -1;
    if (bind(fd, &address.any, sizeof address.in) != 0 || listen(fd, 1) != 0) return -1;
    if (getsockname(fd, &address.any, &length) != 0) return -1;
    print_address("Listening on", &address);
    return fd;
}

/* Answers until the visitor has said all; returns how much that was, or -1. */
static long answer(int visitor) {
    Address address;
    socklen_t length = sizeof address;
    long total = 0;
    ssize_t bytes;
    if (getpeername(visitor, &address.any, &length) != 0) return -1;
    print_address("A visitor from", &address);
    while ((bytes = recv(visitor, buffer, sizeof buffer, 0)) > 0) {
        for (int i = 0; i < bytes; i++) buffer[i] = toupper(buffer[i]);
        if (send(visitor, buffer, bytes, 0) != bytes) return -1;
        total += bytes;
    }
    return bytes < 0 ? -1 : total;
}

static int serve(int visits) {
    int fd = start_listening();
    if (fd < 0) return failed("listen");
    for (; visits > 0; visits--) {
        int visitor = accept(fd, NULL, NULL);
        if (visitor < 0) return failed("accept");
        long bytes = answer(visitor);
        if (bytes < 0) return failed("The conversation");
        printf("It was answered: %ld bytes both ways.\n", bytes);
        shutdown(visitor, SHUT_RDWR);  /* closes: through the proxy close() does not */
    }
    shutdown(fd, SHUT_RDWR);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int code = open_bridge(argv[1]) ? serve(atoi(argv[2])) : 1;
    close_bridge();
    return code;
}
