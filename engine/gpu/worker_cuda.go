//go:build cuda && cgo

package gpu

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// pollInterval is how often the worker asks whether the oldest batch is done: a hundredth of a small
// batch's time, and a small part of a processor.
const pollInterval = 50 * time.Microsecond

// doze lets the thread sleep between two questions. Go's timers are no use for that: they wake an idle program after a
// millisecond at the soonest, which is as long as a small batch takes, and a busy one when a processor is free.
func doze() {
	interval := syscall.NsecToTimespec(int64(pollInterval))
	_ = syscall.Nanosleep(&interval, nil) // a signal may end it early
}

// worker is the goroutine that owns a device: it is locked to the operating system thread on which
// the device's context is current, and every call to the driver happens there. It keeps up to
// slotCount batches on the device at a time.
type worker struct {
	failure *failure
	timeout time.Duration
	tasks   chan task
	batches chan *slot    // has room for every slot
	stopped chan struct{} // closed by stop: no task is taken any more
	ended   chan struct{} // closed when no batch is answered any more
	done    chan error    // the last work's answer
	flight  []*slot       // on the device, oldest first
	since   time.Time
}

// task is work other than a batch: loading, growing.
type task struct {
	f    func() error
	done chan error
}

// startWorker starts a worker whose last work, after stop, is to giveBack what is on the device.
func startWorker(f *failure, timeout time.Duration, giveBack func() error) *worker {
	w := &worker{failure: f, timeout: timeout, tasks: make(chan task), batches: make(chan *slot, slotCount),
		stopped: make(chan struct{}), ended: make(chan struct{}), done: make(chan error, 1), flight: make([]*slot, 0, slotCount)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and no other finds a context on it
		w.loop()
		close(w.ended)
		w.done <- giveBack()
	}()
	return w
}

func (w *worker) loop() {
	for {
		if len(w.flight) == 0 {
			select {
			case t := <-w.tasks:
				t.done <- t.f()
			case s := <-w.batches:
				w.begin(s)
			case <-w.stopped:
				return
			}
			continue
		}
		select {
		case t := <-w.tasks:
			t.done <- t.f()
		case s := <-w.batches:
			w.begin(s)
		default:
			doze()
		}
		w.poll()
	}
}

// begin puts a batch on the device.
func (w *worker) begin(s *slot) {
	if w.failure.get() == nil {
		w.fail(s.enqueue())
	}
	if err := w.failure.get(); err != nil {
		s.reply <- err
		return
	}
	if len(w.flight) == 0 {
		w.since = time.Now()
	}
	w.flight = append(w.flight, s)
}

// poll answers the oldest batch if it is done, and every batch if the device has failed.
func (w *worker) poll() {
	if len(w.flight) == 0 {
		return
	}
	oldest := w.flight[0]
	done, err := oldest.copiedOut.Done()
	if err == nil && !done && time.Since(w.since) > w.timeout {
		err = fmt.Errorf("%w: a batch was not done after %v", ErrHung, w.timeout)
	}
	w.fail(err)
	if err == nil && done {
		oldest.reply <- nil
		w.flight = append(w.flight[:0], w.flight[1:]...)
		w.since = time.Now()
	}
}

// fail notes a device error, if err is one, and answers with it what is on the device: what comes
// from a device in that state is not to be trusted.
func (w *worker) fail(err error) {
	if err == nil {
		return
	}
	w.failure.set(err)
	for _, s := range w.flight {
		s.reply <- w.failure.get()
	}
	w.flight = w.flight[:0]
}

// do runs f on the worker's thread and waits for it. ctx counts only until f starts.
func (w *worker) do(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := task{f: f, done: make(chan error, 1)}
	select {
	case w.tasks <- t:
		return <-t.done
	case <-ctx.Done():
		return ctx.Err()
	case <-w.stopped:
		return ErrClosed
	}
}

// run puts s's batch in the queue and waits for its answer. The queue has room for every slot, and
// the worker answers each, at the latest after its timeout.
func (w *worker) run(ctx context.Context, s *slot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.batches <- s
	select {
	case err := <-s.reply:
		return err
	case <-w.ended:
	}
	select {
	case err := <-s.reply:
		return err
	default:
		return ErrClosed
	}
}

// stop waits for what is on the device, ends the thread and returns what its last work said. After the timeout it gives up:
// calls into the driver of a device that hangs may not return.
func (w *worker) stop() error {
	close(w.stopped)
	select {
	case err := <-w.done:
		return err
	case <-time.After(2 * w.timeout):
		return fmt.Errorf("give back what is on the device: %w", ErrHung)
	}
}
