// Bytes that repeat themselves only after 4 GiB, so that a digest notices every piece out of place.
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline void fill(unsigned char *bytes, size_t count) {
  static uint32_t state = 1;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    bytes[i] = state >> 24;
  }
}
