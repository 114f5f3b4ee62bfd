package pixels

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// generated is a picture of testdata/make_pictures.py and what Pillow 13 makes of it.
type generated struct {
	Name, Kind, Refused string
	Mode                Mode
	Size                [2]int
	Crop64, Crop224     string // SHA-256 of the crop's RGB bytes; "" where Pillow would take gigabytes
	Exif64              string // the same after ImageOps.exif_transpose, where there is an orientation
	RGB24               []byte // of stored pictures that hold a JPEG, the crop at 24 itself
}

// generatedPictures returns the 200 stored ones, or those in the folder VBGE_PICTURES.
func generatedPictures(t testing.TB) (fs.FS, []generated) {
	t.Helper()
	var files fs.FS
	if dir := os.Getenv("VBGE_PICTURES"); dir != "" {
		files = os.DirFS(dir)
	} else {
		archive, err := zip.OpenReader("testdata/pictures.zip")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { archive.Close() })
		files = archive
	}
	manifest, err := fs.ReadFile(files, "manifest.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []generated
	for lines := bufio.NewScanner(bytes.NewReader(manifest)); lines.Scan(); {
		var g generated
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		all = append(all, g)
	}
	if len(all) < 200 {
		t.Fatalf("%d pictures, want 200 at least", len(all))
	}
	return files, all
}

// TestPictures compares with Pillow: what that refuses is refused, what it reads is read the same. listed are the
// differences that docs/exactness.md lists.
func TestPictures(t *testing.T) {
	files, all := generatedPictures(t)
	differ := map[string][]string{}
	refused := 0
	for _, g := range all {
		file, err := fs.ReadFile(files, g.Name)
		if err != nil {
			t.Fatal(err)
		}
		how := g.differs(t, file)
		if g.Refused != "" {
			refused++
		}
		if how == "" {
			continue
		}
		differ[how] = append(differ[how], g.Name)
		if !listed(g, how) {
			t.Errorf("%s, %s: %s", g.Name, g.Kind, how)
		}
	}
	for _, how := range slices.Sorted(maps.Keys(differ)) {
		t.Logf("%d: %s: %s", len(differ[how]), how, strings.Join(differ[how][:min(len(differ[how]), 3)], " "))
	}
	total := 0
	for _, names := range differ {
		total += len(names)
	}
	t.Logf("%d of %d pictures differ; Pillow refuses %d", total, len(all), refused)
}

// differs tells how vbge differs from Pillow, "" where it does not.
func (g generated) differs(t *testing.T, file []byte) string {
	p, err := Decode(file, Limits{MaxPixels: 1 << 28, MaxBytes: 1 << 30})
	switch {
	case err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge):
		return "neither ErrFormat nor ErrTooLarge: " + err.Error()
	case err != nil && g.Refused == "":
		_, why, _ := strings.Cut(err.Error(), ErrFormat.Error()+": ")
		return "refused: " + cmp.Or(why, err.Error())
	case err != nil:
		return ""
	case g.Refused != "":
		return "read, and Pillow refuses: " + g.Refused
	}
	if p.Mode != g.Mode || p.Width != g.Size[0] || p.Height != g.Size[1] {
		return "other mode or size"
	}
	if !Exact() && g.holdsJPEG() {
		if g.RGB24 == nil || strings.Contains(g.Kind, "flipped") || strings.Contains(g.Kind, "wrong") || strings.Contains(g.Kind, "cut") {
			return "" // of what is damaged each decoder makes something else
		}
		mostLargest, mostMean := goLargest, 0.2
		if !strings.Contains(g.Kind, "4:4:4") && (strings.Contains(g.Kind, "RGB") || strings.Contains(g.Kind, "CMYK") || strings.Contains(g.Kind, "YCCK") || strings.Contains(g.Kind, "Adobe")) {
			mostLargest, mostMean = 32, 6 // image/jpeg repeats samples of bands that are no chroma
		}
		if largest, mean := distance(t, p.Crop(24), g.RGB24); largest > mostLargest || mean > mostMean {
			return fmt.Sprintf("far off: %d at most, %.2f on average", largest, mean)
		}
		return ""
	}
	if digest(p.Crop(64)) != g.Crop64 || g.Crop224 != "" && digest(p.Crop(224)) != g.Crop224 {
		return "other pixels"
	}
	if p.Width*p.Height < 1<<20 && digest(p.Oriented(Orientation(file)).Crop(64)) != cmp.Or(g.Exif64, g.Crop64) {
		return "turned otherwise"
	}
	return ""
}

// holdsJPEG tells the pictures whose samples are the JPEG decoder's to choose.
func (g generated) holdsJPEG() bool {
	return strings.HasPrefix(g.Kind, "jpg: ") || strings.Contains(g.Kind, ", jpeg") || strings.Contains(g.Kind, "compression 7")
}

func digest(rgb []uint8) string {
	sum := sha256.Sum256(rgb)
	return hex.EncodeToString(sum[:])
}

// listed are the differences that docs/exactness.md lists, by what is said of them.
func listed(g generated, how string) bool {
	says := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(how, part) })
	}
	switch {
	case strings.HasPrefix(g.Kind, "jpg: lossless"):
		return says("refused: ")
	case g.holdsJPEG() && !Exact(): // image/jpeg knows fewer kinds, and finds other faults
		return says("refused: ", "Pillow refuses: ")
	case strings.Contains(g.Kind, "progressive") && strings.Contains(g.Kind, "scan cut and EOI"):
		return says("other pixels")
	case strings.Contains(g.Kind, "arithmetic"):
		return says("broken data stream")
	case strings.HasPrefix(g.Kind, "tif: "):
		return says("photometric interpretation 8 ", "is not read; save it", "box can't exceed original image size") || strings.Contains(g.Kind, "far tag") ||
			strings.Contains(g.Kind, "flipped") && says("refused: ", "Pillow refuses: ")
	case strings.HasPrefix(g.Kind, "png: "):
		cut := strings.Contains(g.Kind, "truncated") || strings.Contains(g.Kind, "no Adler")
		cut = cut || strings.Contains(g.Kind, "wrong Adler")
		return strings.Contains(g.Kind, "pixels") && says("Truncated File Read", "image file is truncated") || cut && says("unexpected EOF", "invalid checksum")
	case strings.HasPrefix(g.Kind, "webp: "):
		return !Exact() && (strings.Contains(g.Kind, "flipped") || strings.Contains(g.Kind, "chunk size")) && says("failed to read next frame", "x/image")
	}
	return false
}
