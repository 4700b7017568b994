/* Counts the primes below LIMIT on one thread and on four, and measures both.
 *
 * Flags (threads.flags): PROXY_TO_PTHREAD runs main() in a worker, so that the page stays responsive
 * while it waits in pthread_join; the pool holds main and the four, so that no time is lost in starting
 * workers; EXIT_RUNTIME lets Module.onExit report the end; MODULARIZE lets the page run it again.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <emscripten/emscripten.h>
#include <emscripten/threading.h>

enum { LIMIT = 2000000, PRIMES_BELOW_LIMIT = 148933, THREADS = 4, ROUNDS = 3 };

typedef struct {
    pthread_t thread;
    int first, step;  /* judges first, first + step, first + 2 step ... */
    int primes;
} Share;

static int is_prime(int odd) {
    for (int divisor = 3; divisor * divisor <= odd; divisor += 2)
        if (odd % divisor == 0) return 0;
    return 1;
}

static void *count_share(void *argument) {
    Share *share = argument;
    int primes = share->first == 3;  /* 2, the only even prime, goes with 3 */
    for (int odd = share->first; odd < LIMIT; odd += share->step) primes += is_prime(odd);
    share->primes = primes;
    return NULL;
}

/* Deals the odd numbers out to the threads in turn, so that each has as many large ones as the others. */
static void start(Share *shares, int threads) {
    for (int i = 0; i < threads; i++) {
        shares[i].first = 3 + 2 * i;
        shares[i].step = 2 * threads;
        if (pthread_create(&shares[i].thread, NULL, count_share, &shares[i]) != 0) {
            fprintf(stderr, "Thread %d could not be started.\n", i + 1);
            exit(1);
        }
    }
}

static int join(Share *shares, int threads) {
    int primes = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(shares[i].thread, NULL);
        primes += shares[i].primes;
    }
    return primes;
}

/* Returns the primes found; lowers *best to the milliseconds it took, where those are fewer. */
static int count(Share *shares, int threads, double *best) {
    double begin = emscripten_get_now();
    start(shares, threads);
    int primes = join(shares, threads);
    double took = emscripten_get_now() - begin;
    if (took < *best) *best = took;
    return primes;
}

int main(void) {
    Share alone, shares[THREADS];
    double one = 1e9, four = 1e9;
    int primes_of_one = 0, primes = 0;
    printf("Counting the primes below %d; %d logical cores here.\n", LIMIT, emscripten_num_logical_cores());
    /* In turn, and the best of each: the engine is still optimising the code during the first round. */
    for (int round = 0; round < ROUNDS; round++) {
        primes_of_one = count(&alone, 1, &one);
        primes = count(shares, THREADS, &four);
    }
    for (int i = 0; i < THREADS; i++) printf("Thread %d found %d.\n", i + 1, shares[i].primes);
    printf("Total: %d primes.\n", primes);
    printf("1 thread: %.0f ms; %d threads: %.0f ms; %.1f times as fast (best of %d).\n",
           one, THREADS, four, one / four, ROUNDS);
    return primes == PRIMES_BELOW_LIMIT && primes_of_one == PRIMES_BELOW_LIMIT ? 0 : 1;
}
