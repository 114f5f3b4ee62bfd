// The kernels of 16-bit samples, whose sums are float64 and added up in order, in vectors of LANES / 2 sums. resample.c
// includes it for each set. Products are rounded before they are added: -std=c11 forbids fused multiply-adds.

enum { NAME(doubles) = LANES / 2, NAME(block) = LANES };

typedef double NAME(vector16) __attribute__((vector_size(LANES / 2 * sizeof(double))));
typedef int32_t NAME(integers) __attribute__((vector_size(LANES / 2 * sizeof(int32_t))));
typedef uint16_t NAME(samples) __attribute__((vector_size(LANES / 2 * sizeof(uint16_t))));

// Halves up; what is below zero is clipped, so its rounding does not matter.
static inline uint16_t NAME(clip16)(double sum) {
    const int32_t v = (int32_t)(sum + 0.5);
    return (uint16_t)(v < 0 ? 0 : v > 65535 ? 65535 : v);
}

// LANES rows together: panel has their samples as doubles, a column's after one another.
static void NAME(across16)(pixels_grid16 dst, pixels_grid16 src, int count, int in, pixels_taps columns,
                           double *panel) {
    for (int y = 0; y < count; y += LANES) {
        const int rows = smaller(LANES, count - y);
        for (int r = 0; r < rows; r++) {
            const uint16_t *row = src.pix + (size_t)(y + r) * src.stride;
            for (int x = 0; x < in; x++) panel[x * LANES + r] = row[x];
        }
        for (int i = 0; i < columns.n; i++) {
            const NAME(vector16) *x = (const NAME(vector16) *)(panel + (columns.lo[i] - columns.first) * LANES);
            const double *weights = (const double *)columns.weights;
            NAME(vector16) a = {0}, b = {0};
            for (int k = columns.at[i]; k < columns.at[i + 1]; k++, x += 2) {
                a += x[0] * weights[k];
                b += x[1] * weights[k];
            }
            uint16_t *to = dst.pix + (size_t)y * dst.stride + i;
            for (int r = 0; r < rows; r++, to += dst.stride)
                *to = NAME(clip16)(r < NAME(doubles) ? a[r] : b[r - NAME(doubles)]);
        }
    }
}

static void NAME(down16)(pixels_grid16 dst, pixels_grid16 src, int n, pixels_taps rows) {
    for (int i = 0; i < rows.n; i++) {
        const double *weights = (const double *)rows.weights + rows.at[i];
        const int count = rows.at[i + 1] - rows.at[i];
        const uint16_t *from = src.pix + (size_t)(rows.lo[i] - rows.first) * src.stride;
        uint16_t *to = dst.pix + (size_t)i * dst.stride;
        int x = 0;
        for (; x + NAME(doubles) <= n; x += NAME(doubles)) {
            NAME(vector16) sums = {0};
            for (int k = 0; k < count; k++) {
                NAME(samples) v;
                memcpy(&v, from + (size_t)k * src.stride + x, sizeof v);
                sums +=
                    __builtin_convertvector(__builtin_convertvector(v, NAME(integers)), NAME(vector16)) * weights[k];
            }
            for (int lane = 0; lane < NAME(doubles); lane++) to[x + lane] = NAME(clip16)(sums[lane]);
        }
        for (; x < n; x++) {
            double sum = 0;
            for (int k = 0; k < count; k++) sum += from[(size_t)k * src.stride + x] * weights[k];
            to[x] = NAME(clip16)(sum);
        }
    }
}
