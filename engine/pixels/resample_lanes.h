// The kernels of 8-bit samples in vectors of LANES sums, 8 (AVX2) or 16 (AVX-512 with VNNI). resample.c includes it
// once for each. What is said of lanes below holds in both: most instructions work in each 128 bits of a vector apart.

#if LANES == 16
#define V(operation) _mm512_##operation
#define BITS(operation) _mm512_##operation##_si512
#define REPEAT(xmm) _mm512_broadcast_i32x4(xmm)
#define INSERT(v, xmm, i) _mm512_inserti32x4(v, xmm, i)
#define EXTRACT(v, i) _mm512_extracti32x4_epi32(v, i)
#else
#define V(operation) _mm256_##operation
#define BITS(operation) _mm256_##operation##_si256
#define REPEAT(xmm) _mm256_broadcastsi128_si256(xmm)
#define INSERT(v, xmm, i) _mm256_inserti128_si256(v, xmm, i)
#define EXTRACT(v, i) _mm256_extracti128_si256(v, i)
#endif
#define vector NAME(vector)
#define INLINE static inline __attribute__((always_inline))
enum { NAME(bytes) = 4 * LANES };
#define BYTES ((int)NAME(bytes))

#if LANES == 16
typedef __m512i vector;
enum { NAME(digits) = 3 };

// A weight is three digits to the base 256, each from -128 to 127: VNNI multiplies those by samples of 8 bits, and adds
// up fours.
static void NAME(pack)(quad *packed, const int32_t weights[4]) {
    int8_t digit[3][4];
    for (int i = 0; i < 4; i++) {
        int32_t rest = weights[i];
        for (int d = 0; d < 3; d++) {
            digit[d][i] = (int8_t)rest;
            rest = (rest - digit[d][i]) >> 8;
        }
    }
    memcpy(packed->word, digit, sizeof digit);
}

// Adds four samples in each lane, times four weights.
INLINE void NAME(dot)(vector sums[3], vector x, const quad *weights) {
#pragma GCC unroll 3
    for (int d = 0; d < 3; d++) sums[d] = _mm512_dpbusd_epi32(sums[d], x, _mm512_set1_epi32(weights->word[d]));
}
#else
typedef __m256i vector;
enum { NAME(digits) = 2 };

// A weight is high * 256 + low, low from -128 to 127, in words of 16 bits: the first and third of four, the second and
// fourth.
static void NAME(pack)(quad *packed, const int32_t weights[4]) {
    int16_t word[2][2][2];
    for (int i = 0; i < 4; i++) {
        const int8_t low = (int8_t)weights[i];
        word[0][i % 2][i / 2] = low;
        word[1][i % 2][i / 2] = (int16_t)((weights[i] - low) >> 8);
    }
    memcpy(packed->word, word, sizeof word);
}

