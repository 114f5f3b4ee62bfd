package tutorial

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrArchive is an archive that is damaged, not the tutorial's, or would do harm.
var ErrArchive = errors.New("unusable archive")

// What the tutorial's archive has to hold, side by side.
const (
	imagesName = "images"
	queryName  = "leopard.jpg"
)

// limits bound what an archive may unpack to. The tutorial's holds about 900 photographs.
type limits struct {
	bytes   int64
	entries int
}

var pictureLimits = limits{bytes: 8 << 30, entries: 100_000}

// unpackPictures unpacks the archive to root, which appears only once it is whole; a root that is
// already there is left as it is.
func unpackPictures(ctx context.Context, archive, root string, log io.Writer) error {
	if _, err := os.Stat(root); err == nil {
		return checkPictures(root)
	}
	part := root + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.Mkdir(part, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	count, err := unpack(ctx, archive, part, pictureLimits)
	if ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	found, err := findPictures(part)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", archive, err)
	}
	if err := os.Rename(found, root); err != nil {
		return err
	}
	fmt.Fprintf(log, "unpacked %d files to %s\n", count, root)
	return nil
}

// unpack writes the regular files of a .tar.gz below dir and counts them. Anything that leads
// outside, and any link, ends it.
func unpack(ctx context.Context, archive, dir string, most limits) (files int, err error) {
	file, err := os.Open(archive)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(contextReader{ctx, file})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	root, err := os.OpenRoot(dir) // refuses what leads outside, even where the checks below do not
	if err != nil {
		return 0, err
	}
	defer root.Close()
	left := most.bytes
	entries := tar.NewReader(unzipped)
	for n := 0; ; n++ {
		header, err := entries.Next()
		if err == io.EOF {
			return files, nil
		} else if err != nil {
			return files, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		if n == most.entries {
			return files, fmt.Errorf("%w: more than %d entries", ErrArchive, most.entries)
		}
		wanted, err := isPicture(header)
		if err != nil {
			return files, err
		} else if !wanted {
			continue
		}
		if left -= header.Size; left < 0 {
			return files, fmt.Errorf("%w: more than %d bytes unpacked", ErrArchive, most.bytes)
		}
		if err := writeEntry(root, filepath.FromSlash(path.Clean(header.Name)), entries); err != nil {
			return files, err
		}
		files++
	}
}

// isPicture tells files from entries that carry nothing, and refuses those that would do harm.
func isPicture(header *tar.Header) (bool, error) {
	if !filepath.IsLocal(filepath.FromSlash(header.Name)) {
		return false, fmt.Errorf("%w: %q leads outside", ErrArchive, header.Name)
	}
	switch header.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return false, nil
	case tar.TypeReg:
		// macOS's tar adds a file of attributes beside each file; with its .jpg it would be indexed.
		return !strings.HasPrefix(path.Base(header.Name), "._"), nil
	}
	return false, fmt.Errorf("%w: %q is neither file nor directory", ErrArchive, header.Name)
}

func writeEntry(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); errors.As(err, new(*fs.PathError)) { // the disk is full
		return errors.Join(err, file.Close())
	} else if err != nil {
		return errors.Join(fmt.Errorf("%w: %s: %w", ErrArchive, name, err), file.Close())
	}
	return file.Close()
}

// findPictures returns the folder below dir that holds the query and the images.
func findPictures(dir string) (string, error) {
	var found string
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() == queryName && checkPictures(filepath.Dir(file)) == nil {
			found = filepath.Dir(file)
			return fs.SkipAll
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("%w: no folder in it holds %s and %s/*.jpg", ErrArchive, queryName, imagesName)
	}
	return found, err
}

// checkPictures says whether a folder holds what the tutorial needs.
func checkPictures(root string) error {
	images, err := fs.Glob(os.DirFS(root), imagesName+"/*.jpg")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, queryName)); err != nil || len(images) == 0 {
		return fmt.Errorf("%s holds no %s or no %s/*.jpg; remove it to unpack it again", root, queryName, imagesName)
	}
	return nil
}
