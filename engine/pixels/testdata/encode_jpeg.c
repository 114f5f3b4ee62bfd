// What make_pictures.py needs of libjpeg and Pillow does not offer: any sampling factors, colour spaces, arithmetic
// coding.

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

static jmp_buf failed;

static void fail(j_common_ptr cinfo) { longjmp(failed, 1 + 0 * cinfo->err->msg_code); }

// Returns the size of *out, which the caller frees, or 0. sampling: horizontal and vertical factors of each component.
unsigned long encode(const unsigned char *pixels, int width, int height, int components, int in_space, int jpeg_space,
                     int quality, const int *sampling, int progressive, int arithmetic, int restart, int interleave,
                     unsigned char **out) {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    *out = NULL;
    cinfo.err = jpeg_std_error(&errors);
    errors.error_exit = fail;
    if (setjmp(failed)) return 0;
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, out, &size);
    cinfo.image_width = (JDIMENSION)width;
    cinfo.image_height = (JDIMENSION)height;
    cinfo.input_components = components;
    cinfo.in_color_space = (J_COLOR_SPACE)in_space;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, (J_COLOR_SPACE)jpeg_space);
    jpeg_set_quality(&cinfo, quality, TRUE);
    for (int i = 0; i < cinfo.num_components; i++) {
        cinfo.comp_info[i].h_samp_factor = sampling[2 * i];
        cinfo.comp_info[i].v_samp_factor = sampling[2 * i + 1];
    }
    cinfo.arith_code = arithmetic;
    cinfo.restart_interval = (unsigned)restart;
    static jpeg_scan_info scans[4];
    if (progressive) {
        jpeg_simple_progression(&cinfo);
    } else if (!interleave) {
        for (int i = 0; i < cinfo.num_components; i++) scans[i] = (jpeg_scan_info){1, {i}, 0, 63, 0, 0};
        cinfo.scan_info = scans;
        cinfo.num_scans = cinfo.num_components;
    }
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < cinfo.image_height) {
        JSAMPROW row = (JSAMPROW)pixels + (size_t)cinfo.next_scanline * (size_t)width * (size_t)components;
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    return size;
}
