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
