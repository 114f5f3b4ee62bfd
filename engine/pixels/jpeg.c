//go:build native

#include "jpeg.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#ifndef LIBJPEG_TURBO_VERSION
#error "libjpeg-turbo is needed: another libjpeg decodes to other samples (Debian, Ubuntu: apt-get install libjpeg-dev)"
#endif

// A progressive file may hold any number of scans, each of which costs time: libjpeg-turbo's advice is to refuse more.
enum { MAX_SCANS = 500 };

typedef struct {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char *message;
} decoder;

static atomic_int live;

static void fail(j_common_ptr cinfo) {
    decoder *d = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    snprintf(d->message, sizeof(((pixels_jpeg *)0)->message), "%s", text);
    longjmp(d->failed, 1);
}

static void truncated(decoder *d) {
    strcpy(d->message, "file is truncated");
    longjmp(d->failed, 1);
}

static void ignore(j_common_ptr cinfo) { (void)cinfo; }

static void count_scans(j_common_ptr cinfo) {
    decoder *d = cinfo->client_data;
    if (d->cinfo.input_scan_number > MAX_SCANS) {
        strcpy(d->message, "too many scans");
        longjmp(d->failed, 1);
    }
}

// The whole file is in memory, so a wish for more means that it is truncated: the library stops where it is, as it does
// in Pillow, instead of jpeg_mem_src's own way, which makes up an end of image.
static boolean no_more(j_decompress_ptr cinfo) {
    (void)cinfo;
    return FALSE;
}

static void skip(j_decompress_ptr cinfo, long n) {
    struct jpeg_source_mgr *src = cinfo->src;
    if (n <= 0) return;
    if ((size_t)n > src->bytes_in_buffer) n = (long)src->bytes_in_buffer;
    src->next_input_byte += n;
    src->bytes_in_buffer -= (size_t)n;
}

static int scaled(int side, int eighths) { return (int)(((long)side * eighths + 7) / 8); }

// Everything between setjmp and the last call that may longjmp is here, and d lives in the caller's frame.
static int decode(decoder *d, const uint8_t *file, size_t size, pixels_jpeg *jpeg, int eighths, uint8_t *pixels) {
    j_decompress_ptr cinfo = &d->cinfo;
    if (setjmp(d->failed)) return -1;
    jpeg_create_decompress(cinfo);
    jpeg_mem_src(cinfo, file, size);
    cinfo->src->fill_input_buffer = no_more;
    cinfo->src->skip_input_data = skip;
    cinfo->progress = &d->progress;
    d->progress.progress_monitor = count_scans;

    int ok;
    do ok = jpeg_read_header(cinfo, FALSE);
    while (ok == JPEG_HEADER_TABLES_ONLY);
    if (ok == JPEG_SUSPENDED) truncated(d);
    if (!pixels) {
        jpeg->width = (int)cinfo->image_width;
        jpeg->height = (int)cinfo->image_height;
        jpeg->components = cinfo->num_components;
        return 0;
    }

    cinfo->out_color_space = jpeg->components == 1 ? JCS_GRAYSCALE : jpeg->components == 3 ? JCS_RGB : JCS_CMYK;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->do_fancy_upsampling = TRUE;
    cinfo->scale_num = (unsigned)eighths;
    cinfo->scale_denom = 8;
    if (!jpeg_start_decompress(cinfo)) truncated(d);
    const int width = scaled(jpeg->width, eighths), height = scaled(jpeg->height, eighths);
    if ((int)cinfo->output_width != width || (int)cinfo->output_height != height ||
        cinfo->output_components != jpeg->components) {
        strcpy(d->message, "header changed between two readings");
        return -1;
    }
    size_t stride = (size_t)width * (size_t)jpeg->components;
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = pixels + cinfo->output_scanline * stride;
        if (jpeg_read_scanlines(cinfo, &row, 1) != 1) truncated(d);
    }
    // What follows the last row does not matter to the samples, and Pillow forgives its absence, but not a wrong
    // marker.
    jpeg_finish_decompress(cinfo);
    return 0;
}

static int run(const uint8_t *file, size_t size, pixels_jpeg *jpeg, int eighths, uint8_t *pixels) {
    decoder d;
    memset(&d, 0, sizeof d);
    d.message = jpeg->message;
    d.cinfo.client_data = &d;
    d.cinfo.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = fail;
    d.errors.output_message = ignore;  // warnings are Pillow's to ignore, so they are ours
    atomic_fetch_add(&live, 1);
    int status = decode(&d, file, size, jpeg, eighths, pixels);
    jpeg_destroy_decompress(&d.cinfo);
    atomic_fetch_sub(&live, 1);
    return status;
}

int pixels_jpeg_header(const uint8_t *file, size_t size, pixels_jpeg *jpeg) { return run(file, size, jpeg, 8, NULL); }

int pixels_jpeg_decode(const uint8_t *file, size_t size, pixels_jpeg *jpeg, int eighths, uint8_t *pixels) {
    return run(file, size, jpeg, eighths, pixels);
}

int pixels_jpeg_live(void) { return atomic_load(&live); }

#define TEXT(x) #x
#define VALUE(x) TEXT(x)

const char *pixels_jpeg_version(void) { return VALUE(LIBJPEG_TURBO_VERSION); }
