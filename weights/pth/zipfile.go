package pth

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path"
	"slices"
	"strings"
)

const (
	// maxPickle bounds a pickle; a full-size state_dict's takes 60 kB.
	maxPickle = 4 << 20
	// maxDirectory bounds what is read of a zip to list it; that of a full-size state_dict takes 60 kB.
	maxDirectory = 4 << 20
	// headerBytes is the least that stands before an entry's data: its local header.
	headerBytes = 30
	// msdosFolder is the attribute of an entry that is a folder.
	msdosFolder = 0x10
)

// parseZip reads the container that torch.save writes since 1.6: a zip of data.pkl, which says
// what there is, and data/KEY for each storage.
func (c *File) parseZip() error {
	entries, err := locate(c.data, c.size)
	if err != nil {
		return err
	}
	if order, ok := entries["byteorder"]; ok {
		text, err := c.readEntry(order, 16)
		if err != nil {
			return err
		}
		if string(text) != "little" {
			return fmt.Errorf("%s at byte %d: %q, only little-endian data is read", order.name, order.offset, text)
		}
	}
	pickle, ok := entries["data.pkl"]
	if !ok {
		return fmt.Errorf("a zip without data.pkl: not written by torch.save")
	}
	text, err := c.readEntry(pickle, maxPickle)
	if err != nil {
		return err
	}
	g := newTorchGlobals(c.size, false)
	root, err := unpickle(newInput(bytes.NewReader(text), 0, int64(len(text))), g)
	if err != nil {
		return fmt.Errorf("%s: %w", pickle.name, err)
	}
	for key, s := range g.storages {
		e, ok := entries["data/"+key]
		if !ok {
			return fmt.Errorf("entry data/%s is missing", key)
		}
		if want := int64(s.count) * int64(s.dtype.Size()); e.size != want {
			return fmt.Errorf("%s at byte %d has %d bytes, %d x %s needs %d", e.name, e.offset, e.size, s.count, s.dtype, want)
		}
		c.storages[key] = e
	}
	if err := c.name(root); err != nil {
		return fmt.Errorf("%s at byte %d: %w", pickle.name, pickle.offset, err)
	}
	return nil
}

// locate returns where the entries' data stands, by name below the archive's one folder.
// The entries may not be compressed, encrypted, repeated or overlapping.
func locate(r io.ReaderAt, size int64) (map[string]extent, error) {
	lent := &directory{ReaderAt: r, left: maxDirectory}
	z, err := zip.NewReader(lent, size)
	if err != nil {
		return nil, fmt.Errorf("a zip of %d bytes that is truncated or damaged at its end, where it lists its entries: %w", size, err)
	}
	lent.left = math.MaxInt64
	stem, err := folder(z)
	if err != nil {
		return nil, err
	}
	entries := make(map[string]extent, len(z.File))
	var all []extent
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, stem)
		if !ok || strings.HasSuffix(name, "/") {
			continue
		}
		e, err := place(f, name, size)
		if err != nil {
			return nil, fmt.Errorf("entry %.200s, which the zip's list puts at byte %d: %w", name, lent.at, err)
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("%s at byte %d: an entry of that name stands twice", e.name, e.offset)
		}
		entries[name] = e
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b extent) int { return cmp.Compare(a.offset, b.offset) })
	for i := 1; i < len(all); i++ {
		if previous := all[i-1]; previous.offset+previous.size > all[i].offset-headerBytes {
			return nil, fmt.Errorf("%s and %s overlap at byte %d of the file", previous.name, all[i].name, all[i].offset)
		}
	}
	return entries, nil
}

// folder returns the one folder that everything is in: what stands before data.pkl.
func folder(z *zip.Reader) (string, error) {
	stem, found := "", false
	for _, f := range z.File {
		if dir, base := path.Split(f.Name); base == "data.pkl" && strings.Count(f.Name, "/") <= 1 {
			if found && dir != stem {
				return "", fmt.Errorf("entries %.200s and %.200s: two checkpoints in one zip", stem+base, f.Name)
			}
			stem, found = dir, true
		}
	}
	return stem, nil
}

// place returns where an entry's data stands.
func place(f *zip.File, name string, size int64) (extent, error) {
	offset, err := f.DataOffset()
	if err != nil {
		return extent{}, fmt.Errorf("it does not begin there: %w", err)
	}
	if f.Method != zip.Store || f.Flags&1 != 0 || f.CompressedSize64 != f.UncompressedSize64 {
		return extent{}, fmt.Errorf("it is compressed or encrypted; torch.save stores entries as they are")
	}
	if f.ExternalAttrs&msdosFolder != 0 { // PyTorch reads nothing of such an entry
		return extent{}, fmt.Errorf("it is marked as a folder")
	}
	if len(name) > maxName {
		return extent{}, fmt.Errorf("a name of %d bytes", len(name))
	}
	if offset < headerBytes || f.UncompressedSize64 > uint64(size) || offset > size-int64(f.UncompressedSize64) {
		return extent{}, fmt.Errorf("%d bytes from byte %d on, of a file of %d", f.UncompressedSize64, offset, size)
	}
	return extent{"entry " + name, offset, int64(f.UncompressedSize64), f.CRC32}, nil
}

// readEntry returns an entry's content, checked against its sum.
func (c *File) readEntry(e extent, limit int64) ([]byte, error) {
	if e.size > limit {
		return nil, fmt.Errorf("%s at byte %d: %d bytes, more than the %d expected at most", e.name, e.offset, e.size, limit)
	}
	text := make([]byte, e.size)
	if _, err := c.data.ReadAt(text, e.offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: read %d bytes at byte %d: %w", e.name, e.size, e.offset, err)
	}
	return text, e.check(crc32.ChecksumIEEE(text))
}

// directory lends a file to archive/zip, which bounds neither what it reads of the list of
// entries nor the room it makes for as many as the file claims.
type directory struct {
	io.ReaderAt
	left int64 // bytes that may still be read
	at   int64 // where was read last
}

var errDirectory = fmt.Errorf("more entries than fit %d bytes", maxDirectory)

func (d *directory) ReadAt(p []byte, at int64) (int, error) {
	if d.left -= int64(len(p)); d.left < 0 {
		return 0, errDirectory
	}
	d.at = at
	n, err := d.ReaderAt.ReadAt(p, at)
	const entryBytes = 46 // an entry of the list, at least
	if end := p[:n]; n >= 40 && bytes.HasPrefix(end, []byte("PK\x06\x06")) &&
		binary.LittleEndian.Uint64(end[32:]) > maxDirectory/entryBytes {
		return 0, errDirectory
	}
	return n, err
}
