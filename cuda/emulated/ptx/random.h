// Small random numbers for orders of execution: the same on every machine for the same seed.
#pragma once

#include <cstdint>

namespace ptx {

// splitmix64 (Steele, Lea and Flood, 2014).
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // Below n, which is small.
    uint64_t below(uint64_t n) { return next() % n; }

  private:
    uint64_t state_;
};

}  // namespace ptx
