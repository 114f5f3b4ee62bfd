// Rotary embedding: the pairs (2j, 2j + 1) of a query or key are turned by the angles of its place.
#pragma once
#include "vectors.h"

namespace vbge {
namespace {

typedef uint64_t Pairs __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));

VBGE_INLINE Vector swap_pairs(Vector x) {
    return Vector((Pairs(x) >> 32) | (Pairs(x) << 32));
}

VBGE_INLINE Vector rotate(Vector x, Vector cosines, Vector sines) {
    constexpr uint64_t kFirstSign = uint64_t(1) << 31;
    return x * cosines + swap_pairs(x) * Vector(Pairs(sines) ^ kFirstSign);
}

// One head's channels of one query or key, and the angles of its place.
template <typename T> struct Row {
    const T *x;
    const float *cosines, *sines;  // or null
    int width;

    // Channels c, c + 1, ... rotated; 0 past the last.
    VBGE_INLINE Vector channels(int c) const {
        if (width - c >= kLanes) return channels(c, Whole{});
        if (width > c) return channels(c, Part(width - c));
        return Vector{};
    }

  private:
    template <typename Lanes> VBGE_INLINE Vector channels(int c, Lanes lanes) const {
        const Vector v = load(x + c, lanes);
        return cosines == nullptr ? v : rotate(v, load(cosines + c, lanes), load(sines + c, lanes));
    }
};

template <typename T> Row<T> row_of(const Head &h, const void *rows, int64_t stride, int place) {
    const int64_t angles = int64_t(place) * h.width;
    const bool turned = h.cosines != nullptr;
    return {static_cast<const T *>(rows) + place * stride, turned ? h.cosines + angles : nullptr,
            turned ? h.sines + angles : nullptr, h.width};
}

}  // namespace
}  // namespace vbge
