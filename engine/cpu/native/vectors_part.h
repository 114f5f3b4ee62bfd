// A vector's first lanes, where an instruction set has no masks: through a buffer.
#pragma once

namespace vbge {
namespace {

struct Part {
    explicit VBGE_INLINE Part(int n) : count(n) {}
    int count;
};

template <typename T> VBGE_INLINE auto load(const T *x, Part p) {
    T buffer[kLanes] = {};
    for (int i = 0; i < p.count; i++) buffer[i] = x[i];
    return load(buffer, Whole{});
}

template <typename T, typename V> VBGE_INLINE void store(T *y, V v, Part p) {
    T buffer[kLanes];
    store(buffer, v, Whole{});
    for (int i = 0; i < p.count; i++) y[i] = buffer[i];
}

VBGE_INLINE Vector keep(Vector v, Whole) { return v; }
VBGE_INLINE Vector keep(Vector v, Part p) {
    for (int i = p.count; i < kLanes; i++) v[i] = 0;
    return v;
}

}  // namespace
}  // namespace vbge
