package items

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"vbge/server/catalog"
)

// partial begins the names of files that are being written.
const partial = ".adding-"

var ownName = regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]{64}\.(jpg|png|gif|webp|bmp)$`)

// nameOf returns where under Dir a content is kept.
func nameOf(content, extension string) string {
	return filepath.Join(content[:2], content+extension)
}

// ownFile returns the name under Dir of the file behind a row, if a server wrote both.
func (s *Store) ownFile(e catalog.Entry) (name string, own bool) {
	name, below := s.kept.below(e.ImagePath)
	own = below && e.Source == Source && ownName.MatchString(filepath.ToSlash(name)) &&
		strings.HasPrefix(name, filepath.Join(e.ContentHash[:min(2, len(e.ContentHash))], e.ContentHash+"."))
	return name, own
}

// keep writes a picture's file unless it is there, and says whether it was not. A crash leaves the
// whole file or none.
func (s *Store) keep(name string, file []byte) (created bool, err error) {
	root, err := os.OpenRoot(s.kept.path)
	if err != nil {
		return false, err
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err == nil && info.Mode().IsRegular() && info.Size() == int64(len(file)) {
		return false, nil
	}
	created = errors.Is(err, fs.ErrNotExist)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return false, err
	}
	if err := writeFile(root, name, file); err != nil {
		return false, err
	}
	for _, dir := range []string{filepath.Dir(name), "."} {
		if err := syncFolder(root, dir); err != nil {
			return created, err
		}
	}
	return created, nil
}

// writeFile puts a whole file in place at once.
func writeFile(root *os.Root, name string, data []byte) error {
	temporary := filepath.Join(filepath.Dir(name), partial+rand.Text())
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		err = errors.Join(err, root.Remove(temporary))
	}
	return err
}

// syncFolder makes the names in a folder outlive a loss of power, where the file system can.
func syncFolder(root *os.Root, dir string) error {
	folder, err := root.Open(dir)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// discard removes a file under Dir; one that is gone is no error.
func (s *Store) discard(name string) error {
	root, err := os.OpenRoot(s.kept.path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s from --items-dir: %w", name, err)
	}
	return nil
}
