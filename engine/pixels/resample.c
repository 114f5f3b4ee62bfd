//go:build native

#include "resample.h"

#include <string.h>

// Weights are multiplied by fours: the samples that they belong to are 32 bits of a vector.
typedef struct {
    int32_t word[4];  // as a set's pack writes them
} quad;

// The fours that make one output pixel: count of them, the first belonging to the inputs from 4 * first on.
typedef struct {
    int32_t first, count;
} run;

// The kernels of one set. Lanes is how many rows across takes together.
typedef struct {
    int lanes;
    void (*pack)(quad *packed, const int32_t weights[4]);
    void (*across)(pixels_grid8 dst, int count, const uint8_t *const *rows, int in, int bands, const run *runs,
                   const quad *weights, int n, char *scratch);
    void (*down)(uint8_t *dst, const uint8_t *const *rows, const quad *weights, int quads, int n);
    void (*premultiply)(uint8_t *dst, const uint8_t *src, int n, int bands);
    void (*unpremultiply)(uint8_t *pix, size_t n, int bands);
    void (*paper)(uint8_t *pix, size_t n);
    void (*across16)(pixels_grid16 dst, pixels_grid16 src, int count, int in, pixels_taps columns, double *panel);
    void (*down16)(pixels_grid16 dst, pixels_grid16 src, int n, pixels_taps rows);
} kernels;

enum { FIXED_BITS = 22, MAX_LANES = 16 };

static inline int smaller(int a, int b) { return a < b ? a : b; }

#define NAME(name) name##_plain
#define LANES 4
#include "resample16.h"
#include "resample_plain.h"
#undef NAME
#undef LANES

#if defined(__x86_64__)
#include <immintrin.h>

// How 16 bytes of pixels are sorted by bands; four bands' order is its own reverse.
static const uint8_t by_band[5][16] = {
    [1] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    [2] = {0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15},
    [3] = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 12, 13, 14, 15},
    [4] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15},
};

// Where each sample's alpha stands.
static const uint8_t alpha_of[5][16] = {
    [2] = {1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15},
    [4] = {3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15},
};

#pragma GCC push_options
#pragma GCC target("avx2")
#define NAME(name) name##_avx2
#define LANES 8
#include "resample16.h"
#include "resample_lanes.h"
#undef NAME
#undef LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#define NAME(name) name##_avx512
#define LANES 16
#include "resample16.h"
#include "resample_lanes.h"
#undef NAME
#undef LANES
#pragma GCC pop_options
#endif

int pixels_best_set(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni"))
        return PIXELS_AVX512;
    if (__builtin_cpu_supports("avx2")) return PIXELS_AVX2;
#endif
    return PIXELS_PLAIN;
}

static const kernels *kernels_of(int set) {
#if defined(__x86_64__)
    if (set == PIXELS_AVX512) return &set_avx512;
    if (set == PIXELS_AVX2) return &set_avx2;
#endif
    (void)set;
    return &set_plain;
}

// Takes bytes of scratch, aligned for every vector.
static void *take(char **scratch, size_t bytes) {
    char *at = *scratch + (-(uintptr_t)*scratch & 63);
    *scratch = at + bytes;
    return at;
}

size_t pixels_across8_scratch(int in, int bands, int alpha, int n, int weights) {
    const size_t row = (size_t)in * (size_t)bands, block = alpha ? row * MAX_LANES : 0, panel = (row / 12 + 1) * 4 * 64;
    const size_t packed = (size_t)n * sizeof(run) + ((size_t)weights / 4 + 2 * (size_t)n) * sizeof(quad);
    return block + packed + ((size_t)n * (size_t)bands + 15) * 64 + panel + 4 * 64;
}

size_t pixels_across16_scratch(int in) { return (size_t)in * MAX_LANES * sizeof(double) + 64; }

size_t pixels_down8_scratch(int n, int alpha, int most) {
    const size_t rows = (size_t)most + 3, ring = alpha ? rows * (size_t)n : 0;
    return rows * (sizeof(uint8_t *) + sizeof(quad)) + ring + 3 * 64;
}

// Writes n weights as fours, the first of which begins with as many zeros as skip says, and returns how many.
static int pack(const kernels *k, quad *packed, const int32_t *weights, int n, int skip) {
    const int fours = (skip + n + 3) / 4;
    for (int i = 0; i < fours; i++) {
        int32_t four[4] = {0};
        for (int j = 0; j < 4; j++) {
            const int at = 4 * i + j - skip;
            if (at >= 0 && at < n) four[j] = weights[at];
        }
        k->pack(packed + i, four);
    }
    return fours;
}

