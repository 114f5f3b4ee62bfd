// One address space: the device memory of a context, or its pinned host memory.
//
// Addresses are the process's own, handed out once and never again, so that use after release is always noticed.
// Fresh memory is full of NaN; on both sides of an allocation stand guard bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <shared_mutex>
#include <string>
#include <vector>

namespace emulated {

class Memory {
  public:
    // what: how messages call an allocation here.
    explicit Memory(const char *what) : what_(what) {}
    ~Memory();
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    // 0 if the address space is used up. Aligned to 512 bytes.
    uint64_t allocate(size_t bytes);

    enum class Released { well, unknown, overrun };
    // Overrun: the allocation is released, and what was found in its guards has been reported on stderr.
    Released release(uint64_t address);

    // The allocation around an address, as [*from, *to).
    bool range(uint64_t address, uint64_t *from, uint64_t *to) const;
    // Whether all of these bytes are in one allocation.
    bool holds(uint64_t address, size_t bytes) const;

    // Looks at the guards of all allocations and reports on stderr; false if any was written.
    bool guards_are_whole() const;

    // Releases all.
    void clear();

    // In units of allocation (bytes_of).
    size_t used() const;
    static size_t bytes_of(size_t bytes);

  private:
    bool check(uint64_t address, size_t bytes) const;

    const char *what_;
    mutable std::shared_mutex lock_;  // kernels ask for ranges while other threads allocate
    std::map<uint64_t, size_t> allocations_;
    size_t used_ = 0;
    char *reserved_ = nullptr;
    size_t next_ = 0;
};

// A pattern that is NaN as float32, bfloat16 and float16, and as an int32 an index far out of any range.
void poison(void *at, size_t bytes);

}  // namespace emulated
