package weights

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// target is a model folder about to be written.
type target struct {
	path   string // absolute, symbolic links followed
	exists bool
}

// newTarget checks that path may be written: nothing is there, or an empty folder or a model folder.
func newTarget(path string) (*target, error) {
	if path == "" {
		return nil, errors.New("no output folder was named")
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("output folder %s: %w", path, err)
	}
	if followed, err := filepath.EvalSymlinks(full); err == nil {
		full = followed
	}
	entries, err := os.ReadDir(full)
	if errors.Is(err, os.ErrNotExist) {
		return &target{path: full}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("output folder %s: %w", path, err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		found[e.Name()] = true
	}
	if len(entries) > 0 && !(found[modelFile] && found[configFile]) {
		return nil, fmt.Errorf("output folder %s exists and is no model folder; it is left as it is: name another or remove it", path)
	}
	for _, name := range []string{modelFile, configFile, vocabFile, SelfTestFile} {
		delete(found, name)
	}
	for name := range found {
		return nil, fmt.Errorf("output folder %s holds %s, which is no part of a model folder and would be lost: name another or move it away", path, name)
	}
	return &target{path: full, exists: true}, nil
}

// write lets fill write the files into a new folder beside the target, then puts it in the
// target's place in one step. After a failure nothing is left and the target is as it was.
func (t *target) write(fill func(dir string) error) (err error) {
	parent := filepath.Dir(t.path)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return fmt.Errorf("make %s: %w", parent, err)
	}
	dir, err := os.MkdirTemp(parent, ".vbge-convert-*")
	if err != nil {
		return fmt.Errorf("make a folder beside %s: %w", t.path, err)
	}
	// After success dir is gone, or is the replaced folder.
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if err := fill(dir); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if t.exists {
		err = exchange(dir, t.path)
	} else {
		err = os.Rename(dir, t.path)
	}
	if err != nil {
		return fmt.Errorf("put the new folder in place: %w", err)
	}
	return syncDir(parent)
}

// createFile makes a file, lets fill write it, and brings it to the disk.
func createFile(path string, fill func(f *os.File) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err = fill(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// createBuffered makes a file as createFile does, through a buffer, and returns its size.
func createBuffered(path string, fill func(w io.Writer) error) (size int64, err error) {
	err = createFile(path, func(f *os.File) error {
		b := bufio.NewWriterSize(f, 1<<20)
		if err := fill(b); err != nil {
			return err
		}
		if err := b.Flush(); err != nil {
			return err
		}
		size, err = f.Seek(0, io.SeekCurrent)
		return err
	})
	return size, err
}

func writeFile(path string, r io.Reader) error {
	return createFile(path, func(f *os.File) error {
		_, err := io.Copy(f, r)
		return err
	})
}

// syncDir brings a folder's list of names to the disk, where the system can.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// swap puts the folder at path where new is and new at path, in two steps; in between path is
// missing, and a failure puts the old one back.
func swap(new, path string) error {
	aside := new + ".old"
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	if err := os.Rename(new, path); err != nil {
		return errors.Join(err, os.Rename(aside, path))
	}
	return os.Rename(aside, new)
}
