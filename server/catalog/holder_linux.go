package catalog

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holder returns the pid of the process that has the lock on a file, 0 where that cannot be known.
func holder(file *os.File) int {
	query := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &query); err == nil && query.Pid > 0 {
		return int(query.Pid) // pymilvus: the kernel tells for its kind of lock
	}
	info, err := file.Stat()
	text, unread := io.ReadAll(io.LimitReader(file, 32))
	pid, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || unread != nil || bad != nil || pid <= 0 || !hasOpen(pid, info) {
		return 0 // what is written there may be of a process long gone
	}
	return pid
}

// writerOf returns the pid of a process that has a file open for writing, 0 if there is none among those that
// this user may look at.
func writerOf(path string) int {
	path, err := filepath.EvalSymlinks(path) // the kernel names descriptors so
	if err != nil {
		return 0
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, process := range processes {
		if pid, err := strconv.Atoi(process.Name()); err == nil && hasOpen(pid, info) {
			return pid
		}
	}
	return 0
}

// hasOpen says whether a process has a file open for writing.
func hasOpen(pid int, file os.FileInfo) bool {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	opened, err := os.ReadDir(folder)
	if err != nil {
		return false // it has ended, or is another user's
	}
	for _, descriptor := range opened {
		// The name first: looking at what is not this file could take long, on a network.
		if name, err := os.Readlink(filepath.Join(folder, descriptor.Name())); err != nil || filepath.Base(name) != file.Name() {
			continue
		}
		info, err := os.Stat(filepath.Join(folder, descriptor.Name()))
		if err == nil && os.SameFile(info, file) && forWriting(pid, descriptor.Name()) {
			return true
		}
	}
	return false
}

// forWriting reads the flags of a descriptor, which the kernel gives in octal.
func forWriting(pid int, descriptor string) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, descriptor))
	if err != nil {
		return false
	}
	_, flags, _ := bytes.Cut(text, []byte("flags:"))
	flags, _, _ = bytes.Cut(flags, []byte("\n"))
	mode, err := strconv.ParseUint(string(bytes.TrimSpace(flags)), 8, 64)
	return err == nil && mode&unix.O_ACCMODE != unix.O_RDONLY
}

// nameOf describes a process for the end of a message, and 0 by nothing.
func nameOf(pid int) string {
	switch pid {
	case 0:
		return ""
	case os.Getpid():
		return " (it is this process)"
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf(" (it is process %d)", pid)
	}
	return fmt.Sprintf(" (it is process %d, %s)", pid, bytes.TrimSpace(command))
}
