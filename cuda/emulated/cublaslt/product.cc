#include "product.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

namespace emulated {

namespace {

// A tile of the result that fits in registers, and how many terms are summed before they join the rest: shorter sums
// are more precise, and a panel of them stays in the cache.
constexpr uint64_t tile_rows = 16, tile_cols = 6, depth = 256;

uint64_t tiles(uint64_t size, uint64_t tile) { return (size + tile - 1) / tile; }

// Lays out a strip of op(A)'s rows or op(B)'s columns as [k][width] float32, filled up with zeros. along: the distance
// of two values next to each other in the sum; across: of two rows (or columns).
template <Format format, uint64_t width>
void pack_strip(const Matrix &matrix, uint64_t first, uint64_t count, uint64_t k, uint64_t along, uint64_t across,
                float *to) {
    for (uint64_t x = 0; x < k; x++) {
        for (uint64_t i = 0; i < width; i++) {
            to[x * width + i] = i < count ? load(format, matrix.at, (first + i) * across + x * along) : 0;
        }
    }
}

template <uint64_t width>
void pack(const Matrix &matrix, bool sums_along_columns, uint64_t first, uint64_t count, uint64_t k, Factors factors,
          float *to) {
    auto stride = static_cast<uint64_t>(matrix.stride);
    uint64_t along = sums_along_columns ? 1 : stride, across = sums_along_columns ? stride : 1;
    switch (matrix.format) {
    case Format::f32:
        pack_strip<Format::f32, width>(matrix, first, count, k, along, across, to);
        break;
    case Format::bf16:
        pack_strip<Format::bf16, width>(matrix, first, count, k, along, across, to);
        break;
    case Format::f16:
        pack_strip<Format::f16, width>(matrix, first, count, k, along, across, to);
        break;
    }
    if (factors == Factors::as_they_are) return;
    for (uint64_t i = 0; i < k * width; i++) to[i] = round_tf32(to[i]);
}

// Eight float32 that are added and multiplied at once: GCC's and clang's vectors, whatever the processor.
using Eight = float __attribute__((vector_size(32), aligned(4), may_alias));

// sums[col][row] += a[x][row] * b[x][col], over k terms one after another.
void add_tile(const float *a, const float *b, uint64_t k, float *sums) {
    static_assert(tile_rows == 16 && tile_cols == 6, "the sums are in twelve registers");
    Eight tile[tile_cols][2] = {};
    for (uint64_t x = 0; x < k; x++, a += tile_rows, b += tile_cols) {
        const Eight *rows = reinterpret_cast<const Eight *>(a);
#pragma GCC unroll 6
        for (uint64_t col = 0; col < tile_cols; col++) {
            tile[col][0] += rows[0] * b[col];
            tile[col][1] += rows[1] * b[col];
        }
    }
    Eight *to = reinterpret_cast<Eight *>(sums);
#pragma GCC unroll 6
    for (uint64_t col = 0; col < tile_cols; col++) {
        to[2 * col] += tile[col][0];
        to[2 * col + 1] += tile[col][1];
    }
}

float gelu(float x) { return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x))); }

void finish(const Product &p, uint64_t row, uint64_t col, float sum) {
    float value = p.alpha * sum;
    // With beta 0 C is not read: it may be NaN.
    if (p.beta != 0) value += p.beta * load(p.c.format, p.c.at, row + col * static_cast<uint64_t>(p.c.stride));
    if (p.bias) value += load(p.bias_format, p.bias, row);
    store(p.d.format, p.d.at, row + col * static_cast<uint64_t>(p.d.stride),
          p.activation == Activation::gelu ? gelu(value) : value);
}

// One strip of rows of D, against all of B.
void multiply_strip(const Product &p, uint64_t strip, const std::vector<float> &packed_b) {
    uint64_t first = strip * tile_rows, rows = std::min(tile_rows, p.m - first), across = tiles(p.n, tile_cols);
    std::vector<float> a(p.k * tile_rows), sums(across * tile_cols * tile_rows);
    pack<tile_rows>(p.a, p.transpose_a, first, rows, p.k, p.factors, a.data());
    for (uint64_t from = 0; from < p.k; from += depth) {
        uint64_t terms = std::min(depth, p.k - from);
        for (uint64_t j = 0; j < across; j++) {
            add_tile(&a[from * tile_rows], &packed_b[(j * p.k + from) * tile_cols], terms,
                     &sums[j * tile_cols * tile_rows]);
        }
    }
    for (uint64_t col = 0; col < p.n; col++) {
        for (uint64_t row = 0; row < rows; row++) finish(p, first + row, col, sums[col * tile_rows + row]);
    }
}

}  // namespace

void multiply(const Product &p) {
    uint64_t across = tiles(p.n, tile_cols), strips = tiles(p.m, tile_rows);
    std::vector<float> packed_b(across * tile_cols * p.k);
    for (uint64_t j = 0; j < across; j++) {
        uint64_t first = j * tile_cols;
        pack<tile_cols>(p.b, !p.transpose_b, first, std::min(tile_cols, p.n - first), p.k, p.factors,
                        &packed_b[j * tile_cols * p.k]);
    }
    constexpr uint64_t worth_a_thread = 10'000'000;  // multiplications
    uint64_t threads = std::max<uint64_t>(
        1, std::min<uint64_t>({std::thread::hardware_concurrency(), strips, p.m * p.n * p.k / worth_a_thread}));
    auto work = [&](uint64_t thread) {
        for (uint64_t strip = thread; strip < strips; strip += threads) multiply_strip(p, strip, packed_b);
    };
    std::vector<std::thread> others;
    for (uint64_t thread = 1; thread < threads; thread++) others.emplace_back(work, thread);
    work(0);
    for (std::thread &other : others) other.join();
}

}  // namespace emulated
