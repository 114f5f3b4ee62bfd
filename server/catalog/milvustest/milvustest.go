// Package milvustest runs real Milvus servers for tests: milvus-lite 2.5.1, which is always there, and what
// third_party/setup --milvus brings in, Milvus 2.3.5, the full standalone server, and milvus-lite 3.2.2. They listen on
// free ports, keep everything in a folder of the caller's, and end with the process that started them.
package milvustest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The servers.
const (
	Full     = "milvus-2.3.5"
	Lite     = "milvus-lite-3.2.2"
	Embedded = "milvus-lite-2.5.1" // what vbge starts for a .db, here with an address
)

// ErrNotFetched means that third_party/setup has not brought a server in.
var ErrNotFetched = errors.New("it is not there")

// startTimeout is for busy machines: the full server needs 6 s, after a kill more.
const startTimeout = 3 * time.Minute

// Server is a server process that can be killed and started again over the same data at the same address.
type Server struct {
	URI string // http://127.0.0.1:port

	folder  string
	ready   func(context.Context) bool
	command func() *exec.Cmd

	kill  func()
	ended chan struct{} // closed when the process has ended
}

// Start starts a server with its data in an empty folder, and returns when it answers.
func Start(ctx context.Context, name, folder string) (*Server, error) {
	var s *Server
	var err error
	switch name {
	case Full:
		s, err = full(folder)
	case Lite:
		s, err = lite(folder)
	case Embedded:
		s, err = embedded(folder)
	default:
		err = fmt.Errorf("there is no server %q: %s, %s or %s", name, Full, Lite, Embedded)
	}
	if err == nil {
		err = s.Restart(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return s, nil
}

// Kill ends the server at once (SIGKILL) and returns when its process is gone.
func (s *Server) Kill() {
	select {
	case <-s.ended: // its number may be another's by now
	default:
		s.kill()
		<-s.ended
	}
}

// Restart starts the server again, having killed it if it still runs, and returns when it answers.
func (s *Server) Restart(ctx context.Context) error {
	if s.ended != nil {
		s.Kill()
	}
	if err := s.run(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it is not ready within %v", startTimeout))
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !s.ready(ctx) {
		select {
		case <-s.ended:
			return fmt.Errorf("it ended, its last words: %s", s.said())
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("%w, its last words: %s", context.Cause(ctx), s.said())
		case <-poll.C:
		}
	}
	return nil
}

func (s *Server) output() string { return filepath.Join(s.folder, "output") }

func (s *Server) said() []byte {
	text, err := os.ReadFile(s.output())
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-2000):]
}

// answers says whether something listens.
func answers(address string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		return err == nil && conn.Close() == nil
	}
}

// healthy says whether a page is there.
func healthy(url string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		reply, err := http.DefaultClient.Do(request)
		return err == nil && reply.Body.Close() == nil && reply.StatusCode == http.StatusOK
	}
}

// freePorts returns ports that nobody listens on, below those that the system gives to outgoing connections
// (32768 on Linux): the server's own would take them before it listens.
func freePorts(n int) ([]int, error) {
	const first, last = 20000, 32000
	var ports []int
	for port := first + os.Getpid()*31%(last-first-1000); port < last && len(ports) < n; port++ {
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			ports = append(ports, port)
			listener.Close()
		}
	}
	if len(ports) < n {
		return nil, errors.New("there are not enough free ports")
	}
	return ports, nil
}

// Fetched returns a folder of third_party/native, or says how to bring it in.
func Fetched(name string) (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; here = filepath.Dir(here) {
		folder := filepath.Join(here, "third_party", "native", name)
		if _, err := os.Stat(folder); err == nil {
			return filepath.EvalSymlinks(folder)
		}
		if here == filepath.Dir(here) {
			return "", fmt.Errorf("third_party/native/%s: %w: run third_party/setup --milvus", name, ErrNotFetched)
		}
	}
}
