// attention_{bf16,f16}_{32,64}[_rotary]: y = softmax(q k^T / sqrt(width)) v for every head of every sequence, heads of
// 32 or 64 channels, without a mask: queries see the keys of their own sequence. With rotary, q and k are first turned
// by the rotation of their place in the sequence, pairs of channels (2j, 2j + 1), as op.Rotary says.
//
// Layout: q, y [query rows, heads x width] and k, v [key rows, heads x width] with strides of their own, all rows at
// multiples of 16 bytes, y apart from the others. Sequence i has query rows queries[i] to queries[i + 1] - 1 and key
// rows likewise; the two may differ (one pooled query, all keys), and every sequence with queries has keys. cos, sin
// float32 [longest sequence, width]. tiles: see Tiles in tiles.go. Any grid: blocks take (tile, head) items in turn,
// heads first, so that a grid captured in a graph serves every batch and neighbours share their rows of cos and sin.
//
// Each block takes 64 queries of one head, four warps of 16, and goes through the keys 64 at a time, softmax being kept
// up as it goes (Milakov and Gimelshein, arXiv 1805.02867; Dao, arXiv 2205.14135). Scores, sums and the result so far
// are float32 in registers; probabilities are rounded to T before they meet v, rotated q and k once to T, y once.
// A sequence's result does not depend on what else is in the batch, to the bit.
//
// Bytes: q and y once; k and v once for each 64 queries of their sequence, after the first time from L2; with rotary,
// as often, 8 x width bytes of cos and sin, which neighbouring blocks share in L1 and L2. Flops: 4 x width for each
// query and key, keys rounded up to 16 a sequence, queries to 16.
//
// Occupancy: 32 KiB of shared memory (16 at width 32) hold two stages of 64 keys and values; q and y pass through the
// one that is free. Width 64: 3 blocks (12 warps) a multiprocessor on all of 80 to 120, for want of registers (168 a
// thread, of which 32 hold the result, 32 the scores and 16 q) and, on 86, 89 and 120 with their 100 KiB, of shared
// memory. Width 32: 4 blocks (16 warps), 128 registers. Tensor cores need few warps, for each has several products in
// flight.
#include "approximate.cuh"
#include "tensor_cores.cuh"
#include "types.cuh"

