// What the processors can do at most: multiply-adds without memory, and reading memory without arithmetic to speak of.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>

#include "context.h"

namespace {

constexpr size_t kBytes = size_t(64) << 20;  // of each thread: no cache keeps them
constexpr int kTurns = 5;
constexpr int64_t kRounds = 4 << 20;

// Returns the most of `work` that all threads together do in a second, of several turns.
double fastest(vbge_cpu *cpu, double work, const std::function<void(int)> &f) {
    double best = 0;
    for (int turn = 0; turn < kTurns; turn++) {
        const auto began = std::chrono::steady_clock::now();
        cpu->pool.run(cpu->pool.threads(), [&](int task, int) { f(task); });
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        best = std::max(best, work * cpu->pool.threads() / took.count());
    }
    return best;
}

}  // namespace

int vbge_cpu_peak(vbge_cpu *cpu, int precision, double *operations, double *bytes) {
    return vbge::guarded("measure the peak", [&] {
        const auto multiply_add = vbge::kernels().multiply_add;
        *operations = fastest(cpu, double(multiply_add(precision, 1)) * kRounds,
                              [&](int) { multiply_add(precision, kRounds); });
        vbge::Scratch memory;
        memory.reserve(kBytes * size_t(cpu->pool.threads()));
        std::memset(memory.data(), 0, kBytes * size_t(cpu->pool.threads()));
        std::atomic<float> sum{0};
        *bytes = fastest(cpu, double(kBytes), [&](int task) {
            sum = vbge::kernels().sum(reinterpret_cast<float *>(memory.data() + size_t(task) * kBytes),
                                      int64_t(kBytes / sizeof(float)));
        });
    });
}
