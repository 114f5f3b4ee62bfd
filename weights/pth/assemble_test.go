package pth

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

// Pieces of pickles, as torch.save writes them.

func str(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func num(n int) string { return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(int32(n)))) }

func nums(n ...int) string {
	var b strings.Builder
	b.WriteString("(")
	for _, v := range n {
		b.WriteString(num(v))
	}
	return b.String() + "t"
}

func global(module, name string) string { return "c" + module + "\n" + name + "\n" }

func storageID(kind, key string, count int) string {
	return "(" + str("storage") + global("torch", kind) + str(key) + str("cpu") + num(count) + "tQ"
}

// window is a call of _rebuild_tensor_v2.
func window(storage string, offset int, shape, stride string) string {
	return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + num(offset) + shape + stride + "\x89" +
		global("collections", "OrderedDict") + ")RtR"
}

// legacyID is a storage's persistent id in the legacy format, view "N" or a tuple.
func legacyID(kind, key string, count int, view string) string {
	return "(" + str("storage") + global("torch", kind) + str(key) + str("cpu") + num(count) + view + "tQ"
}

// state is a whole pickle of a dict of the given keys and values.
func state(keysAndValues ...string) string {
	return "\x80\x02}(" + strings.Join(keysAndValues, "") + "u."
}

// entry is one file of a container; a method other than Store is for refusals.
type entry struct {
	name, content string
	method        uint16
}

func container(t testing.TB, entries ...entry) []byte {
	t.Helper()
	return zipped(t, len(entries), func(z *zip.Writer, i int) (io.Writer, string, error) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i].name, Method: entries[i].method})
		return w, entries[i].content, err
	})
}

// zipped is a zip of n entries, each with the content that create returns.
func zipped(t testing.TB, n int, create func(z *zip.Writer, i int) (io.Writer, string, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range n {
		w, content, err := create(z, i)
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkpoint is a container of a pickle and the storage data/0.
func checkpoint(t testing.TB, pickle, data string) []byte {
	t.Helper()
	return container(t, entry{name: "a/data.pkl", content: pickle}, entry{name: "a/data/0", content: data})
}

// The pickles that a legacy stream begins with.
const (
	magic   = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	version = "\x80\x02M\xe9\x03."
	system  = "\x80\x02}."
)

// keys is the pickle that lists a legacy stream's storages.
func keys(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(str(name))
	}
	return "\x80\x02](" + b.String() + "e."
}

// storedData is a storage of a legacy stream.
func storedData(count uint64, data string) string {
	return string(binary.LittleEndian.AppendUint64(nil, count)) + data
}

func openBytes(content []byte) (*File, error) {
	return NewFile(bytes.NewReader(content), int64(len(content)))
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// copied returns a tensor's bytes.
func copied(t testing.TB, f *File, x *tensor.View) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.CopyTo(context.Background(), &b, x); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// laughs is a pickle, but for its end, of a tuple that holds itself a billion times over, through
// the memo.
var laughs = "\x80\x02N" + strings.Repeat("q\x00h\x00h\x00\x87", 30)