// Adds four samples in each lane, times four weights.
INLINE void NAME(dot)(vector sums[2], vector x, const quad *weights) {
    const vector even = _mm256_and_si256(x, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(x, 8);
#pragma GCC unroll 2
    for (int d = 0; d < 2; d++) {
        sums[d] = _mm256_add_epi32(sums[d], _mm256_madd_epi16(even, _mm256_set1_epi32(weights->word[2 * d])));
        sums[d] = _mm256_add_epi32(sums[d], _mm256_madd_epi16(odd, _mm256_set1_epi32(weights->word[2 * d + 1])));
    }
}
#endif
#define DIGITS ((int)NAME(digits))

// The samples that sums round to, in 32 bits and not yet clipped.
INLINE vector NAME(rounded)(const vector *sums) {
    vector sum = V(set1_epi32)(1 << (FIXED_BITS - 1));
#pragma GCC unroll 3
    for (int d = 0; d < DIGITS; d++) sum = V(add_epi32)(sum, V(slli_epi32)(sums[d], 8 * d));
    return V(srai_epi32)(sum, FIXED_BITS);
}

// Clips four vectors of 32 bits to bytes: in each 128 bits the first's four, then the second's, and so on.
INLINE vector NAME(clipped)(vector a, vector b, vector c, vector d) {
    return V(packus_epi16)(V(packs_epi32)(a, b), V(packs_epi32)(c, d));
}

INLINE vector NAME(load)(const uint8_t *from, int n) {
    if (n >= BYTES) return BITS(loadu)((const void *)from);
    uint8_t part[4 * LANES] = {0};
    memcpy(part, from, (size_t)n);
    return BITS(loadu)((const void *)part);
}

INLINE void NAME(store)(uint8_t *to, vector v, int n) {
    if (n >= BYTES) {
        BITS(storeu)((void *)to, v);
        return;
    }
    uint8_t part[4 * LANES];
    BITS(storeu)((void *)part, v);
    memcpy(to, part, (size_t)n);
}

// 16 bytes of each fourth row, the first's in the first 128 bits.
INLINE vector NAME(load_rows)(const uint8_t *const *rows, size_t at) {
    vector v = REPEAT(_mm_loadu_si128((const void *)(rows[0] + at)));
    v = INSERT(v, _mm_loadu_si128((const void *)(rows[4] + at)), 1);
#if LANES == 16
    v = INSERT(v, _mm_loadu_si128((const void *)(rows[8] + at)), 2);
    v = INSERT(v, _mm_loadu_si128((const void *)(rows[12] + at)), 3);
#endif
    return v;
}

INLINE __m128i NAME(lane)(vector v, int i) {
#if LANES == 16
    if (i == 2) return EXTRACT(v, 2);
    if (i == 3) return EXTRACT(v, 3);
#endif
    return i == 0 ? EXTRACT(v, 0) : EXTRACT(v, 1);
}

// Transposes 4 x 4 words of 32 bits in each 128 bits.
INLINE void NAME(transpose)(vector v[4]) {
    const vector a = V(unpacklo_epi32)(v[0], v[1]), b = V(unpackhi_epi32)(v[0], v[1]);
    const vector c = V(unpacklo_epi32)(v[2], v[3]), d = V(unpackhi_epi32)(v[2], v[3]);
    v[0] = V(unpacklo_epi64)(a, c), v[1] = V(unpackhi_epi64)(a, c);
    v[2] = V(unpacklo_epi64)(b, d), v[3] = V(unpackhi_epi64)(b, d);
}

// Turns LANES rows of n bytes into vectors, one for every four pixels and band: lane r has the four samples of row r.
static void NAME(panel)(vector *panel, const uint8_t *const *rows, int n, int bands) {
    const vector order = REPEAT(_mm_loadu_si128((const void *)by_band[bands]));
    const int step = bands == 3 ? 12 : 16, vectors = step / 4;
    uint8_t end[LANES][16];
    const uint8_t *ends[LANES];
    for (int at = 0; at < n; at += step) {
        const uint8_t *const *from = rows;
        size_t offset = (size_t)at;
        if (at + 16 > n) {
            for (int r = 0; r < LANES; r++) {
                memset(end[r], 0, sizeof end[r]);
                memcpy(end[r], rows[r] + at, (size_t)(n - at));
                ends[r] = end[r];
            }
            from = ends, offset = 0;
        }
        vector v[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) v[i] = V(shuffle_epi8)(NAME(load_rows)(from + i, offset), order);
        NAME(transpose)(v);
        for (int i = 0; i < vectors; i++) *panel++ = v[i];
    }
}

// The reverse: count rows of n samples, of which wide holds each in 32 bits, lane r being row r's.
static void NAME(unpanel)(pixels_grid8 dst, int count, const vector *wide, int n) {
    const vector order = REPEAT(_mm_loadu_si128((const void *)by_band[4]));
    for (int at = 0; at < n; at += 16, wide += 16) {
        vector v[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const vector *w = wide + 4 * i;
            v[i] = V(shuffle_epi8)(NAME(clipped)(w[0], w[1], w[2], w[3]), order);
        }
        NAME(transpose)(v);
#pragma GCC unroll 16
        for (int r = 0; r < LANES; r++) {
            if (r >= count) break;
            uint8_t *to = dst.pix + (size_t)r * dst.stride + at;
            const __m128i samples = NAME(lane)(v[r % 4], r / 4);
            if (at + 16 <= n) {
                _mm_storeu_si128((void *)to, samples);
            } else {
                memcpy(to, &samples, (size_t)(n - at));
            }
        }
    }
}

INLINE void NAME(across_bands)(vector *wide, const vector *panel, const run *runs, const quad *weights, int n,
                               const int bands) {
    for (int i = 0; i < n; i++) {
        const vector *x = panel + runs[i].first * bands;
        vector sums[4][3];
#pragma GCC unroll 4
        for (int band = 0; band < bands; band++)
#pragma GCC unroll 3
            for (int d = 0; d < DIGITS; d++) sums[band][d] = BITS(setzero)();
        for (int k = 0; k < runs[i].count; k++, weights++, x += bands)
#pragma GCC unroll 4
            for (int band = 0; band < bands; band++) NAME(dot)(sums[band], x[band], weights);
#pragma GCC unroll 4
        for (int band = 0; band < bands; band++) *wide++ = NAME(rounded)(sums[band]);
    }
}

static void NAME(across)(pixels_grid8 dst, int count, const uint8_t *const *rows, int in, int bands, const run *runs,
                         const quad *weights, int n, char *scratch) {
    vector *wide = (vector *)scratch, *panel = wide + (n * bands + 15) / 16 * 16;
    NAME(panel)(panel, rows, in * bands, bands);
    switch (bands) {
    case 1:
        NAME(across_bands)(wide, panel, runs, weights, n, 1);
        break;
    case 2:
        NAME(across_bands)(wide, panel, runs, weights, n, 2);
        break;
    case 3:
        NAME(across_bands)(wide, panel, runs, weights, n, 3);
        break;
    case 4:
        NAME(across_bands)(wide, panel, runs, weights, n, 4);
        break;
    }
    NAME(unpanel)(dst, count, wide, n * bands);
}

static void NAME(down)(uint8_t *dst, const uint8_t *const *rows, const quad *weights, int quads, int n) {
    for (int at = 0; at < n; at += BYTES) {
        vector sums[4][3];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
#pragma GCC unroll 3
            for (int d = 0; d < DIGITS; d++) sums[i][d] = BITS(setzero)();
        for (int k = 0; k < quads; k++) {
            vector row[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) row[i] = NAME(load)(rows[4 * k + i] + at, n - at);
            const vector a = V(unpacklo_epi8)(row[0], row[1]), b = V(unpackhi_epi8)(row[0], row[1]);
            const vector c = V(unpacklo_epi8)(row[2], row[3]), d = V(unpackhi_epi8)(row[2], row[3]);
            NAME(dot)(sums[0], V(unpacklo_epi16)(a, c), weights + k);
            NAME(dot)(sums[1], V(unpackhi_epi16)(a, c), weights + k);
            NAME(dot)(sums[2], V(unpacklo_epi16)(b, d), weights + k);
            NAME(dot)(sums[3], V(unpackhi_epi16)(b, d), weights + k);
        }
        NAME(store)(dst + at,
                    NAME(clipped)(NAME(rounded)(sums[0]), NAME(rounded)(sums[1]), NAME(rounded)(sums[2]),
                                  NAME(rounded)(sums[3])),
                    n - at);
    }
}

// What each sample is scaled by: its pixel's alpha, and 255, which is one, for alpha itself.
INLINE vector NAME(alpha)(vector x, int bands) {
    const vector last = V(set1_epi32)(bands == 4 ? (int)0xff000000 : (int)0xff00ff00);
    return BITS(or)(V(shuffle_epi8)(x, REPEAT(_mm_loadu_si128((const void *)alpha_of[bands]))), last);
}

// a * b / 255, rounded, of bytes.
INLINE vector NAME(muldiv255)(vector a, vector b) {
    const vector zero = BITS(setzero)();
    vector t[2] = {V(mullo_epi16)(V(unpacklo_epi8)(a, zero), V(unpacklo_epi8)(b, zero)),
                   V(mullo_epi16)(V(unpackhi_epi8)(a, zero), V(unpackhi_epi8)(b, zero))};
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        t[i] = V(add_epi16)(t[i], V(set1_epi16)(128));
        t[i] = V(srli_epi16)(V(add_epi16)(t[i], V(srli_epi16)(t[i], 8)), 8);
    }
    return V(packus_epi16)(t[0], t[1]);
}

