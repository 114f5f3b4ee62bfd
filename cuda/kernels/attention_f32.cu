// attention_f32_{32,64}[_rotary]: what attention.cu computes, in float32 all through, by plain multiply-adds: tensor
// cores would cut the operands to TF32's 11 bits. For results close to the reference, not for speed.
//
// Layout and limits: as in attention.cu, with rows at multiples of 16 bytes too.
//
// Each block takes 64 queries of one head, two threads a query, which share its channels: every other four of them are
// one thread's, so that the two read neighbouring banks and the rest of the warp gets the same words by broadcast. Keys
// and values pass through shared memory 32 at a time, softmax being kept up in groups of 8.
//
// Bytes: q and y once, k and v (and k's rows of cos and sin) once for each 64 queries. Flops: 4 x width for each query
// and key, keys rounded up to 8; every multiply-add takes a quarter of a 16-byte read of shared memory, which bounds
// the speed to about half of the peak.
//
// Occupancy on all of 80 to 120: at width 64 3 blocks (12 warps) a multiprocessor, 168 registers, of which 64 hold q
// and the result; at width 32 4 blocks, 128 registers. 16 KiB of shared memory (8 at width 32).
#include "approximate.cuh"

namespace {

constexpr int threads = 128;
constexpr int query_tile = 64;  // kernels.QueryTile
constexpr int key_tile = 32;
constexpr int group = 8;  // keys between two looks at the largest score
constexpr float log2_e = 1.44269504088896341f;

template <int Width> constexpr float scale = log2_e * (Width == 64 ? 0.125f : 0.17677669529663689f);

__device__ __forceinline__ float4 rotate(float4 x, float4 cos, float4 sin) {
    return make_float4(x.x * cos.x - x.y * sin.x, x.y * cos.y + x.x * sin.y, x.z * cos.z - x.w * sin.z,
                       x.w * cos.w + x.z * sin.w);
}

__device__ __forceinline__ float dot(float4 a, float4 b, float sum) {
    return fmaf(a.x, b.x, fmaf(a.y, b.y, fmaf(a.z, b.z, fmaf(a.w, b.w, sum))));
}

// Four channels of a row, rotated by its row of cos and sin.
template <int Width, bool Rotary>
__device__ __forceinline__ float4 load(const float *x, int stride, int row, int chunk, const float *cos,
                                       const float *sin) {
    const float4 four = *reinterpret_cast<const float4 *>(x + static_cast<size_t>(row) * stride + chunk * 4);
    if (!Rotary) return four;
    const int at = row * Width + chunk * 4;
    return rotate(four, *reinterpret_cast<const float4 *>(cos + at), *reinterpret_cast<const float4 *>(sin + at));
}

// What a thread carries for its query: its channels of the result are chunks 2i + threadIdx.x % 2.
template <int Width> struct Result {
    float4 sum[Width / 8] = {};  // of probability x value
    float largest = -INFINITY;   // score so far
    float total = 0;             // of the probabilities
};

// Takes in up to 8 keys and values; those from `left` on are none.
template <int Width>
__device__ __forceinline__ void step(Result<Width> &result, const float4 (&q)[Width / 8],
                                     const float4 (*keys)[Width / 4], const float4 (*values)[Width / 4], int left) {
    const int half = threadIdx.x % 2;
    float p[group];  // scores, then probabilities
    float largest = result.largest;
#pragma unroll
    for (int j = 0; j < group; j++) {
        float sum = 0;
#pragma unroll
        for (int i = 0; i < Width / 8; i++) sum = dot(q[i], keys[j][2 * i + half], sum);
        sum += __shfl_xor_sync(~0u, sum, 1);
        p[j] = j < left ? sum : -INFINITY;
        largest = fmaxf(largest, p[j]);
    }
    const float shrink = exp2_fast((result.largest - largest) * scale<Width>);
    result.largest = largest;
    result.total *= shrink;
#pragma unroll
    for (int i = 0; i < Width / 8; i++) {
        float4 &sum = result.sum[i];
        sum = make_float4(sum.x * shrink, sum.y * shrink, sum.z * shrink, sum.w * shrink);
    }
#pragma unroll
    for (int j = 0; j < group; j++) {
        p[j] = exp2_fast((p[j] - largest) * scale<Width>);
        result.total += p[j];
#pragma unroll
        for (int i = 0; i < Width / 8; i++) {
            const float4 v = values[j][2 * i + half];
            float4 &sum = result.sum[i];
            sum = make_float4(fmaf(p[j], v.x, sum.x), fmaf(p[j], v.y, sum.y), fmaf(p[j], v.z, sum.z),
                              fmaf(p[j], v.w, sum.w));
        }
    }
}

template <int Width, bool Rotary>
__device__ __forceinline__ void attention(const float *q, const float *k, const float *v, float *y, int q_stride,
                                          int k_stride, int v_stride, int y_stride, int heads, const int *queries,
                                          const int *keys, const int *tiles, const float *cos, const float *sin) {
    __shared__ float4 key_rows[key_tile][Width / 4], value_rows[key_tile][Width / 4];
    const int half = threadIdx.x % 2, row = threadIdx.x / 2;
    const int items = tiles[0] * heads;
    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        const int at = item / heads, head = item % heads;
        const int sequence = tiles[1 + 2 * at], first = tiles[2 + 2 * at];
        const int query = queries[sequence], rows = min(query_tile, queries[sequence + 1] - query - first);
        const int key = keys[sequence], length = keys[sequence + 1] - key;
        const float *const k_at = k + static_cast<size_t>(key) * k_stride + head * Width;
        const float *const v_at = v + static_cast<size_t>(key) * v_stride + head * Width;

        float4 channels[Width / 8];
        const float *const q_at = q + static_cast<size_t>(query) * q_stride + head * Width;
#pragma unroll
        for (int i = 0; i < Width / 8; i++)  // threads without a query compute the last one's, and drop it
            channels[i] = load<Width, Rotary>(q_at, q_stride, first + min(row, rows - 1), 2 * i + half, cos, sin);

        const bool busy = static_cast<int>(threadIdx.x) / 32 * 16 < rows;
        Result<Width> result;
        for (int done = 0; done < length; done += key_tile) {
            __syncthreads();  // no warp reads the tile before any more
            for (int i = threadIdx.x; i < key_tile * (Width / 4); i += threads) {
                const int to = i / (Width / 4), chunk = i % (Width / 4), from = done + to;
                const bool present = from < length;
                const float4 none = {};
                key_rows[to][chunk] = present ? load<Width, Rotary>(k_at, k_stride, from, chunk, cos, sin) : none;
                value_rows[to][chunk] =
                    present ? load<Width, false>(v_at, v_stride, from, chunk, nullptr, nullptr) : none;
            }
            __syncthreads();  // the tile is complete
            if (!busy) continue;
            for (int n = 0; n < key_tile && n < length - done; n += group)
                step<Width>(result, channels, key_rows + n, value_rows + n, length - done - n);
        }
        if (row >= rows) continue;
        const float share = 1 / result.total;
        float *const to = y + static_cast<size_t>(query + first + row) * y_stride + head * Width;
#pragma unroll
        for (int i = 0; i < Width / 8; i++) {
            const float4 sum = result.sum[i];
            *reinterpret_cast<float4 *>(to + (2 * i + half) * 4) =
                make_float4(sum.x * share, sum.y * share, sum.z * share, sum.w * share);
        }
    }
}

}  // namespace

#define ATTENTION(name, width, rotary, blocks)                                                                         \
    extern "C" __global__ void __launch_bounds__(threads, blocks)                                                      \
        name(const float *__restrict__ q, const float *__restrict__ k, const float *__restrict__ v,                    \
             float *__restrict__ y, int q_stride, int k_stride, int v_stride, int y_stride, int heads,                 \
             const int *__restrict__ queries, const int *__restrict__ keys, const int *__restrict__ tiles,             \
             const float *__restrict__ cos, const float *__restrict__ sin) {                                           \
        attention<width, rotary>(q, k, v, y, q_stride, k_stride, v_stride, y_stride, heads, queries, keys, tiles, cos, \
                                 sin);                                                                                 \
    }

ATTENTION(attention_f32_32, 32, false, 4)
ATTENTION(attention_f32_32_rotary, 32, true, 4)
ATTENTION(attention_f32_64, 64, false, 3)
ATTENTION(attention_f32_64_rotary, 64, true, 3)
