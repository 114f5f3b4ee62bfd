//go:build !linux

package catalog

import (
	"context"
	"errors"
	"runtime"
)

// lite exists on Linux only: elsewhere nothing ties a child process to the life of vbge.
type lite struct {
	socket string
	died   context.Context
}

func startLite(context.Context, string, string) (*lite, error) {
	return nil, errors.New("catalog: a local .db file needs Linux, not " + runtime.GOOS + ": use http://host:port of a Milvus server")
}

func (*lite) stop() error { return nil }
