package pixels

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"slices"

	"golang.org/x/image/bmp"
)

// decodeBMP reads what golang.org/x/image/bmp reads: 1, 4, 8, 24 and 32 bits, uncompressed, Windows headers.
func decodeBMP(file []byte, l Limits) (*Picture, error) {
	if len(file) < 14+40 {
		return nil, fmt.Errorf("%w: truncated in its header", ErrFormat)
	}
	offset, infoSize := int64(binary.LittleEndian.Uint32(file[10:])), int64(binary.LittleEndian.Uint32(file[14:]))
	if infoSize != 40 && infoSize != 108 && infoSize != 124 {
		return nil, fmt.Errorf("%w: header of %d bytes; Windows' of 40, 108 and 124 are read", ErrFormat, infoSize)
	}
	width, height := int(int32(binary.LittleEndian.Uint32(file[18:]))), int(int32(binary.LittleEndian.Uint32(file[22:])))
	if err := l.checkSize(width, max(height, -height)); err != nil {
		return nil, err
	}
	bits, compression := binary.LittleEndian.Uint16(file[28:]), binary.LittleEndian.Uint32(file[30:])
	// The checks below rely on it too: a row of no bits would let any file hold any picture.
	if !slices.Contains([]uint16{1, 4, 8, 24, 32}, bits) || compression == 1 || compression == 2 {
		return nil, fmt.Errorf("%w: %d bits a pixel, compression %d: only 1, 4, 8, 24 and 32 bits without run-length coding are read; "+
			"save it as 24-bit BMP or PNG", ErrFormat, bits, compression)
	}

	head := 14 + infoSize
	if bits <= 8 {
		colours := int64(binary.LittleEndian.Uint32(file[46:]))
		if colours == 0 {
			colours = 1 << bits
		}
		head += 4 * min(colours, 256)
	}
	rowBytes := (int64(width)*int64(bits) + 31) / 32 * 4
	const padding = 3 // of the last row, which some writers leave out and Pillow does not miss
	if offset < head || int64(len(file))+padding < offset+rowBytes*int64(max(height, -height)) {
		return nil, fmt.Errorf("%w: %d bytes do not hold %d x %d pixels from byte %d on", ErrFormat, len(file), width, height, offset)
	}
	// x/image/bmp wants the pixels right after the header, and a colour for every index that occurs; not every writer
	// does that, and Pillow lets it pass.
	header := bytes.Clone(file[:head])
	entries := header[14+infoSize:]
	if bits <= 8 {
		binary.LittleEndian.PutUint32(header[46:], 1<<bits)
		header = append(header, make([]byte, max(4<<bits-len(entries), 0))...)
	}
	binary.LittleEndian.PutUint32(header[10:], uint32(len(header)))
	m, err := bmp.Decode(io.MultiReader(bytes.NewReader(header), bytes.NewReader(file[offset:]), bytes.NewReader(make([]byte, padding))))
	if err != nil {
		return nil, broken("x/image/bmp", err)
	}
	p := &Picture{Mode: RGB, Width: width, Height: max(height, -height)}
	switch m := m.(type) {
	case *image.Paletted:
		p.Pix = m.Pix
		p.setBMPPalette(entries, bits)
	case *image.RGBA:
		p.Pix = pick(m.Pix, 4, 0, 1, 2)
	case *image.NRGBA:
		p.Pix = m.Pix
		if compression == 0 { // only a bit mask makes the fourth byte alpha
			p.Pix = pick(m.Pix, 4, 0, 1, 2)
		} else {
			p.Mode = RGBA
		}
	}
	return p, nil
}

// setBMPPalette finds the mode too: Pillow drops a palette that only counts from black upwards, so that 8-bit greys are
// resized smoothly.
func (p *Picture) setBMPPalette(entries []byte, bits uint16) {
	rgb := pick(entries, 4, 2, 1, 0)
	switch {
	case bits == 8 && isRamp(rgb):
		p.Mode = Gray
	case bits == 1 && bytes.Equal(rgb, []byte{0, 0, 0, 255, 255, 255}):
		p.Mode = Bilevel
		for i, v := range p.Pix {
			p.Pix[i] = 255 * v
		}
	default:
		p.Mode = Paletted
		p.setPalette(rgb, 3, 0, 1, 2)
	}
}
