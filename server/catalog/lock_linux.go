package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience covers the milliseconds in which the server process of a vbge
// that was killed still has the lock.
const lockPatience = time.Second

// fileLock is an exclusive lock on the file .<name>.lock beside a .db, the same
// that pymilvus takes. It is an open-file-description lock: it excludes
// pymilvus's POSIX lock, and also a second Open in this process.
type fileLock struct {
	path string
	file *os.File
}

// lockDB takes the lock of a .db, or returns ErrLocked with the process that has it open, if that can be known.
func lockDB(ctx context.Context, db string) (*fileLock, error) {
	deadline := time.Now().Add(lockPatience)
	for {
		lock, err := tryLock(filepath.Join(filepath.Dir(db), "."+filepath.Base(db)+".lock"))
		if err == nil {
			if pid := writerOf(db); pid != 0 { // a milvus-lite that was started by itself knows no lock
				lock, err = nil, errors.Join(fmt.Errorf("%w%s", ErrLocked, nameOf(pid)), lock.release())
			}
		}
		if !errors.Is(err, ErrLocked) || time.Now().After(deadline) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tryLock(path string) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("%w: the folder of a .db has to be writable, also to search: copy the file elsewhere, or serve it from a Milvus server", err)
	}
	request := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &request); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, fmt.Errorf("%w%s", ErrLocked, nameOf(holder(file)))
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if replaced(file, path) {
		file.Close()
		return nil, ErrLocked
	}
	// The kernel tells no pid for this kind of lock, so the holder leaves its own; where that
	// fails, others learn that the file is locked but not by whom.
	_ = file.Truncate(0)
	_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return &fileLock{path: path, file: file}, nil
}

// replaced says whether the path now names another file: pymilvus removes its
// lock file at the end, and a lock on a removed file excludes nobody.
func replaced(file *os.File, path string) bool {
	locked, err := file.Stat()
	if err != nil {
		return true
	}
	named, err := os.Stat(path)
	return err != nil || !os.SameFile(locked, named)
}

// release gives the lock back. The file stays: removing it would let two
// processes lock two files of the same name.
func (l *fileLock) release() error { return l.file.Close() }
