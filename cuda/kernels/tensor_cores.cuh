// The instructions that CUDA C++ has no words for, one function each: tensor cores and the copies that feed them.
// Everything works from sm_80 on.
//
// Fragments of mma.m16n8k16, for lane l with g = l / 4 and t = l % 4; a register holds two 16-bit values that are
// neighbours along k (for A and B), the lower in the lower half:
//
//   A [16, 16]   a[0] row g, k 2t    a[1] row g + 8, k 2t    a[2] row g, k 2t + 8    a[3] row g + 8, k 2t + 8
//
//   B [16, 8]    b0 column g, k 2t    b1 column g, k 2t + 8
//
//   C [16, 8]    c[0], c[1] row g, columns 2t, 2t + 1    c[2], c[3] row g + 8, the same columns
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

// An address in shared memory, as the instructions below take it.
__device__ __forceinline__ uint32_t shared_address(const void *p) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Starts copying 16 bytes from global to shared memory, or writes 16 bytes of zeros if there is nothing to copy; then
// `from` is not read and may be any address. Both addresses are multiples of 16. The copy bypasses L1, which would hold
// it in vain.
__device__ __forceinline__ void copy_16_bytes(uint32_t to, const void *from, bool present) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(to), "l"(from), "r"(present ? 16 : 0)
                 : "memory");
}

// Waits for all the copies that this thread has started; they are then visible to this thread, and to the others after
// a barrier.
__device__ __forceinline__ void wait_for_copies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

// Loads four 8 x 8 matrices of 16-bit values: lanes 8i to 8i + 7 name the rows of matrix i (16 bytes each), and lane l
// receives in r[i] the two values at row g, columns 2t and 2t + 1.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], uint32_t row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}

// The same, each matrix transposed: lane l receives rows 2t and 2t + 1 of column g.
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], uint32_t row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}

// c += a b in float32, for bfloat16.
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                             __nv_bfloat16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// c += a b in float32, for float16.
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, __half) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
