// Package items adds pictures to a catalogue and takes them out again, keeps the files of those it
// added, and decides which files may be shown to whoever asks.
//
// A picture that a server was sent is kept as <Dir>/<two hex digits>/<SHA-256 of the file>.<kind>,
// so that the same picture is the same row, however often it comes. Its image_path is that file's
// absolute path: `vbge search` and a server started elsewhere find it too.
package items

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vbge/engine"
	"vbge/engine/pixels"
	"vbge/server/catalog"
)

var (
	// ErrNotFound means that there is no such row, or no picture of it that may be shown. What else
	// the error says is for the log alone: it names files.
	ErrNotFound = errors.New("not found")
	// ErrKind means that a file is no picture of a kind that browsers show. What is refused for it wraps
	// pixels.ErrFormat besides.
	ErrKind = errors.New("it is no JPEG, PNG, GIF, WebP or BMP")
	// ErrReadOnly means that there is no folder to keep pictures in.
	ErrReadOnly = errors.New("the server keeps no pictures: start it with --items-dir")
)

// Source tells the rows of a server from those of `vbge index`, whose --prune leaves them alone: it
// is neither empty nor a SHA-256.
const Source = "vbge serve"

// Options say where pictures are.
type Options struct {
	Dir     string // --items-dir, where added pictures are kept; made if it is not there; "" keeps none
	Images  string // --images, a folder whose pictures may be shown besides; "" is none
	Catalog catalog.Catalog
	// Embed returns a result for each input, as engine.Engine.Embed does.
	Embed    func(ctx context.Context, inputs []engine.Input) ([]engine.Result, error)
	MaxBytes int64 // of a file that is shown; 0 is that of pixels.DefaultLimits
}

// Store is a catalogue's pictures. Its methods are safe for concurrent use.
type Store struct {
	options Options
	kept    folder // of Dir; zero if there is none
	shown   folder // of Images; zero if there is none
	locks   locks
}

// Open checks the folders. Neither is kept open: what is mounted there later is found.
func Open(o Options) (*Store, error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, pixels.DefaultLimits().MaxBytes)
	s := &Store{options: o}
	if o.Images != "" {
		var err error
		if s.shown, err = openFolder(o.Images); err != nil {
			return nil, fmt.Errorf("items: --images: %w", err)
		}
	}
	if o.Dir != "" {
		if err := s.openKept(); err != nil {
			return nil, fmt.Errorf("items: --items-dir: %w", err)
		}
	}
	return s, nil
}

// openKept makes Dir and tries whether it can be written to.
func (s *Store) openKept() error {
	if err := os.MkdirAll(s.options.Dir, 0o755); err != nil {
		return err
	}
	kept, err := openFolder(s.options.Dir)
	if err != nil {
		return err
	}
	if err := catalog.CheckPath(filepath.Join(kept.path, nameOf(strings.Repeat("0", 64), ".jpg"))); err != nil {
		return err
	}
	trial, err := os.CreateTemp(kept.path, partial+"*")
	if err != nil {
		return err
	}
	s.kept = kept
	return errors.Join(trial.Close(), os.Remove(trial.Name()))
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
