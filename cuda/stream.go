//go:build cuda

package cuda

import (
	"errors"
	"unsafe"

	"gorgonia.org/cu"
)

// Stream is a queue of work that a device does in order. Streams do not wait for one another but through events.
type Stream struct {
	device    *Device
	stream    cu.Stream
	capturing bool
}

// NewStream makes a stream that does not wait for the device's default stream, on which nothing here works.
func (d *Device) NewStream() (*Stream, error) {
	s, err := cu.MakeStream(cu.NonBlocking)
	if err != nil {
		return nil, doing(failure("cuStreamCreate", err), "make a stream on CUDA device %d", d.properties.Index)
	}
	return &Stream{device: d, stream: s}, nil
}

// Close lets the queued work end by itself and needs no answer: a context that is lost takes its streams along.
func (s *Stream) Close() { _ = s.stream.Destroy() }

// Handle is the driver's CUstream, for libraries that queue their own work.
func (s *Stream) Handle() unsafe.Pointer { return unsafe.Pointer(s.stream.C()) }

// errPageable refuses what would make a graph hold an address in Go's memory.
var errPageable = errors.New("a copy that is captured needs pinned memory: take it from AllocateHost")

// CopyIn queues a copy to the device. Pinned memory must stay as it is until the copy is done; with any other the call waits.
func (s *Stream) CopyIn(to Pointer, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	pinned, err := s.hostMemory(from)
	if err == nil {
		err = failure("cuMemcpyHtoDAsync", cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(&from[0]), int64(len(from)), s.stream))
	}
	if err == nil && !pinned {
		err = failure("cuStreamSynchronize", s.stream.Synchronize())
	}
	if err != nil {
		return doing(err, "copy %d bytes to CUDA device %d", len(from), s.device.properties.Index)
	}
	return nil
}

// CopyOut queues a copy from the device; to is filled once the stream came so far. Unless it is pinned the call waits.
func (s *Stream) CopyOut(to []byte, from Pointer) error {
	if len(to) == 0 {
		return nil
	}
	pinned, err := s.hostMemory(to)
	if err == nil {
		err = failure("cuMemcpyDtoHAsync", cu.MemcpyDtoHAsync(unsafe.Pointer(&to[0]), cu.DevicePtr(from), int64(len(to)), s.stream))
	}
	if err == nil && !pinned {
		err = failure("cuStreamSynchronize", s.stream.Synchronize())
	}
	if err != nil {
		return doing(err, "copy %d bytes from CUDA device %d", len(to), s.device.properties.Index)
	}
	return nil
}

// hostMemory reports whether memory is pinned, which it has to be in a capture.
func (s *Stream) hostMemory(bytes []byte) (pinned bool, err error) {
	pinned = s.device.pinned(bytes)
	if !pinned && s.capturing {
		err = errPageable
	}
	return pinned, err
}

// Copy queues a copy within the device.
func (s *Stream) Copy(to, from Pointer, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	if err := cu.MemcpyDtoDAsync(cu.DevicePtr(to), cu.DevicePtr(from), bytes, s.stream); err != nil {
		return doing(failure("cuMemcpyDtoDAsync", err), "copy %d bytes within CUDA device %d", bytes, s.device.properties.Index)
	}
	return nil
}

// Fill queues that bytes are set to a value.
func (s *Stream) Fill(to Pointer, value byte, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	if err := cu.MemsetD8Async(cu.DevicePtr(to), value, bytes, s.stream); err != nil {
		return doing(failure("cuMemsetD8Async", err), "fill %d bytes on CUDA device %d", bytes, s.device.properties.Index)
	}
	return nil
}

// Synchronize waits until all queued work is done, without a deadline: where a kernel may hang, record an event and poll it.
func (s *Stream) Synchronize() error {
	return doing(failure("cuStreamSynchronize", s.stream.Synchronize()), "wait for CUDA device %d", s.device.properties.Index)
}

// Record makes an event happen when the stream has done what is queued by now. An event can be recorded again.
func (s *Stream) Record(e *Event) error {
	if err := e.event.Record(s.stream); err != nil {
		return doing(failure("cuEventRecord", err), "record an event on CUDA device %d", s.device.properties.Index)
	}
	return nil
}

// Wait makes what is queued from now on wait for the event as it was last recorded. The host does not wait.
func (s *Stream) Wait(e *Event) error {
	if err := s.stream.Wait(e.event, 0); err != nil {
		return doing(failure("cuStreamWaitEvent", err), "make a stream of CUDA device %d wait", s.device.properties.Index)
	}
	return nil
}
