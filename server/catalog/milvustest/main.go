package milvustest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// The environment of tests. ServerVariable names a server to start; URIVariable is the address of a running one.
const (
	ServerVariable = "VBGE_TEST_SERVER"
	URIVariable    = "VBGE_TEST_MILVUS"
)

// Main is for TestMain: it runs the tests beside the server that $VBGE_TEST_SERVER names, if it names one, with the
// server's address in $VBGE_TEST_MILVUS, and returns their exit status. go test does not see that it reads the
// variable, and may tell of an earlier run without -count=1.
func Main(run func() int) int {
	name := os.Getenv(ServerVariable)
	if name == "" {
		return run()
	}
	folder, err := os.MkdirTemp("", "vbge-milvus-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	server, err := Start(context.Background(), name, folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Kill()
	os.Setenv(URIVariable, server.URI)
	return run()
}

// New starts a server for one test, which may kill it: the one that $VBGE_TEST_SERVER names, else Embedded.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start(t.Context(), cmp.Or(os.Getenv(ServerVariable), Embedded), t.TempDir())
	if errors.Is(err, ErrNotFetched) && os.Getenv(ServerVariable) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}