static void NAME(premultiply)(uint8_t *dst, const uint8_t *src, int n, int bands) {
    for (int at = 0; at < n; at += BYTES) {
        const vector x = NAME(load)(src + at, n - at);
        NAME(store)(dst + at, NAME(muldiv255)(x, NAME(alpha)(x, bands)), n - at);
    }
}

static void NAME(paper)(uint8_t *pix, size_t n) {
    const vector black = REPEAT(_mm_loadu_si128((const void *)alpha_of[4])), all = V(set1_epi32)(-1);
    for (size_t at = 0; at < n; at += NAME(bytes)) {
        const int left = n - at < NAME(bytes) ? (int)(n - at) : BYTES;
        const vector x = NAME(load)(pix + at, left), paper = BITS(xor)(V(shuffle_epi8)(x, black), all);
        NAME(store)(pix + at, V(sub_epi8)(paper, NAME(muldiv255)(x, paper)), left);
    }
}

// 255 * x / alpha, rounded down, or x where alpha is 0. Quotients below 256 are exact enough in float32: they are at
// least 1/255 below the next integer, or that integer.
INLINE vector NAME(divided)(vector x, vector alpha) {
    const vector none = V(srai_epi32)(V(sub_epi32)(alpha, V(set1_epi32)(1)), 31);
    alpha = BITS(or)(alpha, BITS (and)(none, V(set1_epi32)(255)));
    x = V(mullo_epi16)(x, V(set1_epi32)(255));
    return V(cvttps_epi32)(V(div_ps)(V(cvtepi32_ps)(x), V(cvtepi32_ps)(alpha)));
}

