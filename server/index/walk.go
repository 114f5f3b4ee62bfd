package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vbge/server/catalog"
)

// extensions are those of the picture formats that vbge decodes.
var extensions = []string{".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// file is a picture file that was found.
type file struct {
	path      string // to open it: the folder joined with relative
	relative  string // to the folder
	imagePath string // as it is kept
	id        string
	unfit     error // why the path cannot be kept
}

// walk lists the picture files under a folder, told by their extensions, in the
// order of their paths, and what could not be looked into. Links to files are
// followed, links to folders are not: they could lead in a circle.
func walk(ctx context.Context, o Options) (files []file, skipped []Skipped, err error) {
	if info, err := os.Stat(o.Dir); err != nil || !info.IsDir() {
		return nil, nil, cmp.Or(err, errors.New("it is not a folder"))
	}
	err = fs.WalkDir(os.DirFS(o.Dir), ".", func(relative string, entry fs.DirEntry, err error) error {
		relative = filepath.FromSlash(relative)
		path := filepath.Join(o.Dir, relative)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && relative == ".":
			return err
		case err != nil:
			skipped = append(skipped, Skipped{path, err})
			return nil
		case entry.IsDir() || !slices.Contains(extensions, strings.ToLower(filepath.Ext(relative))):
			return nil
		}
		f := file{path: path, relative: relative, imagePath: path}
		if o.Relative {
			f.imagePath = relative
		}
		f.unfit = catalog.CheckPath(f.imagePath)
		f.id = hash([]byte(f.imagePath))
		files = append(files, f)
		return nil
	})
	return files, skipped, err
}

// readFile returns the bytes of a regular file (a pipe would block) that is not too large.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
