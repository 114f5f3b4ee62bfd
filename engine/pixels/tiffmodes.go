package pixels

import (
	"fmt"
	"slices"
	"strings"
)

// tiffKind is Pillow's mode and raw mode for one combination of tags.
type tiffKind struct {
	mode    Mode
	raw     string
	inverse bool // white is zero
}

// TIFF photometric interpretations.
const (
	tiffBlackIsZero = 1
	tiffRGB         = 2
	tiffCMYK        = 5
	tiffYCbCr       = 6
)

// tiffKinds is Pillow's OPEN_INFO of unsigned samples in the usual order of bits: photometric interpretation, bits of the
// samples, meaning of the extra ones. N is the byte order of the file.
var tiffKinds = map[string]tiffKind{
	"0 [1] []": {Bilevel, "1", true}, "1 [1] []": {Bilevel, "1", false},
	"0 [2] []": {Gray, "L;2", true}, "1 [2] []": {Gray, "L;2", false},
	"0 [4] []": {Gray, "L;4", true}, "1 [4] []": {Gray, "L;4", false},
	"0 [8] []": {Gray, "L", true}, "1 [8] []": {Gray, "L", false}, "6 [8] []": {Gray, "L", false},
	"1 [8 8] [0]": {Gray, "LX", false}, "1 [8 8] [2]": {GrayAlpha, "LA", false}, "1 [16] []": {Gray16, "I;16N", false},
	"2 [8 8 8] []": {RGB, "RGB", false}, "2 [8 8 8 8] [0]": {RGB, "RGBX", false},
	"2 [8 8 8 8 8] [0 0]": {RGB, "RGBXX", false}, "2 [8 8 8 8 8 8] [0 0 0]": {RGB, "RGBXXX", false},
	"2 [8 8 8 8] []": {RGBA, "RGBA", false}, "2 [8 8 8 8] [2]": {RGBA, "RGBA", false}, "2 [8 8 8 8] [999]": {RGBA, "RGBA", false},
	"2 [8 8 8 8 8] [2 0]": {RGBA, "RGBAX", false}, "2 [8 8 8 8 8 8] [2 0 0]": {RGBA, "RGBAXX", false},
	"2 [8 8 8 8] [1]": {RGBA, "RGBa", false}, "2 [8 8 8 8 8] [1 0]": {RGBA, "RGBaX", false}, "2 [8 8 8 8 8 8] [1 0 0]": {RGBA, "RGBaXX", false},
	"2 [16 16 16] []": {RGB, "RGB;16N", false}, "2 [16 16 16 16] [0]": {RGB, "RGBX;16N", false},
	"2 [16 16 16 16] []": {RGBA, "RGBA;16N", false}, "2 [16 16 16 16] [2]": {RGBA, "RGBA;16N", false}, "2 [16 16 16 16] [1]": {RGBA, "RGBa;16N", false},
	"3 [1] []": {Paletted, "P;1", false}, "3 [2] []": {Paletted, "P;2", false}, "3 [4] []": {Paletted, "P;4", false}, "3 [8] []": {Paletted, "P", false},
	"3 [8 8] [0]": {Paletted, "PX", false}, "3 [8 8] [2]": {PalettedAlpha, "PA", false},
	"5 [8 8 8 8] []": {CMYK, "CMYK", false}, "5 [8 8 8 8 8] [0]": {CMYK, "CMYKX", false}, "5 [8 8 8 8 8 8] [0 0]": {CMYK, "CMYKXX", false},
	"5 [16 16 16 16] []": {CMYK, "CMYK;16N", false}, "6 [8 8 8] []": {YCbCr, "YCbCr", false},
}

// tiffReversible are those that may have their bits in reverse order.
var tiffReversible = []string{"0 [1] []", "1 [1] []", "0 [2] []", "1 [2] []", "0 [4] []", "1 [4] []", "0 [8] []", "1 [8] []",
	"2 [8 8 8] []", "3 [1] []", "3 [2] []", "3 [4] []", "3 [8] []"}

// tiffGreys are of other types: order of bytes, photometric interpretation, bits, sample format, whether bits are reversed.
var tiffGreys = map[string]tiffKind{
	"II 0 [16] 1 false": {Gray16, "I;16", false}, "II 1 [16] 1 true": {Gray16, "I;16", false}, "II 1 [12] 1 false": {Gray16, "I;12", false},
	"II 1 [8] 2 false": {Gray, "L", false}, "MM 1 [8] 2 false": {Gray, "L", false},
	"II 1 [16] 2 false": {Integer, "I;16S", false}, "MM 1 [16] 2 false": {Integer, "I;16BS", false},
	"II 1 [32] 1 false": {Integer, "I;32S", false}, "II 1 [32] 2 false": {Integer, "I;32S", false}, "MM 1 [32] 2 false": {Integer, "I;32BS", false},
	"II 0 [32] 3 false": {Float, "F;32F", false}, "II 1 [32] 3 false": {Float, "F;32F", false},
	"MM 0 [32] 3 false": {Float, "F;32BF", false}, "MM 1 [32] 3 false": {Float, "F;32BF", false},
}

// findTIFFKind returns what Pillow makes of the tags, or that it makes nothing of them.
func findTIFFKind(bigEndian bool, photometric int, format []int, reversed bool, bits, extra []int) (tiffKind, error) {
	key := fmt.Sprint(photometric, " ", bits, " ", extra)
	number := 0
	if len(format) == 1 {
		number = format[0]
	}
	kind, ok := tiffKinds[key]
	if !ok || number != 1 || reversed && !slices.Contains(tiffReversible, key) {
		order := map[bool]string{false: "II", true: "MM"}[bigEndian]
		kind, ok = tiffGreys[fmt.Sprint(order, " ", photometric, " ", bits, " ", number, " ", reversed)]
		ok = ok && len(extra) == 0
	}
	if !ok {
		return kind, fmt.Errorf("%w: photometric interpretation %d with samples of %d bits, extra samples %d, sample format %d is not read",
			ErrFormat, photometric, bits, extra, format)
	}
	switch {
	case kind.raw == "I;16N": // read as it stands
		kind.raw = "I;16"
		if bigEndian {
			kind.mode = Gray16Swapped
		}
	case bigEndian:
		kind.raw = strings.Replace(kind.raw, "16N", "16B", 1)
	default:
		kind.raw = strings.Replace(kind.raw, "16N", "16L", 1)
	}
	return kind, nil
}
