package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
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

// lockFile takes the lock or returns ErrLocked with the holder, if that can be known.
func lockFile(ctx context.Context, path string) (*fileLock, error) {
	deadline := time.Now().Add(lockPatience)
	for {
		lock, err := tryLock(path)
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
			return nil, fmt.Errorf("%w%s", ErrLocked, holder(file))
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

// holder names the process that has the lock, or nothing.
func holder(file *os.File) string {
	query := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &query); err == nil && query.Pid > 0 {
		return fmt.Sprintf(" (process %d)", query.Pid)
	}
	text, err := io.ReadAll(io.LimitReader(file, 32))
	if pid, bad := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && bad == nil {
		return fmt.Sprintf(" (process %d)", pid)
	}
	return ""
}

// release gives the lock back. The file stays: removing it would let two
// processes lock two files of the same name.
func (l *fileLock) release() error { return l.file.Close() }
