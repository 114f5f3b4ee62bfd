#include <stddef.h>
#include <stdint.h>

// Decodes the chunks of one frame, width x height by their header, as RGB (bands 3) or RGBA (bands 4) into pixels, rows
// stride bytes apart. Returns 0 or libwebp's VP8StatusCode; -1 where the size is not the header's. Keeps no memory.
int pixels_webp_decode(const uint8_t *chunks, size_t size, int width, int height, int bands, uint8_t *pixels,
                       size_t pixels_size, int stride);

// The linked libwebp's version, a byte each for major, minor and revision.
int pixels_webp_version(void);
