// Faults on demand: VBGE_EMULATED_FAULT=what@n[,what@n...], n counted from 1 since the context was created.
//
//   oom@n     the n-th device allocation fails
//   launch@n  the n-th kernel launch (a library's product is one too) ends in CUDA_ERROR_LAUNCH_FAILED
//   hang@n    the n-th kernel launch never ends
//   nan@n     the n-th kernel launch writes one NaN among its results
//   lost@n    from the n-th call that touches the device on, every call fails
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace emulated {

class Faults {
  public:
    // Aborts on a text that it does not understand.
    explicit Faults(const std::string &text);

    enum class Launch { none, fail, hang, nan };

    bool next_allocation_fails();
    bool next_call_is_lost();
    Launch next_launch();

  private:
    bool planned(const char *what, uint64_t n) const;

    struct Fault {
        std::string what;
        uint64_t n;
    };
    std::vector<Fault> faults_;
    uint64_t allocations_ = 0, launches_ = 0, calls_ = 0;
};

}  // namespace emulated
