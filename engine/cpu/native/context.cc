#include "context.h"

#include <omp.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>

namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kHugePage = size_t(2) << 20;

std::atomic<int64_t> live{0};

// Stands before every allocation, as far before it as its alignment.
struct Header {
    void *start;
    size_t bytes;
};

}  // namespace

std::string &vbge::last_error() {
    thread_local std::string text;
    return text;
}

const char *vbge_cpu_error(void) { return vbge::last_error().c_str(); }

int vbge_cpu_new(int threads, vbge_cpu **result) {
    return vbge::guarded("start oneDNN", [&] {
        omp_set_dynamic(0);
        omp_set_num_threads(threads);
        *result = new vbge_cpu(threads);
    });
}

void vbge_cpu_free(vbge_cpu *cpu) { delete cpu; }

const char *vbge_cpu_onednn(void) {
    static const std::string text = [] {
        const dnnl_version_t *v = dnnl_version();
        return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    }();
    return text.c_str();
}

void *vbge_cpu_allocate(size_t bytes) {
    const size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
    const size_t whole = (bytes + 2 * alignment - 1) / alignment * alignment;
    auto *start = static_cast<char *>(std::aligned_alloc(alignment, whole));
    if (start == nullptr) return nullptr;
    // Weights and activations are walked through whole: huge pages spare most address look-ups.
    if (alignment == kHugePage) madvise(start, whole, MADV_HUGEPAGE);
    char *memory = start + alignment;
    reinterpret_cast<Header *>(memory)[-1] = Header{start, whole};
    live += int64_t(whole);
    return memory;
}

void vbge_cpu_release(void *memory) {
    if (memory == nullptr) return;
    const Header header = static_cast<Header *>(memory)[-1];
    live -= int64_t(header.bytes);
    std::free(header.start);
}

int64_t vbge_cpu_live_bytes(void) { return live.load(); }
