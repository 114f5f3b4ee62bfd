package pth

import (
	"encoding/binary"
	"fmt"
)

const (
	legacyMagic   = bigInt("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") // 0x1950a86a20f9469cfc6c
	legacyVersion = int64(1001)
)

// parseLegacy reads the stream that torch.save wrote before 1.6, and still does with
// _use_new_zipfile_serialization=False: pickles of a magic number, a protocol version, what the
// system was, the object and the list of the storages' keys; then the storages, each an int64
// count of elements and its raw data, little-endian on every machine
// (https://github.com/pytorch/pytorch/blob/main/torch/serialization.py, _legacy_save). Bytes in
// its errors are counted from the beginning of the file.
func (c *File) parseLegacy() error {
	s := &stream{file: c, globals: newTorchGlobals(c.size, true)}
	if magic, err := s.pickle(); err != nil || magic != legacyMagic {
		return s.wrong(err, "%s, not torch.save's magic number", kind(magic))
	}
	if version, err := s.pickle(); err != nil || version != legacyVersion {
		return s.wrong(err, "%s, not the protocol version %d", kind(version), legacyVersion)
	}
	if _, err := s.pickle(); err != nil { // its byte order is that of the machine, not of the data
		return s.wrong(err, "")
	}
	root, err := s.pickle()
	if err == nil {
		err = c.name(root)
	}
	if err != nil {
		return s.wrong(err, "")
	}
	keys, err := s.pickle()
	if err != nil {
		return s.wrong(err, "")
	}
	names, ok := keys.(*list)
	if !ok {
		return s.wrong(nil, "%s, not the list of storages", kind(keys))
	}
	return s.locate(names.items)
}

// stream walks through a legacy file.
type stream struct {
	file      *File
	globals   torchGlobals
	begin, at int64 // of the last pickle, and of the next byte
	pickles   int   // read so far
}

// pickle reads the next one.
func (s *stream) pickle() (any, error) {
	s.pickles++
	s.begin = s.at
	in := newInput(s.file.data, s.at, min(s.file.size, s.at+maxPickle))
	v, err := unpickle(in, s.globals)
	s.at = in.at
	return v, err
}

// wrong says which pickle has an error or, where err is nil, is something unexpected.
func (s *stream) wrong(err error, format string, args ...any) error {
	if err == nil {
		err = fmt.Errorf("it is "+format, args...)
	}
	return fmt.Errorf("pickle %d of the legacy stream, at byte %d: %w", s.pickles, s.begin, err)
}

// locate finds the storages, which stand in the order of keys. They must be those that the object
// names, and fill the file to its end.
func (s *stream) locate(keys []any) error {
	size := s.file.size
	for _, k := range keys {
		key, _ := k.(string)
		want, ok := s.globals.storages[key]
		if !ok {
			return s.wrong(nil, "a list with storage %.100q (%s), of which pickle 4 says nothing", key, kind(k))
		}
		if _, twice := s.file.storages[key]; twice {
			return s.wrong(nil, "a list with storage %q twice", key)
		}
		var word [8]byte
		if n, err := s.file.data.ReadAt(word[:], s.at); n < len(word) {
			return fmt.Errorf("storage %q at byte %d: its size: 8 bytes needed, %d left: %w", key, s.at, n, err)
		}
		if count := binary.LittleEndian.Uint64(word[:]); count != uint64(want.count) {
			return fmt.Errorf("storage %q at byte %d: %d elements, pickle 4 says %d", key, s.at, count, want.count)
		}
		s.at += 8
		e := extent{name: "storage " + key, offset: s.at, size: int64(want.count) * int64(want.dtype.Size())}
		if e.size > size-e.offset {
			return fmt.Errorf("storage %q at byte %d: %d bytes, %d left: the file is truncated", key, s.at, e.size, size-e.offset)
		}
		s.file.storages[key] = e
		s.at += e.size
	}
	for key := range s.globals.storages {
		if _, ok := s.file.storages[key]; !ok {
			return s.wrong(nil, "a list without storage %q, which pickle 4 needs", key)
		}
	}
	if s.at != size {
		return fmt.Errorf("the last storage ends at byte %d of %d: the file is not what torch.save wrote", s.at, size)
	}
	return nil
}
