// The operations without matrix products: rows or heads shared out to the context's threads, each
// computed by the kernels of the best instruction set that the processor has.
#include <omp.h>

#include <cstring>

#include "context.h"
#include "kernels.h"

namespace {

#if defined(__x86_64__)
// What oneDNN may use, these may: users limit both by ONEDNN_MAX_CPU_ISA. Each value contains the
// bits of those below it.
bool may_use(dnnl_cpu_isa_t isa) { return (dnnl_get_effective_cpu_isa() & isa) == isa; }
#endif

const vbge::Kernels &kernels() {
#if defined(__x86_64__)
    static const vbge::Kernels &best = may_use(dnnl_cpu_isa_avx512_core) ? vbge::kernels_avx512
                                       : may_use(dnnl_cpu_isa_avx2) && __builtin_cpu_supports("fma")
                                           ? vbge::kernels_avx2
                                           : vbge::kernels_generic;
    return best;
#else
    return vbge::kernels_generic;
#endif
}

// Calls f(row) for every row; fewer rows than it takes to wake a thread stay on this one.
template <typename F> void each_row(vbge_cpu *cpu, int rows, F f) {
#pragma omp parallel for schedule(static) num_threads(cpu->threads) if (rows >= 16)
    for (int r = 0; r < rows; r++) f(int64_t(r));
}

void copy(float *y, const float *x, int n) { std::memcpy(y, x, size_t(n) * sizeof(float)); }

}  // namespace

const char *vbge_cpu_kernels(void) { return kernels().name; }

void vbge_patches(vbge_cpu *cpu, float *y, const uint8_t *pixels, int pictures, int side, int patch,
                  const float *levels) {
    const int grid = side / patch;
    each_row(cpu, pictures * grid * grid, [&](int64_t r) {
        const int64_t picture = r / (grid * grid), place = r % (grid * grid);
        const int64_t top = place / grid * patch, left = place % grid * patch;
        float *out = y + r * 3 * patch * patch;
        for (int channel = 0; channel < 3; channel++)
            for (int row = 0; row < patch; row++) {
                const uint8_t *in = pixels + ((picture * side + top + row) * side + left) * 3 + channel;
                for (int column = 0; column < patch; column++) *out++ = levels[channel * 256 + in[column * 3]];
            }
    });
}

void vbge_gelu(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols) {
    each_row(cpu, rows, [&](int64_t r) { kernels().gelu(y + r * cols, x + r * x_stride, cols); });
}

void vbge_layer_norm(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols, const float *gain,
                     const float *bias, float eps) {
    each_row(cpu, rows,
             [&](int64_t r) { kernels().layer_norm(y + r * cols, x + r * x_stride, cols, gain, bias, eps); });
}

void vbge_swiglu(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols) {
    each_row(cpu, rows, [&](int64_t r) { kernels().swiglu(y + r * cols, x + r * x_stride, cols); });
}

void vbge_embedding(vbge_cpu *cpu, float *y, int rows, int cols, const float *word, const float *token_type,
                    const float *position, const int32_t *ids, const int32_t *positions) {
    each_row(cpu, rows, [&](int64_t r) {
        float *out = y + r * cols;
        kernels().add(out, word + int64_t(ids[r]) * cols, token_type, cols);
        kernels().add(out, out, position + int64_t(positions[r]) * cols, cols);
    });
}

void vbge_add_rows(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols, const float *table,
                   const int32_t *at) {
    each_row(cpu, rows,
             [&](int64_t r) { kernels().add(y + r * cols, x + r * x_stride, table + int64_t(at[r]) * cols, cols); });
}

void vbge_copy_rows(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols) {
    each_row(cpu, rows, [&](int64_t r) { copy(y + r * cols, x + r * x_stride, cols); });
}

void vbge_normalise(vbge_cpu *cpu, float *y, const float *x, int64_t x_stride, int rows, int cols) {
    each_row(cpu, rows, [&](int64_t r) { kernels().normalise(y + r * cols, x + r * x_stride, cols); });
}

size_t vbge_attention_scratch(int threads, int longest_keys, int width) {
    return size_t(threads) * size_t(vbge::attention_scratch(longest_keys, width));
}

void vbge_attention(vbge_cpu *cpu, const vbge_attention_args *a) {
    const int64_t scratch = vbge::attention_scratch(a->longest_keys, a->width);
    const int64_t width = a->width;
#pragma omp parallel for schedule(dynamic) num_threads(cpu->threads)
    for (int i = 0; i < a->sequences * a->heads; i++) {
        const int sequence = i / a->heads;
        const int64_t channel = i % a->heads * width;
        const int64_t query = a->queries[sequence], key = a->keys[sequence];
        vbge::Head head{};
        head.q = a->q + query * a->q_stride + channel;
        head.k = a->k + key * a->k_stride + channel;
        head.v = a->v + key * a->v_stride + channel;
        head.q_stride = a->q_stride, head.k_stride = a->k_stride, head.v_stride = a->v_stride;
        head.y_stride = a->heads * width;
        head.y = a->y + query * head.y_stride + channel;
        head.queries = int(a->queries[sequence + 1] - query), head.keys = int(a->keys[sequence + 1] - key);
        head.width = a->width;
        head.cosines = a->cosines, head.sines = a->sines;
        kernels().attention(head, a->scratch + omp_get_thread_num() * scratch);
    }
}
