package engine_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"slices"
	"testing"

	"vbge/engine"
)

// TestEXIF has a picture that its EXIF says is to be turned a quarter to the right: EXIF makes the vector that of the turned
// picture; without, it is that of the picture as it is stored.
func TestEXIF(t *testing.T) {
	const w, h = 50, 70
	stored, turned := image.NewGray(image.Rect(0, 0, w, h)), image.NewGray(image.Rect(0, 0, h, w))
	for y := range h {
		for x := range w {
			v := color.Gray{Y: uint8(x*x + 3*y)}
			stored.SetGray(x, y, v)
			turned.SetGray(h-1-y, x, v)
		}
	}
	picture := func(m image.Image, exif []byte) engine.Input {
		var file bytes.Buffer
		if err := png.Encode(&file, m); err != nil {
			t.Fatal(err)
		}
		const header = 8 + 12 + 13
		return engine.Input{Image: slices.Insert(file.Bytes(), header, exif...)}
	}
	chunk := append([]byte("\x00\x00\x00\x1aeXIf"), "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))

	dir := convertTiny(t)
	plain, turning := open(t, dir, on("ref")), open(t, dir, engine.Options{Device: "ref", EXIF: true})
	asStored, asTurned := embed(t, plain, picture(stored, nil))[0], embed(t, plain, picture(turned, nil))[0]
	if got := embed(t, turning, picture(stored, chunk))[0]; !slices.Equal(got, asTurned) {
		t.Error("with EXIF it is not the turned picture's vector")
	}
	if got := embed(t, plain, picture(stored, chunk))[0]; !slices.Equal(got, asStored) || slices.Equal(got, asTurned) {
		t.Error("without EXIF it is not the stored picture's vector")
	}
}