namespace {

constexpr int threads = 128;
constexpr int tile = 64;  // queries of a block and keys of a step: kernels.QueryTile
constexpr int warp_rows = 16;
constexpr float log2_e = 1.44269504088896341f;

// What scores are multiplied with so that exp2 makes softmax's terms of them.
template <int Width> constexpr float scale = log2_e * (Width == 64 ? 0.125f : 0.17677669529663689f);

// ---- tiles in shared memory: [64, Width] values of 16 bits in chunks of 16 bytes

template <int Width> constexpr int chunks = Width / 8;  // in a row
template <int Width> constexpr int tile_bytes = tile * Width * 2;

// The byte at which a chunk begins. A row's chunks are permuted by xor so that eight rows' chunks of the same number
// (what ldmatrix reads) and one row's eight chunks (what copies write) both fall in different banks.
template <int Width> __device__ __forceinline__ int chunk_at(int row, int chunk) {
    constexpr int rows_in_128_bytes = 8 / chunks<Width>;
    return (row * chunks<Width> + (chunk ^ (row / rows_in_128_bytes % chunks<Width>))) * 16;
}

// The address of the chunk `rows` rows below (a multiple of 8) and `chunks` chunks beside (an even number), from the
// address of one of the row's first two: cheap, for tiles begin at multiples of 128 bytes.
template <int Width> __device__ __forceinline__ uint32_t chunk_from(uint32_t address, int rows, int chunks) {
    return (address ^ chunks * 16) + rows * Width * 2;
}

// Which chunks a thread copies, rotates and stores: number own_chunk of the rows own_row, own_row + rows_at_once, and
// so on to its warp's last. So q and y, of which a warp takes its own 16 rows, need no barrier.
template <int Width> constexpr int rows_at_once = 32 / chunks<Width>;
template <int Width> __device__ __forceinline__ int own_chunk() { return threadIdx.x % chunks<Width>; }
template <int Width> __device__ __forceinline__ int own_row() {
    return threadIdx.x / 32 * warp_rows + threadIdx.x % 32 / chunks<Width>;
}

// Starts copying the first `rows` rows; the rest of the tile becomes zeros, and nothing is read for them.
template <int Width, typename T>
__device__ __forceinline__ void fetch(uint32_t to, const T *from, int stride, int rows) {
    const int chunk = own_chunk<Width>(), first = own_row<Width>();
    from += first * stride + chunk * 8;
#pragma unroll
    for (int row = first; row < first + warp_rows; row += rows_at_once<Width>) {
        copy_16_bytes(to + chunk_at<Width>(row, chunk), from, row < rows);
        from += rows_at_once<Width> * stride;
    }
}

// ---- rotation

// Turns the pair of values in a word by the angles at cos and sin.
template <typename T> __device__ __forceinline__ uint32_t rotate(uint32_t word, float2 cos, float2 sin) {
    float pair[2];
    widen_word<T>(word, pair);
    const float turned[2] = {pair[0] * cos.x - pair[1] * sin.x, pair[1] * cos.y + pair[0] * sin.y};
    return narrow_word<T>(turned);
}

// Rotates the chunks of a tile that this thread has copied; cos and sin begin at the row of the tile's first key. The
// zeros after the last row stay zeros at any angle, so they take the last row's, for the tables may end there.
template <typename T, int Width>
__device__ __forceinline__ void rotate_keys(unsigned char *keys, const float *cos, const float *sin, int rows) {
    const int chunk = own_chunk<Width>(), first = own_row<Width>();
#pragma unroll 2  // more tables at once would cost more registers than there are
    for (int row = first; row < first + warp_rows; row += rows_at_once<Width>) {
        const int at = min(row, rows - 1) * Width + chunk * 8;
        const float4 c0 = *reinterpret_cast<const float4 *>(cos + at),
                     c1 = *reinterpret_cast<const float4 *>(cos + at + 4);
        const float4 s0 = *reinterpret_cast<const float4 *>(sin + at),
                     s1 = *reinterpret_cast<const float4 *>(sin + at + 4);
        uint4 &words = *reinterpret_cast<uint4 *>(keys + chunk_at<Width>(row, chunk));
        words =
            make_uint4(rotate<T>(words.x, {c0.x, c0.y}, {s0.x, s0.y}), rotate<T>(words.y, {c0.z, c0.w}, {s0.z, s0.w}),
                       rotate<T>(words.z, {c1.x, c1.y}, {s1.x, s1.y}), rotate<T>(words.w, {c1.z, c1.w}, {s1.z, s1.w}));
    }
}

// ---- the work of one warp: 16 queries

// Width channels of 16 queries as operands A, 16 channels each. A register holds a pair that is rotated together.
template <int Width> using Queries = uint32_t[Width / 16][4];

template <typename T, int Width>
__device__ __forceinline__ void load_queries(Queries<Width> &q, uint32_t tile_at) {
    const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * warp_rows + lane % 16;
#pragma unroll
    for (int k = 0; k < Width / 16; k++) load_matrices(q[k], tile_at + chunk_at<Width>(row, 2 * k + lane / 16));
}

// Rotates q; cos and sin begin at the row of the tile's first query.
template <typename T, int Width>
__device__ __forceinline__ void rotate_queries(Queries<Width> &q, const float *cos, const float *sin, int rows) {
    const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * warp_rows + lane / 4;
#pragma unroll
    for (int k = 0; k < Width / 16; k++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int at = min(row + i % 2 * 8, rows - 1) * Width + k * 16 + i / 2 * 8 + lane % 4 * 2;
            q[k][i] = rotate<T>(q[k][i], *reinterpret_cast<const float2 *>(cos + at),
                                *reinterpret_cast<const float2 *>(sin + at));
        }
    }
}

// What a warp carries from step to step. A lane holds parts of two queries: rows g = lane / 4 and g + 8 of the warp's.
template <int Width> struct Result {
    float sum[Width / 8][4] = {};               // of probability x value, [8 channels][as operand C]
    float largest[2] = {-INFINITY, -INFINITY};  // score so far
    float total[2] = {};                        // of the probabilities of this lane's keys
};

// The scores of one tile's keys, then their probabilities: [8 keys][as operand C].
using Scores = float[tile / 8][4];

