// Package pth reads PyTorch checkpoints (.pth, .pt, .bin: what torch.save writes since 1.6) without
// Python: a zip of one pickle, which says what there is, and one entry of raw data per storage.
// The pickle is interpreted against an allow-list of constructors; nothing in it is executed.
package pth

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"vbge/weights/tensor"
)

// ErrLegacy means a checkpoint in the stream format from before torch 1.6.
var ErrLegacy = errors.New("checkpoint in the legacy format from before torch 1.6, which is not supported yet; " +
	"load and save it again with a newer torch")

// maxPickle bounds data.pkl; a full-size state_dict's takes 60 kB.
const maxPickle = 4 << 20

// extent is where one entry's data stands in the file, in bytes.
type extent struct {
	offset, size int64
	crc          uint32
}

// File is an open checkpoint. Its methods may be called concurrently until Close.
type File struct {
	data    io.ReaderAt
	size    int64
	close   func() error
	tensors []*tensor.View
	others  []string
	entries map[string]extent // of the storages, by key
}

// Open reads the structure of the checkpoint at path, not the weights. Wrappers around the
// state_dict ("state_dict", "model", "module") and "module." before its keys are taken off.
// Errors name the file and the entry or pickle offset that is wrong.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint: %w", err)
	}
	c, err := openFile(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return c, nil
}

func openFile(f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	c, err := parse(f, info.Size())
	if err != nil {
		return nil, err
	}
	c.close = f.Close
	return c, nil
}

// Close releases the file.
func (c *File) Close() error { return c.close() }

// Tensors returns all tensors in the file's order.
func (c *File) Tensors() []*tensor.View { return c.tensors }

// Others returns the names beside the tensors whose values are no tensors.
func (c *File) Others() []string { return c.others }

// parse reads a container of size bytes.
func parse(r io.ReaderAt, size int64) (*File, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, notZip(r, err)
	}
	entries, err := locate(z, size)
	if err != nil {
		return nil, err
	}
	if order, ok := entries["byteorder"]; ok {
		text, err := readEntry(r, order, 16)
		if err != nil || string(bytes.TrimSpace(text)) != "little" {
			return nil, fmt.Errorf("entry byteorder: %q, only little-endian data is read (%v)", text, err)
		}
	}
	pickle, ok := entries["data.pkl"]
	if !ok {
		return nil, fmt.Errorf("a zip without data.pkl: not written by torch.save")
	}
	text, err := readEntry(r, pickle, maxPickle)
	if err != nil {
		return nil, fmt.Errorf("entry data.pkl: %w", err)
	}
	g := torchGlobals{storages: map[string]storage{}}
	root, _, err := unpickle(text, g)
	if err != nil {
		return nil, fmt.Errorf("entry data.pkl: %w", err)
	}
	c := &File{data: r, size: size, entries: map[string]extent{}}
	for key, s := range g.storages {
		e, ok := entries["data/"+key]
		if !ok {
			return nil, fmt.Errorf("entry data/%s is missing", key)
		}
		if want := int64(s.count) * int64(s.dtype.Size()); e.size != want {
			return nil, fmt.Errorf("entry data/%s has %d bytes, %d x %s needs %d", key, e.size, s.count, s.dtype, want)
		}
		c.entries[key] = e
	}
	return c, c.name(root)
}

// notZip says what a file that is no zip may be.
func notZip(r io.ReaderAt, zipErr error) error {
	head := make([]byte, 64)
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("\x80\x02\x8a\x0a")): // PROTO 2, LONG1: torch's magic number
		return ErrLegacy
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		return fmt.Errorf("a Git LFS pointer, not the file itself: fetch it with git lfs pull")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return fmt.Errorf("a zip that is truncated or damaged: %w", zipErr)
	}
	return fmt.Errorf("not a zip as torch.save writes it, begins with %q: %w", head[:min(len(head), 8)], zipErr)
}

