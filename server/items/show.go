package items

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
)

// extensions are of the kinds of file that vbge decodes, which are also the only ones shown: a
// browser would run what is in an SVG or an HTML.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp",
}

// kindOf tells a picture's media type and extension by its bytes.
func kindOf(file []byte) (mediaType, extension string, ok bool) {
	mediaType = http.DetectContentType(file)
	extension, ok = extensions[mediaType]
	return mediaType, extension, ok
}

// Picture returns the picture file of a row, with its media type, which is one of image/jpeg,
// image/png, image/gif, image/webp and image/bmp. The error wraps ErrNotFound if there is no such
// row, or its file may not be shown; another is the catalogue's.
func (s *Store) Picture(ctx context.Context, id string) (file []byte, mediaType string, err error) {
	found, err := s.options.Catalog.Find(ctx, []string{id})
	if err != nil {
		return nil, "", err
	}
	entry, ok := found[id]
	if !ok {
		return nil, "", fmt.Errorf("%w: there is no row with the id %.80q", ErrNotFound, id)
	}
	if file, err = s.OpenPath(entry.ImagePath); err != nil {
		return nil, "", err
	}
	mediaType, _, _ = kindOf(file)
	return file, mediaType, nil
}

// OpenPath returns the picture file of an image path: a regular file under Dir or Images that is no
// larger than Options.MaxBytes and a picture by its bytes. The path is absolute, or relative to
// Images, or begins with that folder as the flag names it. Errors wrap ErrNotFound.
func (s *Store) OpenPath(imagePath string) ([]byte, error) {
	file, err := s.openPath(imagePath)
	if err == nil {
		if _, _, ok := kindOf(file); !ok {
			err = errors.New("no JPEG, PNG, GIF, WebP or BMP")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: picture %.300q: %w", ErrNotFound, imagePath, err)
	}
	return file, nil
}

// openPath reads the first file that a path can mean.
func (s *Store) openPath(imagePath string) ([]byte, error) {
	var errs []error
	try := func(f folder, name string) []byte {
		file, err := f.read(name, s.options.MaxBytes)
		if err != nil {
			errs = append(errs, err)
		}
		return file
	}
	if s.shown.given != "" && filepath.IsLocal(imagePath) { // as `vbge search --images` takes it
		if file := try(s.shown, imagePath); file != nil {
			return file, nil
		}
	}
	for _, f := range []folder{s.kept, s.shown} {
		if name, ok := f.below(imagePath); ok {
			if file := try(f, name); file != nil {
				return file, nil
			}
		}
	}
	if len(errs) == 0 {
		return nil, errors.New("neither under --items-dir nor under --images")
	}
	return nil, errors.Join(errs...)
}
