package weights

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// storedTensor is one tensor of a checkpoint that a test writes.
type storedTensor struct {
	name    string
	storage string // torch's name of the storage's class
	shape   []int
	key     int // of the storage; tensors of one key share it
	data    func() []byte
}

// zeros are the tensors of a configuration, all float32 and zero.
func zeros(c Config) []storedTensor {
	var all []storedTensor
	for _, l := range layout(c) {
		n := 4
		for _, d := range l.shape {
			n *= d
		}
		all = append(all, storedTensor{l.name, "FloatStorage", l.shape, len(all), func() []byte { return make([]byte, n) }})
	}
	return all
}

// writeCheckpoint writes contiguous tensors as torch.save does.
func writeCheckpoint(t testing.TB, tensors []storedTensor) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.pth")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := bufio.NewWriterSize(f, 1<<20)
	z := zip.NewWriter(b)
	put := func(name string, content []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("archive/data.pkl", pickled(tensors))
	written := map[int]bool{}
	for _, x := range tensors {
		if !written[x.key] {
			put(fmt.Sprintf("archive/data/%d", x.key), x.data())
			written[x.key] = true
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

func pickled(tensors []storedTensor) []byte {
	var b bytes.Buffer
	text := func(s string) {
		b.WriteByte('X')
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		b.WriteString(s)
	}
	number := func(n int) {
		b.WriteByte('J')
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	}
	b.WriteString("\x80\x02}(")
	for _, x := range tensors {
		n := 1
		strides := make([]int, len(x.shape))
		for d := len(x.shape) - 1; d >= 0; d-- {
			strides[d] = n
			n *= x.shape[d]
		}
		text(x.name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		text("storage")
		fmt.Fprintf(&b, "ctorch\n%s\n", x.storage)
		text(fmt.Sprint(x.key))
		text("cpu")
		number(n)
		b.WriteString("tQ")
		number(0)
		for _, list := range [][]int{x.shape, strides} {
			b.WriteByte('(')
			for _, v := range list {
				number(v)
			}
			b.WriteByte('t')
		}
		b.WriteString("\x89)tR")
	}
	b.WriteString("u.")
	return b.Bytes()
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
func randomTensors(t testing.TB, m *RandomModel) []storedTensor {
	var all []storedTensor
	for _, l := range layout(m.Config()) {
		all = append(all, storedTensor{l.name, "FloatStorage", l.shape, len(all), func() []byte {
			values, err := m.Float32(l.name, l.shape...)
			if err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 4*len(values))
			if _, err := binary.Encode(data, binary.LittleEndian, values); err != nil {
				t.Fatal(err)
			}
			return data
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
