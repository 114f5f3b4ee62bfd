// Vectors of an instruction set's own width, in the portable form of GCC and Clang: Vector and Ints,
// of kLanes values each, know the operators of C. What C has no operator for is in one header an
// instruction set. Everything is in an anonymous namespace: each instruction set has its own copy.
#pragma once
#include "kernels.h"

#define VBGE_INLINE inline __attribute__((always_inline))

namespace vbge {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t)), aligned(4)));

enum class Bfloat16 : uint16_t {};  // the upper half of a float

// Says that all lanes of a vector are loaded or stored. Part, each header's own, says how many are.
struct Whole {};

// The bits of v rounded to bfloat16, in the lower halves, the upper ones their sign; a NaN stays one.
VBGE_INLINE Ints upper_half(Vector v) {
    const Ints bits = Ints(v);
    // Just under half of the last place that stays, and as much more if that place is odd.
    const Ints rounded = bits + 0x7fff + (bits >> 16 & 1);
    return (v != v ? bits | 0x400000 : rounded) >> 16;
}

}  // namespace
}  // namespace vbge

#if defined(__AVX512F__)
#include "vectors_avx512.h"
#elif defined(__AVX2__)
#include "vectors_avx2.h"
#else
#include "vectors_plain.h"
#endif

namespace vbge {
namespace {

constexpr int kTurns = 4;  // vectors under way where a sum would else wait for the one before

// Calls f(first, lanes) for n values in vectors; lanes is Whole, or Part for a shorter end.
template <typename F> VBGE_INLINE void each(int n, F f) {
    int i = 0;
    for (; i + kLanes <= n; i += kLanes) f(i, Whole{});
    if (i < n) f(i, Part(n - i));
}

// The same; calls f(first, lanes, turn), turn going round from 0 to kTurns - 1.
template <typename F> VBGE_INLINE void each_in_turn(int n, F f) {
    int i = 0;
    for (; i + kTurns * kLanes <= n; i += kTurns * kLanes)
#pragma GCC unroll 4
        for (int turn = 0; turn < kTurns; turn++) f(i + turn * kLanes, Whole{}, turn);
    each(n - i, [&](int rest, auto lanes) { f(i + rest, lanes, 0); });
}

VBGE_INLINE Vector load(const float *x) { return load(x, Whole{}); }
VBGE_INLINE Vector load(const Bfloat16 *x) { return load(x, Whole{}); }
VBGE_INLINE void store(float *y, Vector v) { store(y, v, Whole{}); }
VBGE_INLINE void store(Bfloat16 *y, Vector v) { store(y, v, Whole{}); }

VBGE_INLINE Vector floats(Ints v) { return __builtin_convertvector(v, Vector); }
VBGE_INLINE Vector magnitude(Vector x) { return Vector(Ints(x) & 0x7fffffff); }

// A vector for each turn, made one value.
VBGE_INLINE float total(const Vector (&v)[kTurns]) { return total((v[0] + v[1]) + (v[2] + v[3])); }
VBGE_INLINE float largest(const Vector (&v)[kTurns]) { return largest(larger(larger(v[0], v[1]), larger(v[2], v[3]))); }

// Calls f with a pointer to the values of their type.
template <typename F> VBGE_INLINE void typed(In x, F f) {
    if (x.type == Type::bf16) f(static_cast<const Bfloat16 *>(x.data));
    else f(static_cast<const float *>(x.data));
}
template <typename F> VBGE_INLINE void typed(Out y, F f) {
    if (y.type == Type::bf16) f(static_cast<Bfloat16 *>(y.data));
    else f(static_cast<float *>(y.data));
}
template <typename F> VBGE_INLINE void typed(Out y, In x, F f) {
    typed(y, [&](auto *out) { typed(x, [&](auto *in) { f(out, in); }); });
}

}  // namespace
}  // namespace vbge