static void NAME(unpremultiply)(uint8_t *pix, size_t n, int bands) {
    const vector zero = BITS(setzero)();
    for (size_t at = 0; at < n; at += NAME(bytes)) {
        const int left = n - at < NAME(bytes) ? (int)(n - at) : BYTES;
        const vector x = NAME(load)(pix + at, left), alpha = NAME(alpha)(x, bands);
        const vector x0 = V(unpacklo_epi8)(x, zero), x1 = V(unpackhi_epi8)(x, zero);
        const vector a0 = V(unpacklo_epi8)(alpha, zero), a1 = V(unpackhi_epi8)(alpha, zero);
        const vector q0 = NAME(divided)(V(unpacklo_epi16)(x0, zero), V(unpacklo_epi16)(a0, zero));
        const vector q1 = NAME(divided)(V(unpackhi_epi16)(x0, zero), V(unpackhi_epi16)(a0, zero));
        const vector q2 = NAME(divided)(V(unpacklo_epi16)(x1, zero), V(unpacklo_epi16)(a1, zero));
        const vector q3 = NAME(divided)(V(unpackhi_epi16)(x1, zero), V(unpackhi_epi16)(a1, zero));
        NAME(store)(pix + at, NAME(clipped)(q0, q1, q2, q3), left);
    }
}

static const kernels NAME(set) = {LANES,       NAME(pack),        NAME(across),
                                  NAME(down),  NAME(premultiply), NAME(unpremultiply),
                                  NAME(paper), NAME(across16),    NAME(down16)};

#undef V
#undef BITS
#undef REPEAT
#undef INSERT
#undef EXTRACT
#undef vector
#undef INLINE
#undef BYTES
#undef DIGITS
