#include "context.h"

#include <malloc.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>

namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kHugePage = size_t(2) << 20;

std::atomic<int64_t> live{0};

}  // namespace

std::string &vbge::last_error() {
    thread_local std::string text;
    return text;
}

const char *vbge_cpu_error(void) { return vbge::last_error().c_str(); }

int vbge_cpu_new(int threads, int pin, vbge_cpu **result) {
    return vbge::guarded("start oneDNN", [&] { *result = new vbge_cpu(threads, pin != 0); });
}

void vbge_cpu_free(vbge_cpu *cpu) { delete cpu; }

const char *vbge_cpu_onednn(void) {
    static const std::string text = [] {
        const dnnl_version_t *v = dnnl_version();
        return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    }();
    return text.c_str();
}

void vbge::Scratch::reserve(size_t bytes) {
    if (bytes <= size_) return;
    vbge_cpu_release(data_);
    data_ = vbge_cpu_allocate(bytes);
    size_ = data_ == nullptr ? 0 : bytes;
    if (data_ == nullptr) throw std::bad_alloc();
}

void *vbge_cpu_allocate(size_t bytes) {
    const size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
    void *memory = nullptr;
    if (posix_memalign(&memory, alignment, bytes) != 0) return nullptr;
    // Weights and activations are walked through whole: huge pages spare most address look-ups. An end
    // that fills none stays in small pages, or weights of common sizes would take twice their memory.
    if (alignment == kHugePage) {
        const size_t filled = bytes / kHugePage * kHugePage;
        madvise(memory, filled, MADV_HUGEPAGE);
        madvise(static_cast<char *>(memory) + filled, bytes - filled, MADV_NOHUGEPAGE);
    }
    live += int64_t(malloc_usable_size(memory));
    return memory;
}

void vbge_cpu_release(void *memory) {
    live -= int64_t(malloc_usable_size(memory));
    std::free(memory);
}

int64_t vbge_cpu_live_bytes(void) { return live.load(); }
