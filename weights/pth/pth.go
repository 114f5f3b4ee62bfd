// Package pth reads PyTorch checkpoints (.pth, .pt, .bin: what torch.save writes) without Python:
// a pickle, which says what there is, and raw data for each storage, in a zip or, before torch 1.6,
// in a stream. The pickle is interpreted against an allow-list of constructors; nothing in it is
// executed. Memory is bounded by a small multiple of what a file really holds, whatever it claims.
package pth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"vbge/weights/tensor"
)

// extent is where data stands in the file, in bytes.
type extent struct {
	name         string // for messages: "entry data/3", "storage 94787029854848"
	offset, size int64
	crc          uint32 // 0: none is known
}

// check compares sums; torch.save can be told to write none, and a legacy file has none.
func (e extent) check(sum uint32) error {
	if e.crc != 0 && sum != e.crc {
		return fmt.Errorf("%s at byte %d: CRC-32 is %08x, the zip says %08x: the file is damaged", e.name, e.offset, sum, e.crc)
	}
	return nil
}

// File is what a checkpoint holds; the weights stay where they are. Its methods may be called concurrently.
type File struct {
	data     io.ReaderAt
	size     int64
	tensors  []*tensor.View
	others   []string
	storages map[string]extent // by key
}

// NewFile reads the structure of a checkpoint of size bytes, not the weights. Wrappers around the
// state_dict ("state_dict", "model", "module") are taken off. Errors name the entry or pickle, and
// the byte that is wrong.
func NewFile(r io.ReaderAt, size int64) (*File, error) {
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %d bytes at byte 0: %w", len(head), err)
	}
	c := &File{data: r, size: size, storages: make(map[string]extent)}
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		err = c.parseZip()
	case bytes.HasPrefix(head, []byte("\x80")): // a pickle's PROTO
		err = c.parseLegacy()
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		err = fmt.Errorf("a Git LFS pointer, not the file itself: fetch it with git lfs pull")
	case len(head) == 512 && string(head[257:262]) == "ustar":
		err = fmt.Errorf("a tar, as the first versions of torch.save wrote, which is not read: load and save it again with a newer torch")
	default:
		err = fmt.Errorf("not a zip or a stream as torch.save writes it, begins with %q", head[:min(len(head), 8)])
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Tensors returns all tensors in the file's order.
func (c *File) Tensors() []*tensor.View { return c.tensors }

// Others returns the names beside the tensors whose values are no tensors.
func (c *File) Others() []string { return c.others }

// Verify reads the storages of the given tensors and holds them against the zip's sums. The legacy
// format has none.
func (c *File) Verify(ctx context.Context, tensors []*tensor.View) error {
	done := map[string]bool{}
	buffer := make([]byte, 1<<20)
	for _, t := range tensors {
		e := c.storages[t.Storage]
		if done[t.Storage] || e.crc == 0 {
			continue
		}
		done[t.Storage] = true
		sum := crc32.NewIEEE()
		r := io.NewSectionReader(c.data, e.offset, e.size)
		if err := tensor.Copy(ctx, sum, r, buffer); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if err := e.check(sum.Sum32()); err != nil {
			return err
		}
	}
	return nil
}

// CopyTo writes the tensor's elements to w as they are (little-endian, own type), row-major.
// A contiguous tensor streams; a strided one takes memory for the range of its storage it lies in.
func (c *File) CopyTo(ctx context.Context, w io.Writer, t *tensor.View) error {
	return t.CopyTo(ctx, w, c.data, c.storages[t.Storage].offset)
}
