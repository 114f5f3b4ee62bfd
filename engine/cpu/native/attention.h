// Attention of one head over one sequence: softmax(q k^T / sqrt(width)) v, in float32.
//
// Keys are packed transposed, [width, keys], and values [keys, width], both filled up with zeros
// to whole vectors; q and k are rotated and q scaled on the way in. Then blocks of eight queries:
// their scores [8, keys] are computed in register tiles of 8 x 32, made probabilities row by row,
// and multiplied with the values in register tiles of 8 x 32 or 8 x 16. No more than one block's
// scores exist at a time. Read: q, k and v once from memory; the packed head (100 kB for 197 keys
// of 64) stays in the second-level cache.
#pragma once
#include "kernels.h"
#include "vectors.h"

namespace vbge {
namespace {

struct Packed {
    int keys, width;  // rounded up
    float *keys_by_channel, *values, *queries, *scores;
};

Packed lay_out(const Head &h, float *scratch) {
    Packed p{};
    p.keys = round_up(h.keys, 2 * kLanes);
    p.width = round_up(h.width, kLanes);
    p.keys_by_channel = scratch;
    p.values = p.keys_by_channel + int64_t(p.keys) * p.width;
    p.queries = p.values + int64_t(p.keys) * p.width;
    p.scores = p.queries + kQueryBlock * p.width;
    return p;
}

// Turns the pairs (2j, 2j+1) of x by the angles of its place, times scale, into y.
void rotate(float *y, const float *x, const Head &h, int place, float scale) {
    if (h.cosines == nullptr) {
        for (int c = 0; c < h.width; c++) y[c] = x[c] * scale;
        return;
    }
    const float *cosine = h.cosines + int64_t(place) * h.width, *sine = h.sines + int64_t(place) * h.width;
    for (int c = 0; c < h.width; c += 2) {
        const float a = x[c], b = x[c + 1];
        y[c] = (a * cosine[c] - b * sine[c]) * scale;
        y[c + 1] = (b * cosine[c + 1] + a * sine[c + 1]) * scale;
    }
}

void zero(float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = 0;
}

void pack(const Head &h, const Packed &p) {
    for (int block = 0; block < p.keys; block += kLanes) {
        // Sixteen keys are turned at a time, so that the transposed stores fill whole cache lines.
        float turned[kLanes][kWidestHead];
        for (int r = 0; r < kLanes; r++) {
            const int key = block + r;
            if (key < h.keys) rotate(turned[r], h.k + key * h.k_stride, h, key, 1.0f);
            else zero(turned[r], h.width);
        }
        for (int c = 0; c < h.width; c++) {
            Vector column;
            for (int r = 0; r < kLanes; r++) column[r] = turned[r][c];
            store(p.keys_by_channel + int64_t(c) * p.keys + block, column);
        }
    }
    for (int key = 0; key < p.keys; key++) {
        float *y = p.values + int64_t(key) * p.width;
        zero(y, p.width);
        if (key >= h.keys) continue;
        const float *x = h.v + key * h.v_stride;
        for (int c = 0; c < h.width; c++) y[c] = x[c];
    }
}

// c [8, N vectors] = a [8, depth] b [depth, N vectors]: N x 8 accumulators stay in registers.
template <int N>
inline __attribute__((always_inline)) void tile(float *c, int64_t c_stride, const float *a, int64_t a_stride,
                                                const float *b, int64_t b_stride, int depth) {
    Vector sum[kQueryBlock][N] = {};
    for (int k = 0; k < depth; k++) {
        Vector column[N];
        for (int j = 0; j < N; j++) column[j] = load(b + k * b_stride + j * kLanes);
        for (int i = 0; i < kQueryBlock; i++) {
            const float left = a[i * a_stride + k];
            for (int j = 0; j < N; j++) sum[i][j] += left * column[j];
        }
    }
    for (int i = 0; i < kQueryBlock; i++)
        for (int j = 0; j < N; j++) store(c + i * c_stride + j * kLanes, sum[i][j]);
}

void product(float *c, int64_t c_stride, const float *a, int64_t a_stride, const float *b, int64_t b_stride, int depth,
             int cols) {
    int j = 0;
    for (; j + 2 * kLanes <= cols; j += 2 * kLanes) tile<2>(c + j, c_stride, a, a_stride, b + j, b_stride, depth);
    if (j < cols) tile<1>(c + j, c_stride, a, a_stride, b + j, b_stride, depth);
}

// Makes n scores probabilities times their sum, which is returned; scores past n become 0.
float softmax(float *scores, int n, int whole) {
    Vector most = Vector{} - 3.4e38f;
    for (int j = 0; j < n; j += kLanes) {
        Vector s = load(scores + j);
        for (int l = n - j; l < kLanes; l++) s[l] = -3.4e38f;
        most = s > most ? s : most;
    }
    const float top = largest(most);
    Vector sum = {};
    for (int j = 0; j < whole; j += kLanes) {
        Vector e = exponential(load(scores + j) - top);
        for (int l = n - j > 0 ? n - j : 0; l < kLanes; l++) e[l] = 0;
        store(scores + j, e);
        sum += e;
    }
    return total(sum);
}

void attention(const Head &h, float *scratch) {
    const Packed p = lay_out(h, scratch);
    pack(h, p);
    const float scale = 1.0f / __builtin_sqrtf(float(h.width));
    for (int first = 0; first < h.queries; first += kQueryBlock) {
        const int count = h.queries - first < kQueryBlock ? h.queries - first : kQueryBlock;
        zero(p.queries, kQueryBlock * p.width);
        for (int i = 0; i < count; i++)
            rotate(p.queries + i * p.width, h.q + (first + i) * h.q_stride, h, first + i, scale);
        product(p.scores, p.keys, p.queries, p.width, p.keys_by_channel, p.keys, h.width, p.keys);
        float sums[kQueryBlock];
        for (int i = 0; i < count; i++) sums[i] = softmax(p.scores + int64_t(i) * p.keys, h.keys, p.keys);
        product(p.queries, p.width, p.scores, p.keys, p.values, p.width, h.keys, p.width);
        for (int i = 0; i < count; i++) {
            float *y = h.y + (first + i) * h.y_stride;
            for (int c = 0; c < h.width; c++) y[c] = p.queries[i * p.width + c] / sums[i];
        }
    }
}

}  // namespace
}  // namespace vbge
