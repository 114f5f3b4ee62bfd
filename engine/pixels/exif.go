package pixels

import (
	"bytes"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
)

// Oriented returns the picture turned or mirrored as an EXIF orientation, 1 to 8, says; p itself where nothing changes.
func (p *Picture) Oriented(orientation int) *Picture {
	w, h := p.Width, p.Height
	var first, right, down int // where in p the upper left pixel is, and the steps to the next ones
	switch orientation {
	case 2:
		first, right, down = w-1, -1, w
	case 3:
		first, right, down = w*h-1, -1, -w
	case 4:
		first, right, down = w*(h-1), 1, -w
	case 5:
		first, right, down = 0, w, 1
	case 6:
		first, right, down = w*(h-1), -w, 1
	case 7:
		first, right, down = w*h-1, -w, -1
	case 8:
		first, right, down = w-1, w, -1
	default:
		return p
	}
	turned := *p
	turned.outside = p.outside.oriented(orientation)
	if orientation >= 5 {
		turned.Width, turned.Height = h, w
	}
	turned.Pix = gather(p.Pix, p.Mode.bands(), turned.Width, turned.Height, first, right, down)
	turned.Pix16 = gather(p.Pix16, 1, turned.Width, turned.Height, first, right, down)
	turned.Wide = gather(p.Wide, 1, turned.Width, turned.Height, first, right, down)
	return &turned
}

func gather[S any](pix []S, bands, width, height, first, right, down int) []S {
	if pix == nil {
		return nil
	}
	out := make([]S, len(pix))
	for y := range height {
		row := out[y*width*bands:][:width*bands]
		for x, from := 0, first+y*down; x < width; x, from = x+1, from+right {
			copy(row[x*bands:(x+1)*bands], pix[from*bands:])
		}
	}
	return out
}

var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// Orientation returns the EXIF orientation of a JPEG, PNG or WebP as Pillow's ImageOps.exif_transpose finds it, 1 to 8, and
// 1 where there is none, or none that is valid. Of a TIFF it is 1: Decode turns those itself, as Pillow does.
func Orientation(file []byte) int {
	var exif, xmp []byte
	for _, f := range formats {
		if f.metadata != nil && f.is(file) {
			exif, xmp = f.metadata(file)
		}
	}
	exif = bytes.TrimPrefix(bytes.TrimPrefix(exif, []byte(exifMagic)), []byte(exifMagic))
	if dir, err := readTIFFDir(exif); err == nil {
		if _, ok := dir.fields[tiffOrientation]; ok {
			o, err := dir.ints(tiffOrientation)
			if err != nil || o[0] < 1 || o[0] > 8 {
				return 1
			}
			return o[0]
		}
	}
	if m := xmpOrientation.FindSubmatch(xmp); m != nil && m[1][0] >= '1' && m[1][0] <= '8' {
		return int(m[1][0] - '0')
	}
	return 1
}

const exifMagic = "Exif\x00\x00"

// metadataJPEG joins the EXIF blocks before the pixels.
func metadataJPEG(file []byte) (exif, xmp []byte) {
	h, _ := readJPEGMarkers(file)
	return h.exif, h.xmp
}

func metadataPNG(file []byte) (exif, xmp []byte) {
	f := pngFile{file: file}
	if f.readHead() != nil {
		return nil, nil
	}
	// The chunks behind the pixels count too.
	if _, err := io.Copy(io.Discard, &pngData{f: &f}); err != nil || f.readTail() != nil {
		return nil, nil
	}
	if f.exif == nil && f.rawProfile != nil {
		lines := strings.SplitN(string(f.rawProfile), "\n", 4)
		f.exif, _ = hex.DecodeString(strings.ReplaceAll(lines[len(lines)-1], "\n", ""))
	}
	return f.exif, f.xmp
}

func metadataWebP(file []byte) (exif, xmp []byte) {
	if len(file) < 12 {
		return nil, nil
	}
	// What is behind a truncated chunk does not count, nor does the chunk.
	_ = eachChunk(file[12:], func(kind string, _, body []byte) bool {
		switch {
		case kind == "EXIF" && exif == nil:
			exif = body
		case kind == "XMP " && xmp == nil:
			xmp = body
		}
		return true
	})
	return exif, xmp
}
