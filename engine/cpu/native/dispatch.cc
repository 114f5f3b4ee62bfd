// The table of kernels in use, and the operations that are no chains: attention, and rows that move.
#include <algorithm>

#include "context.h"
#include "stopwatch.h"

namespace {

#if defined(__x86_64__)
// What oneDNN may use, these may: users limit both by ONEDNN_MAX_CPU_ISA. Each value contains the
// bits of those below it.
bool may_use(dnnl_cpu_isa_t isa) { return (dnnl_get_effective_cpu_isa() & isa) == isa; }

const vbge::Kernels &choose() {
    if (may_use(dnnl_cpu_isa_avx512_core_bf16)) return vbge::kernels_avx512bf16;
    if (may_use(dnnl_cpu_isa_avx512_core)) return vbge::kernels_avx512;
    if (may_use(dnnl_cpu_isa_avx2) && __builtin_cpu_supports("fma")) return vbge::kernels_avx2;
    return vbge::kernels_generic;
}
#endif

// Calls f(first, count) for runs of rows; fewer than it takes to wake a thread stay on this one.
template <typename F> void each_run(vbge_cpu *cpu, int rows, int64_t *spent, F f) {
    constexpr int kRun = 16;
    cpu->pool.run((rows + kRun - 1) / kRun, [&](int task, int) {
        const vbge::Stopwatch watch(spent);
        f(task * kRun, std::min(kRun, rows - task * kRun));
    });
}

char *at(const vbge_matrix &m, int64_t row, int64_t col = 0) {
    return m.base + m.at + (row * m.stride + col) * (m.type == VBGE_BF16 ? 2 : 4);
}

}  // namespace

const vbge::Kernels &vbge::kernels() {
#if defined(__x86_64__)
    static const Kernels &best = choose();
    return best;
#else
    return kernels_generic;
#endif
}

const char *vbge_cpu_kernels(void) { return vbge::kernels().name; }

int vbge_cpu_supports(int precision) {
#if defined(__x86_64__)
    if (precision == VBGE_BFLOAT16) return may_use(dnnl_cpu_isa_avx512_core_bf16);
    if (precision == VBGE_INT8) return may_use(dnnl_cpu_isa_avx512_core_vnni) || may_use(dnnl_cpu_isa_avx2_vnni);
#endif
    return precision == VBGE_FLOAT32;
}

void vbge_patches(vbge_cpu *cpu, float *y, const uint8_t *pixels, int pictures, int side, int patch,
                  const float *levels, int64_t *spent) {
    const int grid = side / patch;
    each_run(cpu, pictures * grid * grid, spent, [&](int first, int count) {
        for (int64_t r = first; r < first + count; r++) {
            const int64_t picture = r / (grid * grid), place = r % (grid * grid);
            const int64_t top = place / grid * patch, left = place % grid * patch;
            float *out = y + r * 3 * patch * patch;
            for (int channel = 0; channel < 3; channel++)
                for (int row = 0; row < patch; row++) {
                    const uint8_t *in = pixels + ((picture * side + top + row) * side + left) * 3 + channel;
                    for (int column = 0; column < patch; column++) *out++ = levels[channel * 256 + in[column * 3]];
                }
        }
    });
}

void vbge_copy_rows(vbge_cpu *cpu, vbge_matrix y, vbge_matrix x, int rows, int cols, int64_t *spent) {
    each_run(cpu, rows, spent, [&](int first, int count) {
        for (int64_t r = first; r < first + count; r++)
            vbge::kernels().copy({at(y, r), vbge::Type(y.type)}, {at(x, r), vbge::Type(x.type)}, cols);
    });
}

int vbge_attention(vbge_cpu *cpu, const vbge_attention_args *a) {
    return vbge::guarded("attention", [&] {
        const vbge::Kernels &k = vbge::kernels();
        const int64_t scratch = k.attention_scratch(a->longest_keys, a->width);
        for (auto &worker : cpu->workers) worker->scratch.reserve(size_t(scratch));
        cpu->pool.run(a->sequences * a->heads, [&](int task, int thread) {
            const vbge::Stopwatch watch(a->spent);
            const int sequence = task / a->heads;
            const int64_t channel = int64_t(task % a->heads) * a->width;
            const int64_t query = a->queries[sequence], key = a->keys[sequence];
            vbge::Head head{};
            head.q = at(a->q, query, channel), head.q_stride = a->q.stride;
            head.k = at(a->k, key, channel), head.k_stride = a->k.stride;
            head.v = at(a->v, key, channel), head.v_stride = a->v.stride;
            head.in = vbge::Type(a->q.type);
            head.y = at(a->y, query, channel), head.y_stride = a->y.stride;
            head.out = vbge::Type(a->y.type);
            head.queries = int(a->queries[sequence + 1] - query), head.keys = int(a->keys[sequence + 1] - key);
            head.width = a->width;
            head.cosines = a->cosines, head.sines = a->sines;
            k.attention(head, cpu->workers[size_t(thread)]->scratch.data());
        });
    });
}
