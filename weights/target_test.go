package weights

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func convertMicro(name, out string) error {
	_, err := Convert(context.Background(), checkpoints+name, ConvertOptions{Vocab: reference + "tiny_vocab.txt", Out: out})
	return err
}

// TestReplace puts one model in the place of another that is open.
func TestReplace(t *testing.T) {
	parent := t.TempDir()
	out := filepath.Join(parent, "models", "micro") // "models" is made
	if err := convertMicro("micro.pth", out); err != nil {
		t.Fatal(err)
	}
	old, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	link := filepath.Join(parent, "link")
	if err := os.Symlink(out, link); err != nil {
		t.Fatal(err)
	}
	if err := convertMicro("micro_fp16.pth", link); err != nil {
		t.Fatal(err)
	}
	now, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	if now.ID() == old.ID() || now.Precision("visual_proj.bias") != "F16" {
		t.Error("the new model did not replace the old one")
	}
	if v, err := old.Float32("visual_proj.bias", 32); err != nil || v[0] == 0 {
		t.Errorf("the model that was open reads %v (%v)", v, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
		t.Errorf("beside the model folder: %v (%v)", entries, err)
	}
}

func TestTargetRefused(t *testing.T) {
	f := func(why string, make func(dir string) error) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "out")
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		err := convertMicro("micro.pth", dir)
		if why == "" && err != nil || why != "" && (err == nil || !strings.Contains(err.Error(), why)) {
			t.Errorf("error %v, want one about %q", err, why)
		}
	}
	write := func(dir string, names ...string) error {
		err := os.MkdirAll(dir, 0o755)
		for _, name := range names {
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte("precious"), 0o600))
		}
		return err
	}
	f("", func(dir string) error { return write(dir) })
	f("", func(dir string) error { return write(dir, modelFile, configFile, vocabFile, SelfTestFile) })
	f("no model folder", func(dir string) error { return write(dir, "thesis.tex") })
	f("no model folder", func(dir string) error { return write(dir, configFile) })
	f("holds notes.txt", func(dir string) error { return write(dir, modelFile, configFile, "notes.txt") })
	f("output folder", func(dir string) error { return os.WriteFile(dir, nil, 0o600) })
	if err := convertMicro("micro.pth", ""); err == nil || !strings.Contains(err.Error(), "no output folder") {
		t.Errorf("no output folder: %v", err)
	}
}

// TestFailedWrite leaves the old folder as it was.
func TestFailedWrite(t *testing.T) {
	parent := t.TempDir()
	out := filepath.Join(parent, "out")
	if err := convertMicro("micro.pth", out); err != nil {
		t.Fatal(err)
	}
	target, err := newTarget(out)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err = target.write(func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, modelFile), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	f, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

// TestSwap is the way of filesystems without an exchange in one step.
func TestSwap(t *testing.T) {
	parent := t.TempDir()
	a, b := filepath.Join(parent, "a"), filepath.Join(parent, "b")
	for _, dir := range []string{a, b} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "was"+filepath.Base(dir)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := swap(a, b); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(a, "wasb"), filepath.Join(b, "wasa")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if err := swap(filepath.Join(parent, "nothing"), b); err == nil {
		t.Error("swapped with nothing")
	}
	if _, err := os.Stat(filepath.Join(b, "wasa")); err != nil {
		t.Errorf("a failed swap lost the old folder: %v", err)
	}
}

// TestSelfTest: the folder holds what the self-test returns, or is not there if it fails.
func TestSelfTest(t *testing.T) {
	out := filepath.Join(t.TempDir(), "models", "micro")
	f := func(test func(dir string) ([]byte, error)) error {
		_, err := Convert(t.Context(), checkpoints+"micro.pth", ConvertOptions{Vocab: reference + "tiny_vocab.txt", Out: out, SelfTest: test})
		return err
	}
	broken := errors.New("it computes NaN")
	if err := f(func(string) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind (%v)", left, err)
	}
	for _, content := range []string{"first\n", "second\n"} {
		if err := f(func(dir string) ([]byte, error) {
			folder, err := Open(dir)
			if err != nil {
				return nil, err
			}
			return []byte(content), folder.Close()
		}); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(out, SelfTestFile)); err != nil || string(text) != content {
			t.Errorf("the folder has %q (%v), want %q", text, err, content)
		}
	}
}
