//go:build !linux

package milvustest

import "errors"

func (*Server) run() error { return errors.New("the servers run on Linux only") }
