package pth

import (
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
	magic, err := s.pickle()
	if err != nil {
		return err
	}
	if magic != legacyMagic {
		return fmt.Errorf("pickle 1 of the legacy stream is %s, not torch.save's magic number", kind(magic))
	}
	version, err := s.pickle()
	if err != nil {
		return err
	}
	if version != legacyVersion {
		return fmt.Errorf("pickle 2 of the legacy stream: protocol version %v, not %d", version, legacyVersion)
	}
	if _, err := s.pickle(); err != nil { // its byte order is that of the machine, not of the data
		return err
	}
	root, err := s.pickle()
	if err != nil {
		return err
	}
	if err := c.name(root); err != nil {
		return fmt.Errorf("pickle 4 of the legacy stream: %w", err)
	}
	keys, err := s.pickle()
	if err != nil {
		return err
	}
	list, ok := keys.(*list)
	if !ok {
		return fmt.Errorf("pickle 5 of the legacy stream is %s, not the list of storages", kind(keys))
	}
	return s.locate(list.items)
}

// stream walks through a legacy file.
type stream struct {
	file    *File
	globals torchGlobals
	at      int64 // of the next byte
	pickles int   // read so far
}

// pickle reads the next one.
func (s *stream) pickle() (any, error) {
	s.pickles++
	in := newInput(s.file.data, s.at, min(s.file.size, s.at+maxPickle))
	v, err := unpickle(in, s.globals)
	if err != nil {
		return nil, fmt.Errorf("pickle %d of the legacy stream: %w", s.pickles, err)
	}
	s.at = in.at
	return v, nil
}

// locate finds the storages, which stand in the order of keys. They must be those that the object
// names, and fill the file to its end.
func (s *stream) locate(keys []any) error {
	size := s.file.size
	for _, k := range keys {
		key, _ := k.(string)
		want, ok := s.globals.storages[key]
		if !ok {
			return fmt.Errorf("pickle 5 of the legacy stream lists storage %.100q (%s), of which pickle 4 says nothing", key, kind(k))
		}
		if _, twice := s.file.storages[key]; twice {
			return fmt.Errorf("pickle 5 of the legacy stream lists storage %q twice", key)
		}
		count, err := newInput(s.file.data, s.at, size).number(8)
		if err != nil {
			return fmt.Errorf("storage %q at byte %d: its size: %w", key, s.at, err)
		}
		if count != uint64(want.count) {
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
			return fmt.Errorf("pickle 5 of the legacy stream does not list storage %q, which pickle 4 needs", key)
		}
	}
	if s.at != size {
		return fmt.Errorf("the last storage ends at byte %d of %d: the file is not what torch.save wrote", s.at, size)
	}
	return nil
}
