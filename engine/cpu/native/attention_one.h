// Attention of a single query, in float32: lanes are channels, and keys and values are read where they lie, for they
// are wanted only once.
#pragma once
#include "power_of_two.h"
#include "rotary.h"

namespace vbge {
namespace {

// Fills scores with q k^T; returns the largest.
template <typename X> float scores_of(const Head &h, int query, float *scores) {
    float q[kWidestHead];
    const Row<X> row = row_of<X>(h, h.q, h.q_stride, query);
    for (int c = 0; c < h.width; c += kLanes) store(q + c, row.channels(c));
    float most = -3.4e38f;
    for (int key = 0; key < h.keys; key++) {
        const Row<X> k = row_of<X>(h, h.k, h.k_stride, key);
        Vector sum = {};
        for (int c = 0; c < h.width; c += kLanes) sum += load(q + c) * k.channels(c);
        scores[key] = total(sum);
        most = scores[key] > most ? scores[key] : most;
    }
    return most;
}

template <typename X, typename Y> void attend_one(const Head &h, int query, float *scores) {
    const float most = scores_of<X>(h, query, scores), scale = kLog2E / __builtin_sqrtf(float(h.width));
    Vector powers = {};
    each(h.keys, [&](int key, auto lanes) {
        const Vector e = keep(power_of_two<Exact>((load(scores + key, lanes) - most) * scale), lanes);
        store(scores + key, e, lanes);
        powers += e;
    });
    const float share = 1.0f / total(powers);
    const X *v = static_cast<const X *>(h.v);
    Y *y = static_cast<Y *>(h.y) + query * h.y_stride;
    each(h.width, [&](int c, auto lanes) {
        Vector sums[kTurns] = {};
        int key = 0;
        for (; key + kTurns <= h.keys; key += kTurns)
            for (int turn = 0; turn < kTurns; turn++)
                sums[turn] += scores[key + turn] * load(v + (key + turn) * h.v_stride + c, lanes);
        for (; key < h.keys; key++) sums[0] += scores[key] * load(v + key * h.v_stride + c, lanes);
        store(y + c, ((sums[0] + sums[1]) + (sums[2] + sums[3])) * share, lanes);
    });
}

}  // namespace
}  // namespace vbge
