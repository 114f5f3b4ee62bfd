// Single instructions of the special function unit, where a unit in float32's last place does not matter.
#pragma once

// 2^x within 2 units in the last place; 0 where the result would be subnormal, and of minus infinity.
__device__ inline float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// 1/x within 1 unit in the last place; 0 where the result would be subnormal.
__device__ inline float reciprocal_fast(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// a/b as a division gives it, but for the last bit now and then, without the division's branch for extreme operands.
__device__ inline float quotient(float a, float b) {
    const float inverse = reciprocal_fast(b), first = a * inverse;
    return fmaf(fmaf(-first, b, a), inverse, first);
}
