package weights

import (
	"context"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNoPython converts and opens a model where no program can be found, and makes sure that no
// file here could start one, load a plug-in or call C: PyTorch takes no part.
func TestNoPython(t *testing.T) {
	t.Setenv("PATH", "")
	out := filepath.Join(t.TempDir(), "out")
	if _, err := Convert(context.Background(), demo+"demo.pth", ConvertOptions{Vocab: demo + "vocab.txt", Out: out}); err != nil {
		t.Fatal(err)
	}
	m, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, m)
	if err := m.Close(); err != nil {
		t.Error(err)
	}

	files := 0
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			switch name, _ := strconv.Unquote(i.Path.Value); name {
			case "os/exec", "plugin", "C":
				t.Errorf("%s imports %q", path, name)
			}
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}
