package pixels

import (
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// scaledCase is what Pillow 13 makes of a JPEG at a fraction of its size, by testdata/make_scaled.py.
type scaledCase struct {
	Name            string
	Eighths         scale
	Mode            Mode
	Size            [2]int
	Samples, Crop24 string // SHA-256
	Exif24          string // the crop turned as EXIF says; "" where nothing turns
}

// scaledCases returns the cases and the files that they name.
func scaledCases(t testing.TB) ([]scaledCase, map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/scaled.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []scaledCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 180 {
		t.Fatalf("%d cases, want 180 at least", len(cases))
	}
	files := map[string][]byte{}
	archive, _ := generatedPictures(t)
	for _, c := range pillowCases(t) {
		files[c.Name] = c.File
	}
	for _, c := range cases {
		if file, ok := readGolden(t).files[c.Name]; ok {
			files[c.Name] = file
		} else if file, err := fs.ReadFile(archive, c.Name); err == nil {
			files[c.Name] = file
		}
	}
	return cases, files
}

// TestScaled holds pictures at a half, a quarter and an eighth against Pillow's: samples, crops, and crops turned.
func TestScaled(t *testing.T) {
	cases, files := scaledCases(t)
	turned := 0
	for _, c := range cases {
		file := files[c.Name]
		header, err := Decode(file, Limits{})
		if err != nil && !scales {
			continue // image/jpeg reads fewer kinds
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		p, err := DecodeScaled(file, min(header.Width, header.Height)*int(c.Eighths)/8, Limits{})
		if err != nil {
			t.Errorf("%s at %d/8: %v", c.Name, c.Eighths, err)
			continue
		}
		if !scales {
			if !bytes.Equal(p.Pix, header.Pix) {
				t.Errorf("%s at %d/8: another picture than the whole", c.Name, c.Eighths)
			}
			continue
		}
		if p.Mode != c.Mode || p.Width != c.Size[0] || p.Height != c.Size[1] {
			t.Errorf("%s at %d/8: mode %s, %d x %d; want %s, %v", c.Name, c.Eighths, p.Mode, p.Width, p.Height, c.Mode, c.Size)
			continue
		}
		if digest(p.Pix) != c.Samples {
			t.Errorf("%s at %d/8: other samples than Pillow's", c.Name, c.Eighths)
		} else if digest(p.Crop(24)) != c.Crop24 {
			t.Errorf("%s at %d/8: another crop than Pillow's", c.Name, c.Eighths)
		}
		if c.Exif24 != "" {
			turned++
			if digest(p.Oriented(Orientation(file)).Crop(24)) != c.Exif24 {
				t.Errorf("%s at %d/8: turned otherwise than Pillow's", c.Name, c.Eighths)
			}
		}
	}
	if scales && turned < 8 {
		t.Errorf("%d cases are turned, want 8 at least", turned)
	}
}

// TestScaleFor has the smallest scale for what is needed.
func TestScaleFor(t *testing.T) {
	if !scales {
		if at := scaleFor(1000, 1000, 1); at != whole {
			t.Errorf("%d/8 in a build that decodes all", at)
		}
		return
	}
	for _, c := range []struct {
		width, height, enough int
		want                  scale
	}{
		{1500, 1500, 0, 8}, {1500, 1500, 1500, 8}, {1500, 1500, 751, 8}, {1500, 1500, 750, 4}, {1500, 1500, 375, 2}, {1500, 1500, 336, 2},
		{1500, 1500, 188, 2}, {1500, 1500, 187, 1}, {640, 480, 336, 8}, {672, 4000, 336, 4}, {671, 4000, 336, 8}, {4000, 3000, 336, 1},
		{65500, 65500, 336, 1}, {65500, 8, 1, 1}, {65500, 7, 1, 2}, {1, 1, 1, 8}, {1, 60000, 336, 8}, {224, 224, 224, 8},
	} {
		if at := scaleFor(c.width, c.height, c.enough); at != c.want {
			t.Errorf("%d x %d, %d are enough: %d/8, want %d/8", c.width, c.height, c.enough, at, c.want)
		}
	}
}

// TestFastSizes crops JPEGs of all small sizes and holds them against the exact crop: scaled or not, no sample is outside
// what the whole picture has, and none is far off where the picture is smooth.
func TestFastSizes(t *testing.T) {
	const side = 3
	for w := 1; w < 40; w++ {
		for h := 1; h < 40; h++ {
			m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
			for i := range m.Y {
				m.Y[i] = uint8(40 + 3*(i%m.YStride) + 2*(i/m.YStride))
			}
			for i := range m.Cb {
				m.Cb[i], m.Cr[i] = 128, 128
			}
			var file bytes.Buffer
			if err := jpeg.Encode(&file, m, &jpeg.Options{Quality: 100}); err != nil {
				t.Fatal(err)
			}
			exact, err := Crop(file.Bytes(), side, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			fast, err := Options{FastJPEG: true}.Crop(file.Bytes(), side)
			if err != nil {
				t.Fatal(err)
			}
			if largest, mean := distance(t, fast, exact); largest > 8 || mean > 3 {
				t.Errorf("%d x %d: off by %d at most, %.2f on average", w, h, largest, mean)
			}
		}
	}
}

// TestFastBytes holds the promise for scaled pictures against what they take, and against that for whole ones.
func TestFastBytes(t *testing.T) {
	if !scales {
		return // the same as TestDecodedBytes
	}
	for name, file := range sized(t) {
		all, err := DecodedBytes(file, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		some, err := Options{FastJPEG: true}.DecodedBytes(file, 20)
		p, decodeErr := DecodeScaled(file, 30, Limits{})
		if err != nil || decodeErr != nil {
			t.Fatal(name, err, decodeErr)
		}
		least := int64(p.Width * p.Height * p.Mode.pixelBytes())
		if some < least || some > all {
			t.Errorf("%s: %d bytes promised, %d of samples, %d promised for the whole", name, some, least, all)
		}
		if strings.HasPrefix(name, "large JPEG") && (some*60 > all || least != some) {
			t.Errorf("%s: %d bytes promised, %d of samples, %d promised for the whole; an eighth of each side is enough", name, some, least, all)
		}
		if name == "progressive_420.jpg" && some < all*2/3 {
			t.Errorf("%s: %d bytes promised of %d, less than its coefficients", name, some, all)
		}
	}
}
