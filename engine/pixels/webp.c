//go:build native

#include "webp.h"

#include <webp/decode.h>

int pixels_webp_decode(const uint8_t *chunks, size_t size, int width, int height, int bands, uint8_t *pixels,
                       size_t pixels_size, int stride) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return VP8_STATUS_UNSUPPORTED_FEATURE;
    VP8StatusCode status = WebPGetFeatures(chunks, size, &config.input);
    if (status != VP8_STATUS_OK) return status;
    if (config.input.width != width || config.input.height != height) return -1;
    config.output.colorspace = bands == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels;
    config.output.u.RGBA.size = pixels_size;
    config.output.u.RGBA.stride = stride;
    status = WebPDecode(chunks, size, &config);
    WebPFreeDecBuffer(&config.output);
    return status;
}

int pixels_webp_version(void) { return WebPGetDecoderVersion(); }
