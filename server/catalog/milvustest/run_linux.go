package milvustest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// run starts the process and leaves a goroutine that owns it until it ends.
func (s *Server) run() error {
	output, err := os.OpenFile(s.output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	cmd := s.command()
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, output, output
	// Milvus 2.3.5 does not end on SIGTERM, so the kernel kills it when the test's process is gone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	ended, started := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended)
		defer output.Close()
		// The kernel means the thread that started the process, not the whole program.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed, mostly
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.ended = ended
	s.kill = func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it fails when nothing is left to kill
	return nil
}

// KillEmbedded kills the milvus-lite that this process runs for a .db.
func KillEmbedded(db string) error {
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, path := range commands {
		command, _ := os.ReadFile(path) // processes come and go
		if arguments := bytes.Split(command, []byte{0}); len(arguments) > 1 && string(arguments[1]) == db {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no process serves %s", db)
}
