// Package index brings a folder of pictures into a catalogue: it embeds what is
// new or changed and leaves the rest alone.
//
// A picture is known by two hashes: the row's id is the SHA-256 of its image
// path, and the content hash that of the file. A path seen before with the same
// content is not embedded again, and neither is a content that another row
// already has: its vector is copied from there. So equal files are separate rows
// but are embedded once, and a row of which only the metadata changed is
// rewritten without the model.
package index

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vbge/server/catalog"
)

// Embedder turns picture files into vectors.
type Embedder interface {
	// EmbedPictures returns one vector or one error for each file's bytes. An
	// error that wraps ErrStop or a context's error ends the run; any other
	// only skips its picture.
	EmbedPictures(ctx context.Context, files [][]byte) ([][]float32, []error)
}

// ErrStop marks an embedder's error that is not the picture's fault, such as a
// lost device.
var ErrStop = errors.New("the model cannot go on")

// ErrMetadata is wrapped by errors about the file of Options.Metadata.
var ErrMetadata = errors.New("unusable metadata")

const (
	defaultBatch        = 32
	defaultMaxFileBytes = 64 << 20
	defaultBatchTimeout = 10 * time.Minute
)

// Options say what to index and where to.
type Options struct {
	Dir      string          // folder to walk
	Catalog  catalog.Catalog // opened for writing
	Embedder Embedder

	Relative     bool           // image_path is relative to Dir, else Dir joined with that
	Metadata     string         // JSONL file, "" for none: then rows of unchanged files keep theirs
	Prune        bool           // remove the rows under Dir whose files are gone
	Batch        int            // pictures embedded together, 0 is 32
	MaxFileBytes int64          // larger files are skipped, 0 is 64 MiB
	BatchTimeout time.Duration  // for embedding and writing a batch, 0 is 10 minutes
	Progress     func(Progress) // called from one goroutine, nil for none
}

// Progress counts picture files.
type Progress struct {
	Done    int // dealt with: written, unchanged or skipped
	Total   int
	Skipped int
}

// Report says what a run has done.
type Report struct {
	Found          int       // picture files
	Unchanged      int       // their rows were left alone
	Written        int       // rows
	Embedded       int       // contents that went through the model and were written
	Pruned         int       // rows removed
	MetadataUnused int       // lines of Options.Metadata that are about none of the files
	Skipped        []Skipped // in the order of the paths
}

// Skipped is a file or folder that is not in the catalogue, or not in its
// present state, and why.
type Skipped struct {
	Path string
	Err  error
}

// Run indexes a folder. When ctx is cancelled it finishes the batch in hand,
// writes it, and returns an error that wraps ctx.Err(); so does Report say what
// was done after any other error. Running it again continues.
func Run(ctx context.Context, o Options) (Report, error) {
	o.Batch = cmp.Or(o.Batch, defaultBatch)
	o.MaxFileBytes = cmp.Or(o.MaxFileBytes, defaultMaxFileBytes)
	o.BatchTimeout = cmp.Or(o.BatchTimeout, defaultBatchTimeout)
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	r := &run{Options: o, source: sourceOf(o)}
	err := r.all(ctx)
	slices.SortFunc(r.report.Skipped, func(a, b Skipped) int { return strings.Compare(a.Path, b.Path) })
	if err != nil {
		return r.report, fmt.Errorf("index %s: %w", o.Dir, err)
	}
	return r.report, nil
}

// run is one call of Run.
type run struct {
	Options
	source string // kept with every row, tells whose row it is

	metadata *metadata                // nil for none
	entries  map[string]catalog.Entry // by id, as they were at the start
	contents map[string]string        // content hash to the id of a row that has its vector now
	done     int
	report   Report
}

func (r *run) all(ctx context.Context) error {
	var err error
	if r.metadata, err = readMetadata(r.Metadata); err != nil {
		return err
	}
	files, skipped, err := walk(ctx, r.Options)
	if err != nil {
		return err
	}
	r.report.Found, r.report.Skipped = len(files), skipped
	r.report.MetadataUnused = r.metadata.unused(files)
	if err := r.readEntries(ctx); err != nil {
		return err
	}
	if err := r.index(ctx, files); err != nil {
		return err
	}
	if r.Prune {
		return r.prune(ctx, files)
	}
	return nil
}

func (r *run) readEntries(ctx context.Context) error {
	r.entries, r.contents = map[string]catalog.Entry{}, map[string]string{}
	for entry, err := range r.Catalog.Entries(ctx) {
		if err != nil {
			return err
		}
		r.entries[entry.ID] = entry
		r.contents[entry.ContentHash] = entry.ID
	}
	return nil
}

// sourceOf returns what tells the rows of this folder from those of others. A
// joined path tells it by itself; for relative ones it is a hash, so that the
// catalogue does not carry this machine's paths.
func sourceOf(o Options) string {
	if !o.Relative {
		return ""
	}
	path, err := filepath.Abs(o.Dir)
	if err != nil {
		path = o.Dir
	}
	return hash([]byte(path))
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
