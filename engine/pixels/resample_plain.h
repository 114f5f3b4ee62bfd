// The kernels of 8-bit samples in plain C, for processors without vectors that are known here. resample.c includes it.

static void pack_plain(quad *packed, const int32_t weights[4]) { memcpy(packed->word, weights, sizeof packed->word); }

static uint8_t clip8(int32_t sum) {
    sum = (sum + (1 << (FIXED_BITS - 1))) >> FIXED_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void across_plain(pixels_grid8 dst, int count, const uint8_t *const *rows, int in, int bands, const run *runs,
                         const quad *weights, int n, char *scratch) {
    (void)scratch;
    for (int i = 0; i < n; i++) {
        const int first = 4 * runs[i].first, end = smaller(4 * runs[i].count, in - first);
        for (int y = 0; y < count; y++)
            for (int band = 0; band < bands; band++) {
                const uint8_t *x = rows[y] + (size_t)first * (size_t)bands + band;
                int32_t sum = 0;
                for (int k = 0; k < end; k++) sum += x[k * bands] * weights[k / 4].word[k % 4];
                dst.pix[(size_t)y * dst.stride + (size_t)(i * bands + band)] = clip8(sum);
            }
        weights += runs[i].count;
    }
}

static void down_plain(uint8_t *dst, const uint8_t *const *rows, const quad *weights, int quads, int n) {
    for (int x = 0; x < n; x++) {
        int32_t sum = 0;
        for (int k = 0; k < 4 * quads; k++) sum += rows[k][x] * weights[k / 4].word[k % 4];
        dst[x] = clip8(sum);
    }
}

static void premultiply_plain(uint8_t *dst, const uint8_t *src, int n, int bands) {
    for (int i = 0; i < n; i++) {
        const int alpha = i % bands == bands - 1 ? 255 : src[i - i % bands + bands - 1];
        const int t = src[i] * alpha + 128;
        dst[i] = (uint8_t)((t + (t >> 8)) >> 8);
    }
}

static void unpremultiply_plain(uint8_t *pix, size_t n, int bands) {
    for (uint8_t *end = pix + n; pix < end; pix += bands) {
        const int alpha = pix[bands - 1];
        if (alpha == 0) continue;
        for (int band = 0; band < bands - 1; band++) pix[band] = (uint8_t)smaller(255 * pix[band] / alpha, 255);
    }
}

static void paper_plain(uint8_t *pix, size_t n) {
    for (uint8_t *end = pix + n; pix < end; pix += 4)
        for (int band = 0; band < 3; band++) {
            const int paper = 255 - pix[3], t = pix[band] * paper + 128;
            pix[band] = (uint8_t)(paper - ((t + (t >> 8)) >> 8));
        }
}

static const kernels set_plain = {4,           pack_plain,        across_plain,
                                  down_plain,  premultiply_plain, unpremultiply_plain,
                                  paper_plain, across16_plain,    down16_plain};
