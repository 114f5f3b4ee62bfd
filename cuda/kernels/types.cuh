// How activations are stored, and how 16 bytes of them at a time become float32 and back.
//
// Every kernel is a template of the storage type T (f32, bf16 or f16) and has one extern "C" entry a type, so that
// its name is what kernels.go looks up.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

using f32 = float;
using bf16 = __nv_bfloat16;
using f16 = __half;

// Values of T in the 16 bytes that one thread moves at once: 4 or 8.
template <typename T> constexpr int per_vector = 16 / static_cast<int>(sizeof(T));

__device__ inline float widen(f32 value) { return value; }
__device__ inline float widen(bf16 value) { return __bfloat162float(value); }
__device__ inline float widen(f16 value) { return __half2float(value); }

// Rounded to nearest even.
template <typename T> __device__ inline T narrow(float value);
template <> __device__ inline f32 narrow<f32>(float value) { return value; }
template <> __device__ inline bf16 narrow<bf16>(float value) { return __float2bfloat16_rn(value); }
template <> __device__ inline f16 narrow<f16>(float value) { return __float2half_rn(value); }

// A 32-bit word is one f32 or two values of 16 bits, the lower bits first.
template <typename T> __device__ inline void widen_word(unsigned word, float *values);
template <> __device__ inline void widen_word<f32>(unsigned word, float *values) { values[0] = __uint_as_float(word); }
template <> __device__ inline void widen_word<bf16>(unsigned word, float *values) {
    values[0] = __uint_as_float(word << 16);
    values[1] = __uint_as_float(word & 0xffff0000u);
}
template <> __device__ inline void widen_word<f16>(unsigned word, float *values) {
    const float2 both = __half22float2(*reinterpret_cast<const __half2 *>(&word));
    values[0] = both.x;
    values[1] = both.y;
}

template <typename T> __device__ inline unsigned narrow_word(const float *values);
template <> __device__ inline unsigned narrow_word<f32>(const float *values) { return __float_as_uint(values[0]); }
template <> __device__ inline unsigned narrow_word<bf16>(const float *values) {
    const __nv_bfloat162 both = __floats2bfloat162_rn(values[0], values[1]);
    return *reinterpret_cast<const unsigned *>(&both);
}
template <> __device__ inline unsigned narrow_word<f16>(const float *values) {
    const __half2 both = __floats2half2_rn(values[0], values[1]);
    return *reinterpret_cast<const unsigned *>(&both);
}

// Reads Count values at from: Count = 1, or whole vectors from an address that is a multiple of 16.
template <typename T, int Count> __device__ inline void load(const T *from, float (&values)[Count]) {
    if constexpr (Count == 1) {
        values[0] = widen(*from);
    } else {
        static_assert(Count % per_vector<T> == 0, "whole vectors of 16 bytes");
        constexpr int in_word = 4 / static_cast<int>(sizeof(T));
#pragma unroll
        for (int v = 0; v < Count / per_vector<T>; v++) {
            const uint4 words = reinterpret_cast<const uint4 *>(from)[v];
            float *to = values + v * per_vector<T>;
            widen_word<T>(words.x, to);
            widen_word<T>(words.y, to + in_word);
            widen_word<T>(words.z, to + 2 * in_word);
            widen_word<T>(words.w, to + 3 * in_word);
        }
    }
}

// Writes Count values, rounded to T: Count = 1, or whole vectors to an address that is a multiple of 16.
template <typename T, int Count> __device__ inline void store(T *to, const float (&values)[Count]) {
    if constexpr (Count == 1) {
        *to = narrow<T>(values[0]);
    } else {
        static_assert(Count % per_vector<T> == 0, "whole vectors of 16 bytes");
        constexpr int in_word = 4 / static_cast<int>(sizeof(T));
#pragma unroll
        for (int v = 0; v < Count / per_vector<T>; v++) {
            const float *from = values + v * per_vector<T>;
            reinterpret_cast<uint4 *>(to)[v] =
                make_uint4(narrow_word<T>(from), narrow_word<T>(from + in_word), narrow_word<T>(from + 2 * in_word),
                           narrow_word<T>(from + 3 * in_word));
        }
    }
}
