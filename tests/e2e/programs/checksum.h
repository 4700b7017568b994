// Adler-32 (RFC 1950 section 8.2): short to write here, and zlib.adler32 in the tests.
#pragma once

#include <stddef.h>
#include <stdint.h>

static uint32_t adler32(uint32_t sum, const unsigned char *bytes, size_t count) {
  uint32_t low = sum & 0xffff, high = sum >> 16;
  for (size_t i = 0; i < count; i++) {
    low = (low + bytes[i]) % 65521;
    high = (high + low) % 65521;
  }
  return high << 16 | low;
}
