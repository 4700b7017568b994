// Shows that threads run: 4 of them add up 0 to 99 in memory that they share.
#include <emscripten.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, NUMBERS = 100 };

static atomic_int total, isolated_threads;

static void *add_quarter(void *first) {
  for (int number = (int)(size_t)first; number < NUMBERS; number += THREADS) {
    total += number;
  }
  isolated_threads += EM_ASM_INT({ return self.crossOriginIsolated; });
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, add_quarter, (void *)i)) {
      printf("no thread %d\n", (int)i);
      return 1;
    }
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  printf("sum %d threads: %d\n", THREADS, total);
  printf("cross-origin isolated threads: %d\n", isolated_threads);
  printf("cross-origin isolated page: %d\n", MAIN_THREAD_EM_ASM_INT({ return self.crossOriginIsolated; }));
  return 0;
}
