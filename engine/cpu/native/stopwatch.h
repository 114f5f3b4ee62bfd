// Time spent, for profiles.
#pragma once
#include <chrono>
#include <cstdint>

namespace vbge {

// Adds the nanoseconds of a scope to a counter that threads share, or to none.
class Stopwatch {
  public:
    explicit Stopwatch(int64_t *into) : into_(into), began_(into == nullptr ? 0 : now()) {}
    ~Stopwatch() {
        if (into_ != nullptr) __atomic_fetch_add(into_, now() - began_, __ATOMIC_RELAXED);
    }
    Stopwatch(const Stopwatch &) = delete;
    Stopwatch &operator=(const Stopwatch &) = delete;

  private:
    static int64_t now() {
        using namespace std::chrono;
        return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
    }
    int64_t *into_, began_;
};

}  // namespace vbge
