// An exception that nobody catches, from a function that has a name.
#include <cstdio>
#include <stdexcept>

__attribute__((noinline)) void fall_over(int argc) {
  std::puts("before the exception");
  if (argc > 0) throw std::runtime_error("out of cheese");
}

int main(int argc, char **) {
  fall_over(argc);
  std::puts("not reached");
}
