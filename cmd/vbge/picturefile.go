package main

import (
	"fmt"
	"io"
	"os"

	"vbge/engine/pixels"
)

// readPicture returns a file's bytes, never nil: an empty file is a picture that cannot be decoded,
// not a picture left out. It takes no more memory than the limit on picture files lets it.
func readPicture(path string, l pixels.Limits) ([]byte, error) {
	most := l.MaxBytes
	if most == 0 {
		most = pixels.DefaultLimits().MaxBytes
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		return nil, fmt.Errorf("%s: %w: %d bytes, limit %d (set by --max-image-bytes)", path, pixels.ErrTooLarge, info.Size(), most)
	}
	// One byte more than is allowed, of a pipe, is for package pixels to refuse.
	file, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	return file, nil
}
