package pixels

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"maps"
	"runtime"
	"strings"
	"testing"
)

// sized are the golden files, and pictures large enough that samples are most of what is allocated.
func sized(t *testing.T) map[string][]byte {
	t.Helper()
	files := maps.Clone(readGolden(t).files)
	frame := image.Rect(0, 0, 600, 400)
	opaque := func(m draw.Image) image.Image {
		draw.Draw(m, frame, image.NewUniform(color.White), image.Point{}, draw.Src)
		return m
	}
	for name, m := range map[string]image.Image{"gray": image.NewGray(frame), "gray 16": image.NewGray16(frame), "palette": image.NewPaletted(frame, testPalette),
		"colour": opaque(image.NewRGBA(frame)), "alpha": image.NewNRGBA(frame), "colour 16": opaque(image.NewRGBA64(frame)), "alpha 16": image.NewNRGBA64(frame)} {
		var file bytes.Buffer
		if err := png.Encode(&file, m); err != nil {
			t.Fatal(err)
		}
		files["large PNG, "+name] = bytes.Clone(file.Bytes())
		file.Reset()
		if err := jpeg.Encode(&file, m, nil); err != nil {
			t.Fatal(err)
		}
		files["large JPEG, "+name] = file.Bytes()
	}
	return files
}

// TestDecodedBytes holds what the header promises against what Decode allocates in Go. Beside the samples decoders have
// tables, and C's part is not counted: it is the coefficients of progressive JPEGs and the words of lossless WebPs.
func TestDecodedBytes(t *testing.T) {
	const tables = 200 << 10
	for name, file := range sized(t) {
		promised, err := DecodedBytes(file, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := Decode(file, Limits{})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		taken := int64(after.TotalAlloc - before.TotalAlloc)
		t.Logf("%s: %d x %d, %d bytes promised, %d taken", name, p.Width, p.Height, promised, taken)
		if taken > promised+tables || strings.HasPrefix(name, "large PNG") && promised > 2*taken {
			t.Errorf("%s: %d bytes promised, %d taken", name, promised, taken)
		}
	}
}

// TestOneScan: where rows are decoded one after another no coefficients are counted.
func TestOneScan(t *testing.T) {
	for name, file := range readGolden(t).files {
		if strings.HasSuffix(name, ".jpg") && readJPEGScans(file).one == strings.HasPrefix(name, "progressive") {
			t.Errorf("%s: one scan is %v", name, readJPEGScans(file).one)
		}
	}
}

// TestDecodedBytesRefuses has headers that Decode refuses too.
func TestDecodedBytesRefuses(t *testing.T) {
	for _, name := range []string{"rgb.png", "animated.gif", "rgb.bmp", "baseline_420.jpg", "lossy.webp"} {
		if _, err := DecodedBytes(lie(t, name, 16000, 16000), Limits{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s of 16000 x 16000: %v, want ErrTooLarge", name, err)
		}
		file := readGolden(t).files[name]
		if _, err := DecodedBytes(file, Limits{MaxBytes: 10}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s over 10 bytes: %v, want ErrTooLarge", name, err)
		}
		for n := range 40 {
			_, err := DecodedBytes(file[:n], Limits{})
			_, decodeErr := Decode(file[:n], Limits{})
			if err != nil && (decodeErr == nil || !errors.Is(err, ErrFormat)) {
				t.Errorf("%s: %d bytes: %v, and decoding says %v", name, n, err, decodeErr)
			}
		}
	}
}
