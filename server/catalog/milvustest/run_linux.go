package milvustest

import (
	"os"
	"runtime"
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
