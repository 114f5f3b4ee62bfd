//go:build cuda

package cuda

import (
	"time"

	"gorgonia.org/cu"
)

// Event is a point in a stream's work, set by Stream.Record.
type Event struct {
	device *Device
	event  cu.Event
}

// NewEvent makes an event; one that keeps the time costs the device more.
func (d *Device) NewEvent(timing bool) (*Event, error) {
	flags := cu.BlockingSyncEvent
	if !timing {
		flags |= cu.DisableTiming
	}
	e, err := cu.MakeEvent(flags)
	if err != nil {
		return nil, doing(failure("cuEventCreate", err), "make an event on CUDA device %d", d.properties.Index)
	}
	return &Event{device: d, event: e}, nil
}

// Close needs no answer: a context that is lost takes its events along.
func (e *Event) Close() { _ = cu.DestroyEvent(&e.event) }

// Done reports, without waiting, whether the work before the event is done. An event that was never recorded is done.
// Errors of that work appear here.
func (e *Event) Done() (bool, error) {
	err := failure("cuEventQuery", e.event.Query())
	if isNotReady(err) {
		return false, nil
	}
	if err != nil {
		return false, doing(err, "ask CUDA device %d whether its work is done", e.device.properties.Index)
	}
	return true, nil
}

// Since returns the time from another event; both were made with timing, recorded, and are done.
func (e *Event) Since(start *Event) (time.Duration, error) {
	milliseconds, err := start.event.Elapsed(e.event)
	return time.Duration(milliseconds * float64(time.Millisecond)),
		doing(failure("cuEventElapsedTime", err), "measure time on CUDA device %d", e.device.properties.Index)
}
