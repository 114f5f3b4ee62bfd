package pth

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// lie is one entry whose header the zip's list gets to see.
type lie struct {
	zip.FileHeader
	content string
}

// lying writes a zip whose entries are as their headers say, whatever their content is.
func lying(t testing.TB, entries ...lie) []byte {
	t.Helper()
	return zipped(t, len(entries), func(z *zip.Writer, i int) (io.Writer, string, error) {
		w, err := z.CreateRaw(&entries[i].FileHeader)
		return w, entries[i].content, err
	})
}

// TestLyingZip opens zips whose list of entries says what is not so.
func TestLyingZip(t *testing.T) {
	pickle := state(str("a"), window(storageID("ByteStorage", "0", 1), 0, nums(1), nums(1)))
	whole := checkpoint(t, pickle, "x")
	f := func(why string, content []byte) {
		t.Helper()
		_, err := openBytes(content)
		if err == nil || !strings.Contains(err.Error(), why) || !placed(err) {
			t.Errorf("error %v, want one that says where, and %q", err, why)
		}
	}
	header := func(name string, method uint16, flags uint16, size, stored uint64) zip.FileHeader {
		return zip.FileHeader{Name: name, Method: method, Flags: flags, UncompressedSize64: size, CompressedSize64: stored}
	}
	one := func(h zip.FileHeader, content string) []byte {
		return lying(t, lie{header("a/data.pkl", zip.Store, 0, uint64(len(pickle)), uint64(len(pickle))), pickle}, lie{h, content})
	}
	if _, err := openBytes(one(header("a/data/0", zip.Store, 0, 1, 1), "x")); err != nil {
		t.Fatal(err)
	}
	// Bombs: what is compressed is not opened, however little it says that it is.
	f("compressed or encrypted", one(header("a/data/0", zip.Deflate, 0, 1<<40, 5), "xxxxx"))
	f("compressed or encrypted", one(header("a/data/0", zip.Deflate, 0, 1, 1), "x"))
	f("compressed or encrypted", one(header("a/data/0", 99, 0, 1, 1), "x"))
	f("compressed or encrypted", one(header("a/data/0", zip.Store, 1, 1, 1), "x"))
	f("compressed or encrypted", one(header("a/data/0", zip.Store, 0, 1<<62, 1), "x"))
	// Sizes beyond the file, in 32 and in 64 bits.
	f("1073741824 bytes from byte", one(header("a/data/0", zip.Store, 0, 1<<30, 1<<30), "x"))
	f("4611686018427387904 bytes from byte", one(header("a/data/0", zip.Store, 0, 1<<62, 1<<62), "x"))
	f("18446744073709551614 bytes from byte", one(header("a/data/0", zip.Store, 0, 1<<64-2, 1<<64-2), "x"))
	f("entry data.pkl", lying(t, lie{header("a/data.pkl", zip.Store, 0, 1<<62, 1<<62), pickle}))
	f("has 2 bytes, 1 x U8 needs 1", one(header("a/data/0", zip.Store, 0, 2, 2), "xx"))
	f("a name of 600 bytes", one(header("a/"+strings.Repeat("n", 600), zip.Store, 0, 1, 1), "x"))
	f("marked as a folder", one(zip.FileHeader{Name: "a/data/0", ExternalAttrs: 0x10, UncompressedSize64: 1, CompressedSize64: 1}, "x"))
	f("two checkpoints in one zip", one(header("b/data.pkl", zip.Store, 0, 1, 1), "x"))
	f("entry data/0 and entry data/1 overlap", lying(t, lie{header("a/data.pkl", zip.Store, 0, uint64(len(pickle)), uint64(len(pickle))), pickle},
		lie{header("a/data/0", zip.Store, 0, 20, 20), "x"}, lie{header("a/data/1", zip.Store, 0, 1, 1), "x"})) // its header
	// The list of entries, changed in place: data/0 is the last.
	list := bytes.LastIndex(whole, []byte("PK\x01\x02"))
	end := bytes.LastIndex(whole, []byte("PK\x05\x06"))
	changed := func(at int, with string) []byte {
		c := bytes.Clone(whole)
		copy(c[at:], with)
		return c
	}
	f("does not begin there", changed(list+42, "\x01\x00\x00\x00"))
	f("does not begin there", changed(list+42, "\xfe\xff\xff\x7f"))
	f("truncated or damaged", changed(end+10, "\x07\x00"))
	f("does not begin there", changed(end+16, "\xfe\xff\xff\xff"))
	f("truncated or damaged", changed(end, "PK\x05\x07"))
	// Offsets in 64 bits: an extra field of the list's last entry, which its name makes room for.
	far := lying(t, lie{header("a/data.pkl", zip.Store, 0, uint64(len(pickle)), uint64(len(pickle))), pickle},
		lie{zip.FileHeader{Name: "a/data/0", UncompressedSize64: 1, CompressedSize64: 1,
			Extra: binary.LittleEndian.AppendUint64([]byte{1, 0, 8, 0}, 1<<63-1)}, "x"})
	list = bytes.LastIndex(far, []byte("PK\x01\x02"))
	copy(far[list+42:], "\xff\xff\xff\xff")
	f("does not begin there", far)
	binary.LittleEndian.PutUint64(far[list+46+len("a/data/0")+4:], 1<<64-2)
	f("does not begin there", far)
}