// Multiplies q with the keys, of which only `left` are any, 16 at a time. lane_key is the address of the row and chunk
// that this lane names to ldmatrix of the first 16 keys and channels. The branches also keep the compiler from loading
// everything at once, which costs more registers than it hides latency.
template <typename T, int Width>
__device__ __forceinline__ void score(Scores &p, const Queries<Width> &q, uint32_t lane_key, int left) {
#pragma unroll
    for (int n = 0; n < tile; n += 16) {
        if (n >= left) break;
#pragma unroll
        for (int k = 0; k < Width / 16; k++) {
            uint32_t b[4];
            load_matrices(b, chunk_from<Width>(lane_key, n, 2 * k));
            multiply_add(p[n / 8], q[k], b[0], b[1], T());
            multiply_add(p[n / 8 + 1], q[k], b[2], b[3], T());
        }
    }
    if (left >= tile) return;
    const int column = threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < tile; n += 8) {
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (n + column + i % 2 >= left) p[n / 8][i] = -INFINITY;
    }
}

// Makes probabilities of scores, relative to the largest score so far, and scales the result so far down to it.
template <int Width> __device__ __forceinline__ void soften(Scores &p, Result<Width> &result) {
#pragma unroll
    for (int row = 0; row < 2; row++) {
        float largest = result.largest[row];
#pragma unroll
        for (int n = 0; n < tile / 8; n++) largest = fmaxf(largest, fmaxf(p[n][2 * row], p[n][2 * row + 1]));
        // The four lanes of a query hold different keys.
        largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, 1));
        largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, 2));
        const float shrink = exp2_fast((result.largest[row] - largest) * scale<Width>);
        const float offset = largest * scale<Width>;
        float total = result.total[row] * shrink;
#pragma unroll
        for (int n = 0; n < tile / 8; n++) {
#pragma unroll
            for (int i = 2 * row; i < 2 * row + 2; i++) {
                p[n][i] = exp2_fast(p[n][i] * scale<Width> - offset);
                total += p[n][i];
            }
        }
        result.largest[row] = largest;
        result.total[row] = total;
#pragma unroll
        for (int n = 0; n < Width / 8; n++) {
            result.sum[n][2 * row] *= shrink;
            result.sum[n][2 * row + 1] *= shrink;
        }
    }
}

// Adds the values, each times its probability; lane_value is to the values what lane_key is to the keys.
template <typename T, int Width>
__device__ __forceinline__ void add_values(Result<Width> &result, const Scores &p, uint32_t lane_value, int left) {
#pragma unroll
    for (int k = 0; k < tile; k += 16) {
        if (k >= left) break;
        // Operand C of the scores is operand A of this product: the same lanes hold the same rows.
        const uint32_t a[4] = {narrow_word<T>(&p[k / 8][0]), narrow_word<T>(&p[k / 8][2]),
                               narrow_word<T>(&p[k / 8 + 1][0]), narrow_word<T>(&p[k / 8 + 1][2])};
#pragma unroll
        for (int n = 0; n < Width / 16; n++) {
            uint32_t b[4];
            load_matrices_transposed(b, chunk_from<Width>(lane_value, k, 2 * n));
            multiply_add(result.sum[2 * n], a, b[0], b[1], T());
            multiply_add(result.sum[2 * n + 1], a, b[2], b[3], T());
        }
    }
}

// Writes the warp's rows of y, by way of shared memory, so that they leave 16 bytes at a time.
template <typename T, int Width>
__device__ __forceinline__ void finish(const Result<Width> &result, unsigned char *through, T *y, int stride,
                                       int rows) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int row = 0; row < 2; row++) {
        float total = result.total[row];
        total += __shfl_xor_sync(~0u, total, 1);
        total += __shfl_xor_sync(~0u, total, 2);
        const float share = 1 / total;
#pragma unroll
        for (int n = 0; n < Width / 8; n++) {
            const float pair[2] = {result.sum[n][2 * row] * share, result.sum[n][2 * row + 1] * share};
            const int at = chunk_at<Width>(threadIdx.x / 32 * warp_rows + row * 8 + lane / 4, n) + lane % 4 * 4;
            *reinterpret_cast<uint32_t *>(through + at) = narrow_word<T>(pair);
        }
    }
    __syncwarp();
    const int chunk = own_chunk<Width>(), first = own_row<Width>();
#pragma unroll
    for (int row = first; row < first + warp_rows; row += rows_at_once<Width>) {
        if (row < rows)
            *reinterpret_cast<uint4 *>(y + row * stride + chunk * 8) =
                *reinterpret_cast<const uint4 *>(through + chunk_at<Width>(row, chunk));
    }
}

// ---- the kernel

