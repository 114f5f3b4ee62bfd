// Attention of one head over one sequence: softmax(q k^T / sqrt(width)) v.
//
// Lanes are queries: scores are computed transposed, [keys, queries], and so are results, [width, queries]. Keys and
// values then stay as they are, rows of which single words are multiplied with vectors of queries or probabilities,
// and the softmax of many queries at once needs no sums across a vector. Only a block of queries, one to kMostVectors
// vectors of them, is transposed on its way in and out. No more than one block's scores exist at a time.
//
// What is multiplied is in words of 32 bits: float32 values, or pairs of bfloat16 (attention_bf16.h).
#pragma once
#include "attention_bf16.h"
#include "attention_f32.h"
#include "attention_one.h"
#include "attention_tile.h"
#include "transpose.h"

namespace vbge {
namespace {

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

constexpr int kFewQueries = 2;  // each by itself takes less than all in one block

struct Scratch {
    float *keys;     // [keys, key_words]
    float *values;   // [words of keys, whole_width]
    float *queries;  // [words of width, vectors of queries]
    float *scores;   // [keys, vectors of queries]
    float *results;  // [width, vectors of queries]
    int64_t key_words, whole_width;
};

int64_t attention_scratch(int keys, int width) {
    const int64_t whole_width = round_up(width, kLanes), lanes = kMostVectors * kLanes;
    return round_up(2 * keys * whole_width + (2 * whole_width + keys) * lanes, 32) * int64_t(sizeof(float));
}

template <typename Products> int words(int n) { return (n + Products::kPerWord - 1) / Products::kPerWord; }

template <typename Products> Scratch lay_out(const Head &h, void *scratch) {
    Scratch s{};
    s.whole_width = round_up(h.width, kLanes);
    s.key_words = round_up(words<Products>(h.width), kLanes);
    s.keys = static_cast<float *>(scratch);
    s.values = s.keys + h.keys * s.key_words;
    s.queries = s.values + words<Products>(h.keys) * s.whole_width;
    s.scores = s.queries + s.key_words * kMostVectors * kLanes;
    s.results = s.scores + int64_t(h.keys) * kMostVectors * kLanes;
    return s;
}

template <typename Products, typename X> void pack_keys_and_values(const Head &h, const Scratch &s) {
    for (int key = 0; key < h.keys; key++) {
        const Row<X> row = row_of<X>(h, h.k, h.k_stride, key);
        for (int w = 0; w < s.key_words; w += kLanes) store(s.keys + key * s.key_words + w, Products::words(row, w));
    }
    for (int word = 0; word < words<Products>(h.keys); word++)
        Products::template pack_values<X>(s.values + word * s.whole_width, h, word);
}

// Queries from first on, one a lane; 0 in lanes past the last.
template <typename Products, int N, typename X> void pack_queries(const Head &h, const Scratch &s, int first) {
    for (int j = 0; j < N; j++)
        for (int w = 0; w < s.key_words; w += kLanes) {
            Vector square[kLanes];
            for (int l = 0; l < kLanes; l++) {
                const int query = first + j * kLanes + l;
                square[l] = query < h.queries ? Products::words(row_of<X>(h, h.q, h.q_stride, query), w) : Vector{};
            }
            transpose(square);
            for (int l = 0; l < kLanes; l++) store(s.queries + ((w + l) * N + j) * kLanes, square[l]);
        }
}

template <int N, typename Y> void unpack_results(const Head &h, const Scratch &s, int first) {
    for (int j = 0; j < N; j++)
        for (int c = 0; c < h.width; c += kLanes) {
            Vector square[kLanes];
            for (int l = 0; l < kLanes; l++) square[l] = load(s.results + (int64_t(c + l) * N + j) * kLanes);
            transpose(square);
            for (int l = 0; l < kLanes && first + j * kLanes + l < h.queries; l++) {
                Y *y = static_cast<Y *>(h.y) + (first + j * kLanes + l) * h.y_stride + c;
                if (h.width - c >= kLanes) store(y, square[l], Whole{});
                else store(y, square[l], Part(h.width - c));
            }
        }
}

template <typename Products, int N, typename X, typename Y>
void attend(const Head &h, const Scratch &s, int first) {
    pack_queries<Products, N, X>(h, s, first);
    Vector most[N], sums[N] = {};
    for (int j = 0; j < N; j++) most[j] = Vector{} - 3.4e38f;
    product<Products, N>({s.keys, s.key_words, 1}, h.keys, s.queries, words<Products>(h.width),
                         [&](int key, const auto &scores) {
                             for (int j = 0; j < N; j++) {
                                 most[j] = larger(scores[j], most[j]);
                                 store(s.scores + (int64_t(key) * N + j) * kLanes, scores[j]);
                             }
                         });
    Products::exponentials(s.scores, h.keys, most, kLog2E / __builtin_sqrtf(float(h.width)), sums);
    for (int j = 0; j < N; j++) sums[j] = 1.0f / sums[j];
    product<Products, N>({s.values, 1, s.whole_width}, h.width, s.scores, words<Products>(h.keys),
                         [&](int c, const auto &results) {
                             for (int j = 0; j < N; j++)
                                 store(s.results + (int64_t(c) * N + j) * kLanes, results[j] * sums[j]);
                         });
    unpack_results<N, Y>(h, s, first);
}

template <int N, typename F> VBGE_INLINE void with_vectors(int vectors, F f) {
    if (vectors == N) f(Rows<N>{});
    else if constexpr (N > 1) with_vectors<N - 1>(vectors, f);
}

template <typename Products, typename X, typename Y> void attention_of(const Head &h, void *scratch) {
    if (h.queries <= kFewQueries) {
        for (int query = 0; query < h.queries; query++) attend_one<X, Y>(h, query, static_cast<float *>(scratch));
        return;
    }
    const Scratch s = lay_out<Products>(h, scratch);
    pack_keys_and_values<Products, X>(h, s);
    const int vectors = int(round_up(h.queries, kLanes)) / kLanes;
    const int blocks = (vectors + kMostVectors - 1) / kMostVectors;
    for (int b = 0, first = 0; b < blocks; b++) {
        const int count = vectors / blocks + (b < vectors % blocks);
        with_vectors<kMostVectors>(count,
                                   [&](auto n) { attend<Products, decltype(n)::count, X, Y>(h, s, first); });
        first += count * kLanes;
    }
}

#if defined(__AVX512BF16__)
using HalfProducts = BFloat16Products;
#else
using HalfProducts = Float32Products;
#endif

template <typename Products, typename X> void attention_from(const Head &h, void *scratch) {
    if (h.out == Type::f32) attention_of<Products, X, float>(h, scratch);
    else attention_of<Products, X, Bfloat16>(h, scratch);
}

void attention(const Head &h, void *scratch) {
    if (h.in == Type::f32) attention_from<Float32Products, float>(h, scratch);
    else attention_from<HalfProducts, Bfloat16>(h, scratch);
}

}  // namespace
}  // namespace vbge
