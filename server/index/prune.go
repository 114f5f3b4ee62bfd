package index

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"vbge/server/catalog"
)

// prune removes the rows under the folder whose files are gone. A file that is
// there but was skipped keeps its row, whatever was wrong with it.
func (r *run) prune(ctx context.Context, files []file) error {
	if len(files) == 0 {
		return errors.New("not pruned: there is no picture at all, as in a folder whose disk is not mounted")
	}
	present := make(map[string]bool, len(files))
	for _, f := range files {
		present[f.id] = true
	}
	var gone []string
	for id, entry := range r.entries {
		if present[id] {
			continue
		}
		path, ours := r.fileOf(entry)
		if !ours {
			continue
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, id)
		}
	}
	if err := r.Catalog.Delete(ctx, gone); err != nil {
		return err
	}
	r.report.Pruned = len(gone)
	return nil
}

// fileOf returns the file of a row, and whether it lies under the folder.
func (r *run) fileOf(entry catalog.Entry) (path string, ours bool) {
	if entry.Source != r.source {
		return "", false
	}
	if r.Relative {
		return filepath.Join(r.Dir, entry.ImagePath), filepath.IsLocal(entry.ImagePath)
	}
	relative, err := filepath.Rel(r.Dir, entry.ImagePath)
	return entry.ImagePath, err == nil && filepath.IsLocal(relative)
}
