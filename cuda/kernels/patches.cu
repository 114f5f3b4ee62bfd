// Cuts pictures into flattened patches and maps every sample by levels, which hold the normalisation: op.Patches.
//
// Layout: pixels uint8 [pictures, side, side, 3]; levels float32 [3, 256]; y [pictures x (side/patch)^2, 3 patch^2] of
// T with a stride in values, a row's order being channel, row, column.
// Moves 3 patch^2 (1 + sizeof(T)) bytes a row: 2.3 KB for 16 x 16 of bf16.
// patches_T: a thread takes 8 pixels of a patch's line, 24 bytes next to its neighbours', and writes 8 samples of each
// channel, so that the threads of a patch write each channel without a gap. Levels are looked up in shared memory.
// Limits: patch a multiple of 8, whole 16-byte vectors in y and pixels at a multiple of 8 bytes (patches_T); any patch
// and alignment, a thread for each sample (patches_T_any).
// Occupancy: 4 blocks of 256 threads a multiprocessor, 3 KB of shared memory each; no spills.
#include "types.cuh"

namespace {

constexpr int patch_threads = 256;
constexpr int patch_items =
    4;                   // lines of 8 pixels that a thread takes one after another: they share the levels' loading
constexpr int line = 8;  // pixels
constexpr int channels = 3;
constexpr int steps = 256;  // of a sample

// Pictures of side x side pixels in a grid of side/patch x side/patch patches.
struct Pictures {
    const unsigned char *pixels;
    int side, patch;

    // The three bytes of a pixel, given by its patch (counted over all pictures) and its place there.
    __device__ const unsigned char *pixel(int patch_index, int row, int column) const {
        const int grid = side / patch;
        const int picture = patch_index / (grid * grid), place = patch_index % (grid * grid);
        const size_t y = static_cast<size_t>(picture) * side + place / grid * patch + row;
        return pixels + (y * side + place % grid * patch + column) * channels;
    }
};

// One line of 8 pixels to 8 samples of each channel.
template <typename T>
__device__ void line_of_patch(const unsigned char *from, const float (&levels)[channels][steps], T *to,
                              int channel_stride) {
    uint2 words[channels];
#pragma unroll
    for (int i = 0; i < channels; i++) words[i] = reinterpret_cast<const uint2 *>(from)[i];
#pragma unroll
    for (int channel = 0; channel < channels; channel++) {
        float samples[line];
#pragma unroll
        for (int i = 0; i < line; i++) {
            const int byte = i * channels + channel;  // of 24: 8 in each of words
            const unsigned word = byte % 8 < 4 ? words[byte / 8].x : words[byte / 8].y;
            samples[i] = levels[channel][word >> byte % 4 * 8 & 0xff];
        }
        store(to + channel * channel_stride, samples);
    }
}

template <typename T>
__device__ void patches(Pictures pictures, const float *levels, T *y, int y_stride, int rows) {
    __shared__ float shared_levels[channels][steps];
    for (int i = threadIdx.x; i < channels * steps; i += patch_threads) shared_levels[i / steps][i % steps] = levels[i];
    __syncthreads();

    const int patch = pictures.patch, lines_in_row = patch / line, lines = patch * lines_in_row;  // of a patch
    for (int i = 0; i < patch_items; i++) {
        const unsigned item = (blockIdx.x * patch_items + i) * patch_threads + threadIdx.x;
        const int patch_index = item / lines, place = item % lines;
        if (patch_index >= rows) return;
        const int row = place / lines_in_row, column = place % lines_in_row * line;
        line_of_patch(pictures.pixel(patch_index, row, column), shared_levels,
                      y + static_cast<size_t>(patch_index) * y_stride + row * patch + column, patch * patch);
    }
}

template <typename T>
__device__ void patches_any(Pictures pictures, const float *levels, T *y, int y_stride, int rows) {
    const int patch = pictures.patch, samples = channels * patch * patch;  // of a patch
    const unsigned item = blockIdx.x * patch_threads + threadIdx.x;
    const int patch_index = item / samples, place = item % samples;
    if (patch_index >= rows) return;
    const int channel = place / (patch * patch), row = place / patch % patch, column = place % patch;
    const unsigned char sample = pictures.pixel(patch_index, row, column)[channel];
    y[static_cast<size_t>(patch_index) * y_stride + place] = narrow<T>(levels[channel * steps + sample]);
}

}  // namespace

#define PATCHES(suffix, function, T)                                                                                   \
    extern "C" __global__ void __launch_bounds__(patch_threads, 4) patches_##suffix(                                   \
        const unsigned char *pixels, int side, int patch, const float *levels, T *y, int y_stride, int rows) {         \
        function(Pictures{pixels, side, patch}, levels, y, y_stride, rows);                                            \
    }
#define PATCHES_OF(T) PATCHES(T, patches, T) PATCHES(T##_any, patches_any, T)
PATCHES_OF(f32)
PATCHES_OF(bf16)
PATCHES_OF(f16)
