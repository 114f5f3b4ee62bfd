#include <stddef.h>
#include <stdint.h>

// What a JPEG's header says, and why reading failed.
typedef struct {
    int width, height;
    int components;  // 1 grey, 3 colour, 4 CMYK
    char message[200];
} pixels_jpeg;

// Reads the header. Returns 0, or -1 with a message.
int pixels_jpeg_header(const uint8_t *file, size_t size, pixels_jpeg *jpeg);

// Decodes file, whose header is jpeg, at so many eighths of its width and height, rounded up: 1, 2, 4 or all 8. Writes
// that width * height * components bytes: grey, RGB, or CMYK as stored (Adobe's are inverted). Returns 0, or -1 with a
// message. Neither function keeps memory beyond its call.
int pixels_jpeg_decode(const uint8_t *file, size_t size, pixels_jpeg *jpeg, int eighths, uint8_t *pixels);

// Decompressors that were created and not yet destroyed, in all threads: 0 between calls.
int pixels_jpeg_live(void);

// The version of libjpeg-turbo's headers.
const char *pixels_jpeg_version(void);
