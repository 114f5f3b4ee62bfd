#include "memory.h"

#include <cstdio>
#include <cstring>
#include <mutex>

#include <sys/mman.h>

namespace emulated {

namespace {

constexpr size_t address_space = size_t(256) << 30;  // reserved, not used: pages exist once they are allocated
constexpr size_t page = 4096;
constexpr size_t guard = 512;  // before an allocation; after it, up to the page's end and at least as much
constexpr size_t unit = 512;
constexpr unsigned char guard_byte = 0xa5;

size_t up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }
size_t pages_of(size_t bytes) { return up(guard + bytes + guard, page); }

}  // namespace

void poison(void *at, size_t bytes) {
    auto *bytes_at = static_cast<unsigned char *>(at);
    const uint64_t pattern = 0x7fff7fff7fff7fffull;
    size_t i = 0;
    for (; i + sizeof pattern <= bytes; i += sizeof pattern) memcpy(bytes_at + i, &pattern, sizeof pattern);
    memcpy(bytes_at + i, &pattern, bytes - i);
}

Memory::~Memory() { clear(); }

void Memory::clear() {
    std::unique_lock<std::shared_mutex> lock(lock_);
    if (reserved_) munmap(reserved_, address_space);
    reserved_ = nullptr;
    next_ = used_ = 0;
    allocations_.clear();
}

size_t Memory::bytes_of(size_t bytes) { return up(bytes, unit); }

uint64_t Memory::allocate(size_t bytes) {
    std::unique_lock<std::shared_mutex> lock(lock_);
    if (!reserved_) {
        void *space = mmap(nullptr, address_space, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (space == MAP_FAILED) {
            perror("emulated driver: reserving addresses");
            return 0;
        }
        reserved_ = static_cast<char *>(space);
    }
    if (bytes > address_space) return 0;
    size_t size = pages_of(bytes);
    if (next_ + size + page > address_space) {
        fprintf(stderr, "emulated driver: all addresses of this context's %s have been used once\n", what_);
        return 0;
    }
    char *start = reserved_ + next_;
    if (mprotect(start, size, PROT_READ | PROT_WRITE) != 0) {
        perror("emulated driver: mapping memory");
        return 0;
    }
    next_ += size + page;  // one page that nobody can touch between two allocations
    memset(start, guard_byte, guard);
    poison(start + guard, bytes);
    memset(start + guard + bytes, guard_byte, size - guard - bytes);
    auto address = reinterpret_cast<uint64_t>(start + guard);
    allocations_[address] = bytes;
    used_ += bytes_of(bytes);
    return address;
}

bool Memory::check(uint64_t address, size_t bytes) const {
    const auto *at = reinterpret_cast<const unsigned char *>(address);
    const auto *end = at - guard + pages_of(bytes);
    for (const auto *p = at - guard; p < end; p++) {
        if (p == at) p += bytes;
        if (p < end && *p != guard_byte) {
            fprintf(stderr, "emulated driver: %s 0x%llx of %zu bytes: something wrote at its byte %td\n", what_,
                    static_cast<unsigned long long>(address), bytes, p - at);
            return false;
        }
    }
    return true;
}

Memory::Released Memory::release(uint64_t address) {
    std::unique_lock<std::shared_mutex> lock(lock_);
    auto found = allocations_.find(address);
    if (found == allocations_.end()) return Released::unknown;
    size_t bytes = found->second;
    bool whole = check(address, bytes);
    char *start = reinterpret_cast<char *>(address) - guard;
    madvise(start, pages_of(bytes), MADV_DONTNEED);
    mprotect(start, pages_of(bytes), PROT_NONE);
    used_ -= bytes_of(bytes);
    allocations_.erase(found);
    return whole ? Released::well : Released::overrun;
}

bool Memory::range(uint64_t address, uint64_t *from, uint64_t *to) const {
    std::shared_lock<std::shared_mutex> lock(lock_);
    auto after = allocations_.upper_bound(address);
    if (after == allocations_.begin()) return false;
    --after;
    *from = after->first;
    *to = after->first + after->second;
    return address < *to;
}

bool Memory::holds(uint64_t address, size_t bytes) const {
    uint64_t from, to;
    return range(address, &from, &to) && bytes <= to - address;
}

bool Memory::guards_are_whole() const {
    std::shared_lock<std::shared_mutex> lock(lock_);
    bool whole = true;
    for (const auto &[address, bytes] : allocations_) whole = check(address, bytes) && whole;
    return whole;
}

size_t Memory::used() const {
    std::shared_lock<std::shared_mutex> lock(lock_);
    return used_;
}

}  // namespace emulated
