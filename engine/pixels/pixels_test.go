package pixels

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vbge/weights/npy"
)

const reference = "../testdata/reference/"

// golden is what the reference made of its pictures.
type golden struct {
	files     map[string][]byte
	arrays    map[string]npy.Array
	mean, std [3]float32
}

var loadGolden = sync.OnceValues(func() (golden, error) {
	g := golden{files: map[string][]byte{}}
	var config struct{ Mean, Std [3]float32 }
	text, err := os.ReadFile(reference + "tiny.json")
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return g, err
	}
	g.mean, g.std = config.Mean, config.Std
	paths, err := filepath.Glob(reference + "golden/images/*")
	if err != nil {
		return g, err
	}
	for _, path := range paths {
		if g.files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			return g, err
		}
	}
	g.arrays, err = npy.ReadArchive(reference + "golden/tiny.npz")
	return g, err
})

func readGolden(t testing.TB) golden {
	t.Helper()
	g, err := loadGolden()
	if err != nil {
		t.Fatal(err)
	}
	if len(g.files) != 27 {
		t.Fatalf("%d golden pictures, want 27", len(g.files))
	}
	return g
}

// dependsOnDecoder tells the files whose samples are the JPEG decoder's to choose.
func dependsOnDecoder(name string) bool { return strings.HasSuffix(name, ".jpg") }

// goLargest and goMean bound how far image/jpeg's inverse DCT leads from libjpeg-turbo's; measured: 4 and 0.07.
const goLargest, goMean = 6, 0.15

// distance returns the largest and the mean absolute difference.
func distance(t testing.TB, got, want []uint8) (largest int, mean float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	sum := 0
	for i := range got {
		d := max(int(got[i])-int(want[i]), int(want[i])-int(got[i]))
		largest, sum = max(largest, d), sum+d
	}
	return largest, float64(sum) / float64(len(got))
}

func TestCropGolden(t *testing.T) {
	g := readGolden(t)
	for name, file := range g.files {
		for side, key := range map[int]string{64: "crop64/", 224: "crop224/"} {
			got, err := Crop(file, side, Limits{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			largest, mean := distance(t, got, g.arrays[key+name].Uint8)
			if !Exact() && dependsOnDecoder(name) {
				t.Logf("%s at %d: off by %d at most, %.3f on average, by another decoder", name, side, largest, mean)
				if largest > goLargest || mean > goMean {
					t.Errorf("%s at %d: off by %d and %.3f, bounds %d and %v", name, side, largest, mean, goLargest, goMean)
				}
			} else if largest != 0 {
				t.Errorf("%s at %d: off by %d at most, %.3f on average, want equal", name, side, largest, mean)
			}
		}
	}
}

func TestDecodeGolden(t *testing.T) {
	g := readGolden(t)
	for name, file := range g.files {
		want, ok := g.arrays["decoded/"+name]
		if !ok || !Exact() && dependsOnDecoder(name) {
			continue
		}
		p, err := Decode(file, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Height != want.Shape[0] || p.Width != want.Shape[1] {
			t.Errorf("%s: %d x %d, want %v", name, p.Width, p.Height, want.Shape)
		}
		if largest, mean := distance(t, p.Pix, want.Uint8); largest != 0 {
			t.Errorf("%s: off by %d at most, %.3f on average, want equal", name, largest, mean)
		}
	}
}

// TestCropOfDecoded holds resize and crop apart from the JPEG and WebP decoders.
func TestCropOfDecoded(t *testing.T) {
	g := readGolden(t)
	n := 0
	for key, a := range g.arrays {
		name, ok := strings.CutPrefix(key, "decoded/")
		if !ok {
			continue
		}
		n++
		p := Picture{Mode: Gray, Height: a.Shape[0], Width: a.Shape[1], Pix: a.Uint8}
		switch {
		case len(a.Shape) == 3 && a.Shape[2] == 3:
			p.Mode = RGB
		case len(a.Shape) == 3 && strings.HasSuffix(name, ".jpg"):
			p.Mode = CMYK
		case len(a.Shape) == 3:
			p.Mode = RGBA
		}
		for side, key := range map[int]string{64: "crop64/", 224: "crop224/"} {
			if largest, mean := distance(t, p.Crop(side), g.arrays[key+name].Uint8); largest != 0 {
				t.Errorf("%s at %d: off by %d at most, %.3f on average, want equal", name, side, largest, mean)
			}
		}
	}
	if n != 11 {
		t.Errorf("%d decoded pictures, want 11", n)
	}
}

func TestNormaliseGolden(t *testing.T) {
	g := readGolden(t)
	table := NormaliseTable(g.mean, g.std)
	for name := range g.files {
		rgb, want := g.arrays["crop64/"+name].Uint8, g.arrays["pixels/"+name].Float32
		got := Normalise(rgb, g.mean, g.std)
		if len(got) != len(want) {
			t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
		}
		plane := len(want) / 3
		for i := range want {
			v := rgb[3*(i%plane)+i/plane]
			if got[i] != want[i] || table[i/plane][v] != want[i] {
				t.Errorf("%s: value %d is %v, by table %v, want %v", name, i, got[i], table[i/plane][v], want[i])
				break
			}
		}
	}
}

func TestModesGolden(t *testing.T) {
	g := readGolden(t)
	want := map[string]Mode{
		"animated.gif": Paletted, "bilevel.png": Bilevel, "cmyk.jpg": CMYK, "gray.jpg": Gray, "gray16.png": Gray16,
		"gray_alpha.png": GrayAlpha, "lossless_alpha.webp": RGBA, "lossy.webp": RGB, "palette.bmp": Paletted,
		"palette_4bit.png": Paletted, "palette_transparent.png": Paletted, "rgb.bmp": RGB, "rgb.png": RGB,
		"rgb16.png": RGB, "rgba.png": RGBA, "baseline_420.jpg": RGB,
	}
	for name, mode := range want {
		p, err := Decode(g.files[name], Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if p.Mode != mode {
			t.Errorf("%s: mode %s, want %s", name, p.Mode, mode)
		}
	}
}
