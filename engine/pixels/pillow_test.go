package pixels

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"

	"testing"
)

// pillowCase is a file of testdata/make_pillow.py and what Pillow 13 makes of it.
type pillowCase struct {
	Name           string
	File           []byte
	Mode           Mode
	Size           [2]int
	Crop24, Crop50 string // SHA-256 of the crop's RGB bytes
	RGB24          []byte // of JPEGs, the crop at 24 itself
}

func pillowCases(t testing.TB) []pillowCase {
	t.Helper()
	text, err := os.ReadFile("testdata/pillow.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []pillowCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 50 {
		t.Fatalf("%d cases, want 50 at least", len(cases))
	}
	return cases
}

// TestCropPillow covers the kinds of file that the golden pictures lack.
func TestCropPillow(t *testing.T) {
	for _, c := range pillowCases(t) {
		p, err := Decode(c.File, Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if p.Mode != c.Mode || p.Width != c.Size[0] || p.Height != c.Size[1] {
			t.Errorf("%s: mode %s, %d x %d; want %s, %v", c.Name, p.Mode, p.Width, p.Height, c.Mode, c.Size)
		}
		if !Exact() && dependsOnDecoder(c.Name) {
			if largest, mean := distance(t, p.Crop(24), c.RGB24); largest > goLargest || mean > goMean {
				t.Errorf("%s: off by %d and %.3f, bounds %d and %v", c.Name, largest, mean, goLargest, goMean)
			}
			continue
		}
		for side, want := range map[int]string{24: c.Crop24, 50: c.Crop50} {
			sum := sha256.Sum256(p.Crop(side))
			if got := hex.EncodeToString(sum[:]); got != want {
				t.Errorf("%s at %d: other pixels than Pillow's", c.Name, side)
			}
		}
	}
}

// TestWholeRGBA holds the panorama's conversion against Crop's where no resize happens.
func TestWholeRGBA(t *testing.T) {
	p, err := Decode(readGolden(t).files["exact_64x64.png"], Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := p.RGBA()
	rgb := newPicture(RGB, p.Width, p.Height)
	rawModes["RGBX"].unpack(rgb, 0, m.Pix, p.Width*p.Height)
	if !bytes.Equal(rgb.Pix, p.Crop(64)) || !m.Opaque() {
		t.Error("the whole picture differs from its crop at its own size")
	}
}
