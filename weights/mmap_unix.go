//go:build linux || darwin

package weights

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile maps a file read-only and begins to read it ahead. The mapping stays valid when the file
// is renamed or removed, not when it is truncated: Convert never changes a file in place.
func mapFile(path string) (content []byte, release func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() == 0 || info.Size() != int64(int(info.Size())) {
		return nil, nil, fmt.Errorf("%s has %d bytes, which cannot be mapped", path, info.Size())
	}
	content, err = unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map %s: %w", path, err)
	}
	// Advice only: without it the first use reads page by page.
	_ = unix.Madvise(content, unix.MADV_WILLNEED)
	return content, func() error { return unix.Munmap(content) }, nil
}

// giveBack lets the system have the whole pages of a part of a mapped file.
func giveBack(part []byte) {
	page := uintptr(os.Getpagesize())
	begin := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	skip := (page - begin%page) % page
	if size := (uintptr(len(part)) - min(skip, uintptr(len(part)))) / page * page; size > 0 {
		// Advice only, and nothing is lost: the pages are those of the file, which nobody can write to.
		_ = unix.Madvise(part[skip:skip+size], unix.MADV_DONTNEED)
	}
}
