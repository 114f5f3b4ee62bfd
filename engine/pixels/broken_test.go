package pixels

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// TestTruncated cuts every golden file at many places. Pillow refuses every prefix but those that lack only what follows
// the last sample; forgiven tells how many bytes that may be.
func TestTruncated(t *testing.T) {
	forgiven := func(name string) int {
		switch {
		case strings.HasSuffix(name, ".png"):
			return 12 + 8 // IEND, the checksum of the chunk before and that of the pixels
		case name == "animated.gif":
			return 1909 // the other frames
		case strings.HasSuffix(name, ".bmp"):
			return 3 // padding
		}
		return 0
	}
	for name, file := range readGolden(t).files {
		for i := range 40 {
			n := len(file) * i / 40
			if i > 25 {
				n = len(file) - 40 + i
			}
			_, err := Decode(file[:n], Limits{})
			if err == nil && n < len(file)-forgiven(name) {
				t.Errorf("%s: %d of %d bytes decoded", name, n, len(file))
			}
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %d of %d bytes: %v, want ErrFormat", name, n, len(file), err)
			}
		}
	}
}

// TestDamaged flips bytes: any picture or ErrFormat or ErrTooLarge will do, a crash or another error will not.
func TestDamaged(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, file := range readGolden(t).files {
		for range 15 {
			damaged := bytes.Clone(file)
			for range 1 + random.IntN(4) {
				damaged[random.IntN(len(file))] = byte(random.Uint32())
			}
			_, err := Crop(damaged, 32, Limits{MaxPixels: 1 << 22})
			if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// lie returns a golden file whose header claims width x height.
func lie(t *testing.T, name string, width, height int) []byte {
	file := bytes.Clone(readGolden(t).files[name])
	switch {
	case strings.HasSuffix(name, ".png"):
		binary.BigEndian.PutUint32(file[16:], uint32(width))
		binary.BigEndian.PutUint32(file[20:], uint32(height))
		binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	case strings.HasSuffix(name, ".gif"):
		binary.LittleEndian.PutUint16(file[6:], uint16(width))
		binary.LittleEndian.PutUint16(file[8:], uint16(height))
	case strings.HasSuffix(name, ".bmp"):
		binary.LittleEndian.PutUint32(file[18:], uint32(width))
		binary.LittleEndian.PutUint32(file[22:], uint32(height))
	case strings.HasSuffix(name, ".jpg"):
		at := max(bytes.Index(file, []byte("\xff\xc0")), bytes.Index(file, []byte("\xff\xc2")))
		binary.BigEndian.PutUint16(file[at+5:], uint16(height))
		binary.BigEndian.PutUint16(file[at+7:], uint16(width))
	default: // a lossy WebP's frame header
		binary.LittleEndian.PutUint16(file[26:], uint16(width))
		binary.LittleEndian.PutUint16(file[28:], uint16(height))
	}
	return file
}

func TestLyingHeaders(t *testing.T) {
	for _, name := range []string{"rgb.png", "gray16.png", "animated.gif", "rgb.bmp", "palette.bmp", "baseline_420.jpg", "progressive_420.jpg", "lossy.webp"} {
		for _, size := range [][2]int{{60000, 60000}, {16000, 16000}} {
			if _, err := Crop(lie(t, name, size[0], size[1]), 64, Limits{}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s as %v: %v, want ErrTooLarge", name, size, err)
			}
		}
		if strings.HasSuffix(name, ".gif") {
			continue // a canvas larger than its frame is no lie
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Crop(lie(t, name, 2000, 2000), 64, Limits{})
		runtime.ReadMemStats(&after)
		// libjpeg fills up what is missing before an end-of-image marker with grey, and Pillow lets it.
		if filled := Exact() && err == nil && dependsOnDecoder(name); !filled && !errors.Is(err, ErrFormat) {
			t.Errorf("%s as 2000 x 2000: %v, want ErrFormat", name, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4_000_000*8 {
			t.Errorf("%s as 2000 x 2000: %d MiB allocated", name, grown>>20)
		}
		for _, size := range [][2]int{{0, 5}, {5, 0}} {
			if _, err := Crop(lie(t, name, size[0], size[1]), 64, Limits{}); !errors.Is(err, ErrFormat) {
				t.Errorf("%s as %v: %v, want ErrFormat", name, size, err)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	file := readGolden(t).files["rgb.png"] // 100 x 75
	for _, c := range []struct {
		limits Limits
		says   string // "" where it is read
	}{
		{Limits{}, ""},
		{Limits{MaxPixels: 7500, MaxBytes: int64(len(file))}, ""},
		{Limits{MaxPixels: 7499}, "100 x 75 pixels, limit 7499 in all (set by --max-pixels)"},
		{Limits{MaxBytes: int64(len(file)) - 1}, "file of 14529 bytes, limit 14528 (set by --max-image-bytes)"},
	} {
		_, err := Crop(file, 64, c.limits)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%+v: %v", c.limits, err)
		case c.says != "" && (!errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%+v: %v, want %q", c.limits, err, c.says)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "text": "hello, world", "TIFF's magic": "II*\x00\x08\x00\x00\x00", "TIFF without end": "MM\x00*\x00\x00\x00\x08\xff\xff", "magic alone": "\xff\xd8\xff", "PNG's magic": pngMagic,
		"GIF's magic": "GIF89a", "BMP's magic": "BM", "WebP's magic": "RIFF\x04\x00\x00\x00WEBP", "JPEG of zeros": "\xff\xd8\xff" + strings.Repeat("\x00", 99),
	} {
		if _, err := Crop([]byte(file), 64, Limits{}); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	if _, err := Crop([]byte("GIF89a"), 0, Limits{}); err == nil {
		t.Error("side 0 accepted")
	}
}

// TestBMPWithoutBits has headers whose rows are empty by their number of bits, so that no pixel is missing from a file
// that ends inside its palette.
func TestBMPWithoutBits(t *testing.T) {
	const colours = 10
	for _, bits := range []int{0, 2, 31, 64} {
		for length := 54; length < 54+4*colours+8; length++ {
			for _, offset := range []int{54 + 4*colours, length, length + 3} {
				file := make([]byte, length)
				copy(file, "BM")
				for at, v := range map[int]int{10: offset, 14: 40, 18: 4, 22: 4, 28: bits, 46: colours} {
					binary.LittleEndian.PutUint32(file[at:], uint32(v))
				}
				if _, err := Crop(file[:length:length], 16, Limits{}); !errors.Is(err, ErrFormat) {
					t.Fatalf("%d bits, %d bytes, pixels from %d: %v, want ErrFormat", bits, length, offset, err)
				}
			}
		}
	}
}

// TestElongated has pictures whose resized form no memory would hold: only what the crop keeps may be computed.
func TestElongated(t *testing.T) {
	for _, size := range [][2]int{{1, 60000}, {30000, 1}, {2, 30000}, {50, 4000}} {
		for _, m := range []image.Image{
			image.NewGray(image.Rect(0, 0, size[0], size[1])), image.NewPaletted(image.Rect(0, 0, size[0], size[1]), testPalette),
			image.NewGray16(image.Rect(0, 0, size[0], size[1])),
		} {
			var file bytes.Buffer
			if err := png.Encode(&file, m); err != nil {
				t.Fatal(err)
			}
			rgb, err := Crop(file.Bytes(), 64, Limits{})
			if err != nil || len(rgb) != 3*64*64 {
				t.Errorf("%v, %T: %d samples, %v", size, m, len(rgb), err)
			}
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 1, 70000))); err != nil {
		t.Fatal(err)
	}
	if _, err := Crop(file.Bytes(), 64, Limits{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("1 x 70000: %v, want ErrTooLarge", err)
	}
}

var testPalette = color.Palette{color.Black, color.White}

// TestNothingLeft counts decoders whose memory is outside Go, after good and broken files.
func TestNothingLeft(t *testing.T) {
	for _, file := range readGolden(t).files {
		for _, n := range []int{len(file), len(file) / 2, len(file) / 50} {
			Crop(file[:n], 32, Limits{})
		}
	}
	if n := liveDecoders(); n != 0 {
		t.Errorf("%d decoders alive", n)
	}
}
