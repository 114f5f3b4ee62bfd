#include <stddef.h>
#include <stdint.h>

// The passes of a resize (smooth.go) in vectors, bit for bit what the Go in smooth.go, lanes.go and smoothexact.go
// computes. Nothing here keeps memory: scratch is the caller's, and freed by it.

// The sets of instructions that the kernels are compiled for, each with those before it.
enum { PIXELS_PLAIN, PIXELS_AVX2, PIXELS_AVX512 };

// The best set that this processor has.
int pixels_best_set(void);

// Rows of samples, stride samples apart.
typedef struct {
    uint8_t *pix;
    size_t stride;
} pixels_grid8;

typedef struct {
    uint16_t *pix;
    size_t stride;
} pixels_grid16;

// Output i of n is made of the inputs from lo[i] on, with the weights at[i] .. at[i+1]. Input first is the first at
// hand. Weights in fixed point are below 2^23 - 2^15 in magnitude, which normalised bicubic ones (1.2 x 2^22) are.
typedef struct {
    int n, first;
    const int32_t *lo, *at;
    const void *weights;  // int32_t of 8-bit samples, double of 16-bit ones
} pixels_taps;

// The scratch of a pass: across, for rows of in pixels that become n; down, for output rows of n samples, each made of
// most rows at most.
size_t pixels_across8_scratch(int in, int bands, int alpha, int n, int weights);
size_t pixels_across16_scratch(int in);
size_t pixels_down8_scratch(int n, int alpha, int most);

// count rows of output pixels. With alpha the last band premultiplies the others first.
void pixels_across8(int set, pixels_grid8 dst, pixels_grid8 src, int count, int in, int bands, int alpha,
                    pixels_taps columns, void *scratch);
void pixels_across16(int set, pixels_grid16 dst, pixels_grid16 src, int count, int in, pixels_taps columns,
                     void *scratch);

// Output rows of n samples.
void pixels_down8(int set, pixels_grid8 dst, pixels_grid8 src, int n, int bands, int alpha, pixels_taps rows, int most,
                  void *scratch);
void pixels_down16(int set, pixels_grid16 dst, pixels_grid16 src, int n, pixels_taps rows);

// Divides n samples' colours by the alpha that ends each pixel of 2 or 4, clipped; where it is 0 they stay.
void pixels_unpremultiply(int set, uint8_t *pix, size_t n, int bands);

// Resizes by nearest neighbour, and looks up colours, red in the lowest byte: width x height pixels of three samples.
void pixels_nearest(uint8_t *rgb, pixels_grid8 src, const int32_t *columns, int width, const int32_t *rows, int height,
                    const uint32_t *palette);

// Turns n samples of CMYK into red, green, blue and what does not matter.
void pixels_paper(int set, uint8_t *pix, size_t n);

// Convert n pixels to three samples each: greys, what is behind a grey in its pixel being left out, and the first three
// of four samples.
void pixels_rgb_of_grey(uint8_t *rgb, const uint8_t *pix, int n, int bands);
void pixels_rgb_of_grey16(uint8_t *rgb, const uint16_t *pix, int n);
void pixels_rgb_of_four(uint8_t *rgb, const uint8_t *pix, int n);
