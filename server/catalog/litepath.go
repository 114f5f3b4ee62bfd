package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// The rules of milvus-lite 2.5.1 for the file's name (its server.py).
var liteName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

const liteNameLength = 36

// checkLitePath returns the absolute path of a .db that milvus-lite 2.5.1 can
// open or create, or says what to change.
func checkLitePath(db string) (string, error) {
	path, err := filepath.Abs(db)
	if err != nil {
		return "", fmt.Errorf("catalog: %s: %w", db, err)
	}
	name := filepath.Base(path)
	if !liteName.MatchString(name) || len(name) > liteNameLength {
		return "", fmt.Errorf("catalog: %w: %s: milvus-lite takes file names of letters, digits, '.', '-' and '_', at most %d characters: choose another name", ErrInvalid, db, liteNameLength)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("catalog: %s is a folder, as milvus-lite 3.x makes it; vbge embeds milvus-lite 2.5.1, which keeps one file: "+
			"choose another path, or run `milvus-lite server --data-dir %s --host 127.0.0.1 --port 19530` and use http://127.0.0.1:19530", db, db)
	}
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "", fmt.Errorf("catalog: %s: the folder %s does not exist: create it first", db, folder)
	}
	return path, nil
}

// tail keeps the last bytes that a process wrote. It is safe for concurrent use.
type tail struct {
	limit int // bytes

	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if surplus := len(t.kept) - t.limit; surplus > 0 {
		t.kept = append(t.kept[:0], t.kept[surplus:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
