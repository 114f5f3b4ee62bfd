package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestListenUnix replaces a socket that a killed server has left, and nothing else.
func TestListenUnix(t *testing.T) {
	// Sockets have short paths, which those of t.TempDir are not on every system.
	dir, err := os.MkdirTemp("", "vbge")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	left := filepath.Join(dir, "left.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(dir, "file")
	writeFile(t, file, []byte("precious"))

	first, err := listen(t.Context(), "unix:"+left)
	if err != nil {
		t.Fatalf("a socket that was left: %v", err)
	}
	if got := addressOf(first); got != "unix:"+left {
		t.Errorf("address %s", got)
	}
	for address, want := range map[string]error{"unix:" + left: syscall.EADDRINUSE, "unix:" + file: syscall.EADDRINUSE, "unix:" + dir + "/no/such": syscall.ENOENT} {
		if l, err := listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), want.Error()) {
			t.Errorf("%s: %v, %v", address, l, err)
		}
	}
	if l, err := listen(t.Context(), "unix:"); err == nil {
		t.Errorf("no path: %v", l.Addr())
	}
	if c, err := net.Dial("unix", left); err != nil {
		t.Errorf("the first listener: %v", err)
	} else {
		c.Close()
	}
	if got := string(readFile(t, file)); got != "precious" {
		t.Errorf("the file is %q", got)
	}
	first.Close()
}
