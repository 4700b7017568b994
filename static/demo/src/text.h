/* What the programs say to a server that answers in capitals, how they judge its answer, and for how long it took. */
#include <ctype.h>
#include <stdlib.h>

enum { LINES = 20, LINE_BYTES = 64, LOAD_BYTES = 256 << 10 };

/* Bytes `from` to `to` of a text that has no end and no two lines alike. */
static inline void write_text(char *text, int from, int to) {
    for (int i = from; i < to; i++) {
        int line = i / LINE_BYTES, column = i % LINE_BYTES;
        text[i - from] = column == LINE_BYTES - 1 ? '\n' : 'a' + (line * 7 + column) % 26;
    }
}

/* Whether `answer` is that part of the text, in capitals. */
static inline int is_in_capitals(const char *answer, int from, int to) {
    for (int i = from; i < to; i++) {
        char sent;
        write_text(&sent, i, i + 1);
        if (answer[i - from] != toupper(sent)) return 0;
    }
    return 1;
}

static inline int compare_times(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static inline double median(double *times, int count) {
    qsort(times, count, sizeof *times, compare_times);
    return times[count / 2];
}