void pixels_across8(int set, pixels_grid8 dst, pixels_grid8 src, int count, int in, int bands, int alpha,
                    pixels_taps columns, void *scratch) {
    const kernels *k = kernels_of(set);
    const int32_t *weights = columns.weights;
    char *room = scratch;
    const size_t row = (size_t)in * (size_t)bands;
    uint8_t *block = take(&room, alpha ? row * MAX_LANES : 0);
    run *runs = take(&room, (size_t)columns.n * sizeof *runs);
    quad *packed = take(&room, 0), *end = packed;
    for (int i = 0; i < columns.n; i++) {
        const int lo = columns.lo[i] - columns.first, n = columns.at[i + 1] - columns.at[i];
        runs[i] = (run){lo / 4, pack(k, end, weights + columns.at[i], n, lo % 4)};
        end += runs[i].count;
    }
    room = (char *)end;
    char *rest = take(&room, 0);
    for (int y = 0; y < count; y += k->lanes) {
        const uint8_t *rows[MAX_LANES];
        for (int r = 0; r < k->lanes; r++) {
            rows[r] = src.pix + (size_t)smaller(y + r, count - 1) * src.stride;
            if (alpha) {
                uint8_t *to = block + (size_t)r * row;
                k->premultiply(to, rows[r], in * bands, bands);
                rows[r] = to;
            }
        }
        const pixels_grid8 to = {dst.pix + (size_t)y * dst.stride, dst.stride};
        k->across(to, smaller(k->lanes, count - y), rows, in, bands, runs, packed, columns.n, rest);
    }
}

// Premultiplied rows are kept in a ring, for as long as an output row needs them.
void pixels_down8(int set, pixels_grid8 dst, pixels_grid8 src, int n, int bands, int alpha, pixels_taps rows, int most,
                  void *scratch) {
    const kernels *k = kernels_of(set);
    const int32_t *weights = rows.weights;
    char *room = scratch;
    const uint8_t **from = take(&room, (size_t)(most + 3) * sizeof *from);
    quad *packed = take(&room, (size_t)(most + 3) * sizeof *packed);
    uint8_t *ring = take(&room, 0);
    int ready = rows.first;
    for (int i = 0; i < rows.n; i++) {
        const int lo = rows.lo[i], count = rows.at[i + 1] - rows.at[i];
        const int fours = pack(k, packed, weights + rows.at[i], count, 0);
        for (ready = ready > lo ? ready : lo; alpha && ready < lo + count; ready++)
            k->premultiply(ring + (size_t)(ready % most) * (size_t)n,
                           src.pix + (size_t)(ready - rows.first) * src.stride, n, bands);
        for (int j = 0; j < 4 * fours; j++) {
            const int y = lo + smaller(j, count - 1);
            from[j] = alpha ? ring + (size_t)(y % most) * (size_t)n : src.pix + (size_t)(y - rows.first) * src.stride;
        }
        k->down(dst.pix + (size_t)i * dst.stride, from, packed, fours, n);
    }
}

void pixels_across16(int set, pixels_grid16 dst, pixels_grid16 src, int count, int in, pixels_taps columns,
                     void *scratch) {
    char *room = scratch;
    kernels_of(set)->across16(dst, src, count, in, columns, take(&room, 0));
}

void pixels_down16(int set, pixels_grid16 dst, pixels_grid16 src, int n, pixels_taps rows) {
    kernels_of(set)->down16(dst, src, n, rows);
}

void pixels_unpremultiply(int set, uint8_t *pix, size_t n, int bands) { kernels_of(set)->unpremultiply(pix, n, bands); }

// Pixels of three samples are written as four bytes, the last of which the next pixel overwrites; red is the lowest
// byte.
static inline void put_rgb(uint8_t *rgb, uint32_t colour) { memcpy(rgb, &colour, 4); }

static inline void put_last_rgb(uint8_t *rgb, uint32_t colour) { memcpy(rgb, &colour, 3); }

void pixels_nearest(uint8_t *rgb, pixels_grid8 src, const int32_t *columns, int width, const int32_t *rows, int height,
                    const uint32_t *palette) {
    for (int y = 0; y < height; y++, rgb += 3 * width) {
        if (y > 0 && rows[y] == rows[y - 1]) {
            memcpy(rgb, rgb - 3 * width, 3 * (size_t)width);
            continue;
        }
        const uint8_t *row = src.pix + (size_t)rows[y] * src.stride;
        const int last = width - 1;
        for (int x = 0; x < last; x++) put_rgb(rgb + 3 * x, palette[row[columns[x]]]);
        put_last_rgb(rgb + 3 * last, palette[row[columns[last]]]);
    }
}

static inline uint32_t grey(int v) { return (uint32_t)v * 0x010101u; }

void pixels_rgb_of_grey(uint8_t *rgb, const uint8_t *pix, int n, int bands) {
    for (; n > 1; n--, rgb += 3, pix += bands) put_rgb(rgb, grey(*pix));
    put_last_rgb(rgb, grey(*pix));
}

void pixels_rgb_of_grey16(uint8_t *rgb, const uint16_t *pix, int n) {
    for (; n > 1; n--, rgb += 3, pix++) put_rgb(rgb, grey(smaller(*pix, 255)));
    put_last_rgb(rgb, grey(smaller(*pix, 255)));
}

void pixels_rgb_of_four(uint8_t *rgb, const uint8_t *pix, int n) {
    for (; n > 1; n--, rgb += 3, pix += 4) memcpy(rgb, pix, 4);
    memcpy(rgb, pix, 3);
}

void pixels_paper(int set, uint8_t *pix, size_t n) { kernels_of(set)->paper(pix, n); }
