package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

const unixPrefix = "unix:"

// listen opens host:port or unix:PATH. A socket that a killed server has left behind is replaced.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	path, unix := strings.CutPrefix(address, unixPrefix)
	if !unix {
		return c.Listen(ctx, "tcp", address)
	}
	if path == "" { // which the kernel takes for any name
		return nil, errors.New("unix: needs a path after it")
	}
	l, err := c.Listen(ctx, "unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) || !deserted(ctx, path) {
		return l, err
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("remove the socket that nobody listens on: %w", err)
	}
	return c.Listen(ctx, "unix", path)
}

// deserted reports whether path is a socket that nobody listens on.
func deserted(ctx context.Context, path string) bool {
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// addressOf is a listener's address as clients write it, or as --listen does.
func addressOf(l net.Listener) string {
	if a, ok := l.Addr().(*net.UnixAddr); ok {
		return unixPrefix + a.Name
	}
	return "http://" + l.Addr().String()
}
