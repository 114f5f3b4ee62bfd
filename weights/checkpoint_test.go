package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"vbge/weights/pth"
	"vbge/weights/tensor"
)

// zero is a tensor of zeros.
func zero(name string, d tensor.DType, shape ...int) tensor.Source {
	return tensor.Source{Name: name, DType: d, Shape: shape, Data: func(w io.Writer) error {
		n, err := tensor.Count(shape)
		if err != nil {
			return err
		}
		_, err = w.Write(make([]byte, n*d.Size()))
		return err
	}}
}

// zeros are the tensors of a configuration, all float32 and zero.
func zeros(c Config) []tensor.Source {
	var all []tensor.Source
	for _, l := range layout(c) {
		all = append(all, zero(l.name, tensor.F32, l.shape...))
	}
	return all
}

// writeCheckpoint writes tensors as torch.save does.
func writeCheckpoint(t testing.TB, tensors []tensor.Source) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.pth")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(pth.Write(f, tensors), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeVocab writes a vocabulary of n lines.
func writeVocab(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vocab.txt")
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "token%d\n", i)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// randomTensors are the float32 tensors of a random model, drawn when they are written.
func randomTensors(m *RandomModel) []tensor.Source {
	var all []tensor.Source
	for _, l := range layout(m.Config()) {
		all = append(all, tensor.Source{Name: l.name, DType: tensor.F32, Shape: l.shape, Data: func(w io.Writer) error {
			values, err := m.Float32(l.name, l.shape...)
			if err != nil {
				return err
			}
			return binary.Write(w, binary.LittleEndian, values)
		}})
	}
	return all
}

// copyFile copies a file, changed by edit.
func copyFile(t testing.TB, to, from string, edit func([]byte) []byte) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, edit(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
