package catalog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	liteStartTimeout = 30 * time.Second // 0.25 s on an idle machine
	liteStopTimeout  = 5 * time.Second  // milliseconds when idle
	maxSocketPath    = 107              // sockaddr_un holds 108 bytes with the final zero
)

// lite is the milvus-lite 2.5.1 server process behind one .db file. It serves
// a unix socket in a private folder and ends when this process does.
type lite struct {
	socket string
	folder string // private, holds the socket, logs and cache
	lock   *fileLock
	output *tail

	process *os.Process
	died    context.Context // done when the process has ended, its cause says how
	stopped chan struct{}   // closed when the goroutine that owns the process has returned
}

// startLite opens the .db file with the given milvus-lite executable and waits
// until it listens.
func startLite(ctx context.Context, binary, db string) (*lite, error) {
	db, err := checkLitePath(db)
	if err != nil {
		return nil, err
	}
	lock, err := lockDB(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("catalog: open %s: %w", db, err)
	}
	folder, err := socketFolder()
	if err != nil {
		err = errors.Join(err, lock.release())
		return nil, fmt.Errorf("catalog: folder for the socket of %s: %w", db, err)
	}
	l := &lite{
		socket: filepath.Join(folder, "milvus.sock"), folder: folder, lock: lock,
		output: &tail{limit: 4096}, stopped: make(chan struct{}),
	}
	if err := l.run(binary, db); err != nil {
		err = errors.Join(err, os.RemoveAll(folder), lock.release())
		return nil, fmt.Errorf("catalog: start %s: %w", binary, err)
	}
	if err := l.await(ctx); err != nil {
		err = errors.Join(err, l.stop())
		return nil, fmt.Errorf("catalog: open %s with milvus-lite: %w", db, err)
	}
	return l, nil
}

// run starts the process and leaves a goroutine that owns it until it ends.
func (l *lite) run(binary, db string) error {
	libraries := filepath.Dir(binary)
	cmd := exec.Command(binary, db, "unix:"+l.socket, "ERROR", l.lock.path)
	cmd.Dir = l.folder
	cmd.Env = append(os.Environ(),
		"LD_LIBRARY_PATH="+strings.TrimSuffix(libraries+":"+os.Getenv("LD_LIBRARY_PATH"), ":"),
		// It empties $HOME/.cache/milvus at its start, also that of another
		// milvus-lite which is just using it ("Mmap manager has not been init").
		"HOME="+l.folder,
		"TMPDIR="+l.folder, // for its log files
	)
	cmd.Stdout, cmd.Stderr = l.output, l.output
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // the terminal's Ctrl-C is for vbge, which still has a batch to write
		Pdeathsig: syscall.SIGKILL,
	}
	died, cancel := context.WithCancelCause(context.Background())
	l.died = died
	started := make(chan error, 1)
	go func() {
		defer close(l.stopped)
		// Pdeathsig fires when the creating *thread* dies, so the thread is kept
		// in this goroutine until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			l.process = cmd.Process
		}
		started <- err
		if err == nil {
			err = cmd.Wait()
		}
		cancel(l.epitaph(err))
	}()
	return <-started
}

// epitaph says how the process ended and what it said last.
func (l *lite) epitaph(err error) error {
	how := "by itself"
	if err != nil {
		how = "with " + err.Error()
	}
	if said := l.output.String(); said != "" {
		return fmt.Errorf("%w: the embedded Milvus ended %s, its last words: %s", ErrUnreachable, how, said)
	}
	return fmt.Errorf("%w: the embedded Milvus ended %s", ErrUnreachable, how)
}

// await returns when the socket accepts connections.
func (l *lite) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, liteStartTimeout,
		fmt.Errorf("%w: it did not listen within %v", ErrUnreachable, liteStartTimeout))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if conn, err := net.Dial("unix", l.socket); err == nil {
			return conn.Close()
		}
		select {
		case <-l.died.Done():
			return context.Cause(l.died)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
	}
}

// stop ends the process (acknowledged rows are in the file by then), waits for
// it, and gives the lock back.
func (l *lite) stop() error {
	// Signals fail only when the process has ended, which the wait below finds out.
	_ = l.process.Signal(syscall.SIGTERM)
	select {
	case <-l.stopped:
	case <-time.After(liteStopTimeout):
		_ = l.process.Kill()
		<-l.stopped
	}
	return errors.Join(os.RemoveAll(l.folder), l.lock.release())
}

// socketFolder makes a private folder whose path leaves room for the socket.
func socketFolder() (string, error) {
	folder, err := os.MkdirTemp("", "vbge-")
	if err == nil && len(folder)+len("/milvus.sock") > maxSocketPath {
		os.Remove(folder)
		folder, err = os.MkdirTemp("/tmp", "vbge-")
	}
	if err != nil {
		return "", fmt.Errorf("%w: set TMPDIR to a folder that can be written", err)
	}
	return folder, nil
}
