package items

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// folder is one whose files may be shown: those below it, also through links that do not lead out.
type folder struct {
	given string // as the flag has it, cleaned; "" for no folder
	path  string // absolute
}

var errNotRegular = errors.New("not a regular file")

func openFolder(dir string) (folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return folder{}, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return folder{}, err
	}
	return folder{given: filepath.Clean(dir), path: path}, root.Close()
}

// below returns a path as seen from the folder, if it begins with the folder as given or with its
// absolute path.
func (f folder) below(path string) (name string, ok bool) {
	if f.given == "" {
		return "", false
	}
	for _, pair := range [][2]string{{f.given, path}, {f.path, path}, {f.path, absolute(path)}} {
		// Rel compares names alone, and fails where one path is absolute and the other is not.
		if name, err := filepath.Rel(pair[0], pair[1]); err == nil && filepath.IsLocal(name) {
			return name, true
		}
	}
	return "", false
}

// absolute returns a path as the working directory sees it.
func absolute(path string) string {
	if from, err := filepath.Abs(path); err == nil {
		return from
	}
	return path
}

// read returns the bytes of a regular file below the folder that is not larger than most.
func (f folder) read(name string, most int64) ([]byte, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > most:
		return nil, fmt.Errorf("%d bytes, more than the limit of %d (set by --max-image-bytes)", info.Size(), most)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, err
	}
	return data, nil
}

// open opens a file below the folder. os.Root holds it there, whatever changes meanwhile.
func (f folder) open(name string) (*os.File, error) {
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := openRegular(root, name)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) {
		return file, err
	}
	// A Root refuses every absolute link, also one that leads to where it may.
	resolved, inside := f.resolve(name)
	if !inside {
		return nil, err
	}
	return openRegular(root, resolved)
}

// openRegular looks before it opens: to open a pipe can take for ever, to open a device do anything.
func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// resolve returns where the links of a name lead, as seen from the folder, and whether that is inside.
func (f folder) resolve(name string) (string, bool) {
	top, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return "", false
	}
	file, err := filepath.EvalSymlinks(filepath.Join(top, name))
	if err != nil {
		return "", false
	}
	resolved, err := filepath.Rel(top, file)
	return resolved, err == nil && filepath.IsLocal(resolved)
}