// locate returns where the entries' data stands, by name below the archive's one folder.
// The entries may not be compressed, encrypted, repeated or overlapping.
func locate(z *zip.Reader, size int64) (map[string]extent, error) {
	stem := ""
	for _, f := range z.File {
		if dir, base := path.Split(f.Name); base == "data.pkl" && strings.Count(f.Name, "/") <= 1 {
			stem = dir
			break
		}
	}
	entries := make(map[string]extent, len(z.File))
	var all []extent
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, stem)
		if !ok || strings.HasSuffix(name, "/") {
			continue
		}
		if f.Method != zip.Store || f.Flags&1 != 0 || f.CompressedSize64 != f.UncompressedSize64 {
			return nil, fmt.Errorf("entry %s is compressed or encrypted; torch.save stores entries as they are", f.Name)
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("entry %s stands twice", f.Name)
		}
		offset, err := f.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", f.Name, err)
		}
		if f.UncompressedSize64 > uint64(size) || offset > size-int64(f.UncompressedSize64) {
			return nil, fmt.Errorf("entry %s: %d bytes at byte %d of a file of %d", f.Name, f.UncompressedSize64, offset, size)
		}
		e := extent{offset, int64(f.UncompressedSize64), f.CRC32}
		entries[name] = e
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b extent) int { return int(min(1, max(-1, a.offset-b.offset))) })
	for i := 1; i < len(all); i++ {
		if previous := all[i-1]; previous.size > all[i].offset-previous.offset {
			return nil, fmt.Errorf("entries overlap at byte %d of the file", all[i].offset)
		}
	}
	return entries, nil
}

// readEntry returns an entry's content, checked against its sum.
func readEntry(r io.ReaderAt, e extent, limit int64) ([]byte, error) {
	if e.size > limit {
		return nil, fmt.Errorf("%d bytes, more than the %d expected at most", e.size, limit)
	}
	text := make([]byte, e.size)
	if _, err := r.ReadAt(text, e.offset); err != nil {
		return nil, fmt.Errorf("read %d bytes at byte %d: %w", e.size, e.offset, err)
	}
	return text, checkSum(crc32.ChecksumIEEE(text), e)
}

// checkSum compares sums; torch.save can be told to write none, which then reads zero.
func checkSum(sum uint32, e extent) error {
	if e.crc != 0 && sum != e.crc {
		return fmt.Errorf("CRC-32 is %08x, the zip says %08x: the file is damaged", sum, e.crc)
	}
	return nil
}

// name takes the wrappers off and gives every tensor its name.
func (c *File) name(root any) error {
	state, ok := root.(*dict)
	if !ok {
		return fmt.Errorf("holds %s, not a state_dict", kind(root))
	}
	for _, wrapper := range []string{"state_dict", "model", "module"} {
		if inner, ok := state.get(wrapper); ok {
			if d, ok := inner.(*dict); ok {
				state = d
			}
		}
	}
	seen := make(map[string]bool, len(state.keys))
	for i, key := range state.keys {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("the state_dict has %s for a key", kind(key))
		}
		name = strings.TrimPrefix(name, "module.")
		if seen[name] {
			return fmt.Errorf("the state_dict holds %q with and without \"module.\" before it", name)
		}
		seen[name] = true
		t, ok := state.values[i].(*tensor.View)
		if !ok {
			c.others = append(c.others, name)
			continue
		}
		named := *t // the pickle may give one tensor two names
		named.Name = name
		c.tensors = append(c.tensors, &named)
	}
	return nil
}

// Size returns the file's size in bytes.
func (c *File) Size() int64 { return c.size }

// SHA256 reads the whole file and returns its SHA-256 in hex.
func (c *File) SHA256(ctx context.Context) (string, error) {
	sum := sha256.New()
	if err := tensor.Copy(ctx, sum, io.NewSectionReader(c.data, 0, c.size), make([]byte, 1<<20)); err != nil {
		return "", fmt.Errorf("read checkpoint: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Verify reads the storages of the given tensors and holds them against the zip's sums.
func (c *File) Verify(ctx context.Context, tensors []*tensor.View) error {
	done := map[string]bool{}
	buffer := make([]byte, 1<<20)
	for _, t := range tensors {
		if done[t.Storage] {
			continue
		}
		done[t.Storage] = true
		e := c.entries[t.Storage]
		sum := crc32.NewIEEE()
		r := io.NewSectionReader(c.data, e.offset, e.size)
		if err := tensor.Copy(ctx, sum, r, buffer); err != nil {
			return fmt.Errorf("entry data/%s: %w", t.Storage, err)
		}
		if err := checkSum(sum.Sum32(), e); err != nil {
			return fmt.Errorf("entry data/%s: %w", t.Storage, err)
		}
	}
	return nil
}

// CopyTo writes the tensor's elements to w as they are (little-endian, own type), row-major.
// A contiguous tensor streams; a strided one takes memory for the range of its storage it lies in.
func (c *File) CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error {
	return t.CopyTo(ctx, w, c.data, c.entries[t.Storage].offset)
}