template <typename T, int Width, bool Rotary>
__device__ __forceinline__ void attention(const T *q, const T *k, const T *v, T *y, int q_stride, int k_stride,
                                          int v_stride, int y_stride, int heads, const int *queries, const int *keys,
                                          const int *tiles, const float *cos, const float *sin) {
    constexpr int bytes = tile_bytes<Width>;
    __shared__ __align__(128) unsigned char stages[2][2][bytes];  // [stage][keys, values]
    const int items = tiles[0] * heads;
    for (int item = blockIdx.x; item < items; item += gridDim.x) {
        const int at = item / heads, head = item % heads;
        const int sequence = tiles[1 + 2 * at], first = tiles[2 + 2 * at];
        const int query = queries[sequence] + first, rows = min(tile, queries[sequence + 1] - query);
        const int key = keys[sequence], length = keys[sequence + 1] - key;
        const T *const k_at = k + static_cast<size_t>(key) * k_stride + head * Width;
        const T *const v_at = v + static_cast<size_t>(key) * v_stride + head * Width;

        __syncthreads();  // no warp reads the item before any more
        fetch<Width>(shared_address(stages[1][0]), q + static_cast<size_t>(query) * q_stride + head * Width, q_stride,
                     rows);
        fetch<Width>(shared_address(stages[0][0]), k_at, k_stride, length);
        fetch<Width>(shared_address(stages[0][1]), v_at, v_stride, length);
        wait_for_copies();
        __syncwarp();
        Queries<Width> channels;
        load_queries<T, Width>(channels, shared_address(stages[1][0]));
        if (Rotary) rotate_queries<T, Width>(channels, cos + first * Width, sin + first * Width, rows);

        const bool busy = static_cast<int>(threadIdx.x) / 32 * warp_rows < rows;
        Result<Width> result;
        const int lane = threadIdx.x % 32;
        const uint32_t lane_key = chunk_at<Width>(lane % 8 + lane / 16 * 8, lane / 8 % 2),
                       lane_value = chunk_at<Width>(lane % 16, lane / 16);
        int stage = 0;
        for (int done = 0; done < length; done += tile, stage ^= 1) {
            const int left = length - done, next = done + tile;
            wait_for_copies();
            if (Rotary) rotate_keys<T, Width>(stages[stage][0], cos + done * Width, sin + done * Width, left);
            __syncthreads();  // this stage is complete, and no warp reads the other any more
            if (next < length) {
                fetch<Width>(shared_address(stages[stage ^ 1][0]), k_at + static_cast<size_t>(next) * k_stride,
                             k_stride, length - next);
                fetch<Width>(shared_address(stages[stage ^ 1][1]), v_at + static_cast<size_t>(next) * v_stride,
                             v_stride, length - next);
            }
            if (!busy) continue;
            Scores p = {};
            score<T, Width>(p, channels, shared_address(stages[stage][0]) + lane_key, left);
            soften<Width>(p, result);
            add_values<T, Width>(result, p, shared_address(stages[stage][1]) + lane_value, left);
        }
        // The last step has read from stage ^ 1.
        if (busy)
            finish<T, Width>(result, stages[stage][0], y + static_cast<size_t>(query) * y_stride + head * Width,
                             y_stride, rows);
    }
}

}  // namespace

#define ATTENTION(name, T, width, rotary, blocks)                                                                      \
    extern "C" __global__ void __launch_bounds__(threads, blocks)                                                      \
        name(const T *__restrict__ q, const T *__restrict__ k, const T *__restrict__ v, T *__restrict__ y,             \
             int q_stride, int k_stride, int v_stride, int y_stride, int heads, const int *__restrict__ queries,       \
             const int *__restrict__ keys, const int *__restrict__ tiles, const float *__restrict__ cos,               \
             const float *__restrict__ sin) {                                                                          \
        attention<T, width, rotary>(q, k, v, y, q_stride, k_stride, v_stride, y_stride, heads, queries, keys, tiles,   \
                                    cos, sin);                                                                         \
    }

ATTENTION(attention_bf16_32, bf16, 32, false, 4)
ATTENTION(attention_bf16_32_rotary, bf16, 32, true, 4)
ATTENTION(attention_bf16_64, bf16, 64, false, 3)
ATTENTION(attention_bf16_64_rotary, bf16, 64, true, 3)
ATTENTION(attention_f16_32, f16, 32, false, 4)
ATTENTION(attention_f16_32_rotary, f16, 32, true, 4)
ATTENTION(attention_f16_64, f16, 64, false, 3)
ATTENTION(attention_f16_64_rotary, f16, 64, true, 3)
