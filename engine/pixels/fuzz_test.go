package pixels

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io/fs"
	"runtime"
	"slices"
	"testing"
)

// addPictures seeds f with small files of every kind.
func addPictures(f *testing.F) {
	files, all := generatedPictures(f)
	for _, g := range all {
		file, err := fs.ReadFile(files, g.Name)
		if err != nil {
			f.Fatal(err)
		}
		if len(file) < 2000 {
			f.Add(file)
		}
	}
}

// repaired gives a PNG's chunks the checksums that they should have, which a fuzzer does not find.
func repaired(file []byte) []byte {
	if !bytes.HasPrefix(file, []byte(pngMagic)) {
		return file
	}
	file = bytes.Clone(file)
	for at := len(pngMagic); at+12 <= len(file); {
		end := uint64(at) + 8 + uint64(be.Uint32(file[at:]))
		if end+4 > uint64(len(file)) {
			break
		}
		be.PutUint32(file[end:], crc32.ChecksumIEEE(file[at+4:end]))
		at = int(end) + 4
	}
	return file
}

var fuzzLimits = Limits{MaxPixels: 1 << 18}

// FuzzCrop: a picture or ErrFormat or ErrTooLarge, the same the second time, with no memory left outside Go; exactly, and
// fast and turned, which refuses the same files.
func FuzzCrop(f *testing.F) {
	addPictures(f)
	other := readGolden(f).files["small_3x5.png"]
	f.Fuzz(func(t *testing.T, file []byte) {
		file = repaired(file)
		var refused [2]bool
		for i, o := range []Options{{Limits: fuzzLimits}, {Limits: fuzzLimits, EXIF: true, FastJPEG: true}} {
			rgb, err := o.Crop(file, 16)
			switch {
			case err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge):
				t.Errorf("neither ErrFormat nor ErrTooLarge: %v", err)
			case err == nil && len(rgb) != 3*16*16:
				t.Errorf("%d samples, want %d", len(rgb), 3*16*16)
			}
			// Another picture in between shows memory that was not written.
			if _, err := Crop(other, 16, fuzzLimits); err != nil {
				t.Fatal(err)
			}
			again, againErr := o.Crop(file, 16)
			if !bytes.Equal(again, rgb) || (againErr == nil) != (err == nil) {
				t.Errorf("another picture the second time: %v, then %v", err, againErr)
			}
			refused[i] = err != nil
		}
		if refused[0] != refused[1] {
			t.Errorf("refused exactly %v, fast %v", refused[0], refused[1])
		}
		if n := liveDecoders(); n != 0 {
			t.Errorf("%d decoders alive", n)
		}
	})
}

// FuzzDecodedBytes holds what the header promises against what Decode takes in Go and what it returns, whole and scaled. A refused file may
// have been refused after its samples had been taken.
func FuzzDecodedBytes(f *testing.F) {
	addPictures(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		file = repaired(file)
		for _, enough := range []int{0, 5} {
			promised, sizeErr := DecodedBytesScaled(file, enough, fuzzLimits)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := DecodeScaled(file, enough, fuzzLimits)
			runtime.ReadMemStats(&after)
			switch {
			case sizeErr != nil && !errors.Is(sizeErr, ErrFormat) && !errors.Is(sizeErr, ErrTooLarge):
				t.Errorf("neither ErrFormat nor ErrTooLarge: %v", sizeErr)
			case sizeErr != nil && err == nil:
				t.Errorf("a picture whose size is unknown: %v", sizeErr)
			}
			if err == nil && int64(p.Width*p.Height*p.Mode.pixelBytes()) > promised {
				t.Errorf("%d x %d pixels of mode %s in %d bytes promised", p.Width, p.Height, p.Mode, promised)
			}
			// Beside the samples there are tables, texts of 1 MiB inflated one after another, a directory's numbers.
			if taken := after.TotalAlloc - before.TotalAlloc; taken > uint64(promised)+16<<20+64*uint64(len(file)) {
				t.Errorf("%d bytes promised, %d taken", promised, taken)
			}
		}
	})
}

// FuzzOrientation: 1 to 8, and turning a picture back gives the same picture.
func FuzzOrientation(f *testing.F) {
	addPictures(f)
	back := [9]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
	f.Fuzz(func(t *testing.T, file []byte) {
		file = repaired(file)
		o := Orientation(file)
		if o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
		p, err := Decode(file, fuzzLimits)
		if err != nil {
			return
		}
		q := p.Oriented(o).Oriented(back[o])
		if q.Width != p.Width || q.Height != p.Height || !bytes.Equal(q.Pix, p.Pix) || !slices.Equal(q.Pix16, p.Pix16) {
			t.Errorf("turned to %d and back it is another picture", o)
		}
	})
}
