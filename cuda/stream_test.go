//go:build cuda

package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestCopies(t *testing.T) {
	for _, n := range []int{0, 1, 3, 1000, 1 << 20} {
		for _, pinned := range []bool{false, true} {
			t.Run(fmt.Sprint(n, " bytes, pinned ", pinned), func(t *testing.T) {
				d := openDevice(t)
				s := newStream(t, d)
				from, to := make([]byte, n), make([]byte, n)
				if pinned && n > 0 {
					from, to = allocateHostBytes(t, d, n), allocateHostBytes(t, d, n)
				}
				for i := range from {
					from[i] = byte(i*7 + i>>8)
				}
				a, b := allocate(t, d, int64(n+1)), allocate(t, d, int64(n+1))
				must(t, s.CopyIn(a.Pointer, from))
				must(t, s.Copy(b.Pointer, a.Pointer, int64(n)))
				must(t, s.Fill(a.Pointer, 0xa5, int64(n)))
				must(t, s.CopyOut(to, b.Pointer))
				must(t, s.Synchronize())
				if !bytes.Equal(to, from) {
					t.Error("what came back is not what was sent")
				}
				must(t, s.CopyOut(to, a.Pointer))
				must(t, s.Synchronize())
				if !bytes.Equal(to, bytes.Repeat([]byte{0xa5}, n)) {
					t.Error("the memory was not filled")
				}
			})
		}
	}
}

// Memory that is not pinned may change as soon as CopyIn has returned, and holds the result as soon as CopyOut has.
func TestPageableCopiesWait(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	m := allocate(t, d, 8)
	host := floats(1, 2)
	must(t, s.CopyIn(m.Pointer, host))
	clear(host)
	if v := readFloats(t, s, m.Pointer, 2); v[0] != 1 || v[1] != 2 {
		t.Errorf("the device has %v, not [1 2]", v)
	}
}

// The emulated device reads and writes pinned memory when a real one may at the latest: when the stream is waited for.
func TestPinnedCopiesDoNotWait(t *testing.T) {
	needEmulator(t)
	t.Setenv("VBGE_EMULATED_SEED", "0")
	d := openDevice(t)
	s := newStream(t, d)
	m := allocate(t, d, 8)
	in, out := allocateHostBytes(t, d, 100)[4:12], allocateHostBytes(t, d, 8)
	copy(in, floats(1, 2))
	clear(out)
	must(t, s.CopyIn(m.Pointer, in))
	copy(in, floats(3, 4))
	must(t, s.CopyOut(out, m.Pointer))
	if !bytes.Equal(out, make([]byte, 8)) {
		t.Error("CopyOut to pinned memory waited")
	}
	must(t, s.Synchronize())
	if !bytes.Equal(out, floats(3, 4)) {
		t.Error("CopyIn of pinned memory was not what the memory held when the stream was waited for")
	}
}

func TestEvents(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	start, end := newEvent(t, d, true), newEvent(t, d, true)
	if done, err := start.Done(); !done || err != nil {
		t.Errorf("never recorded: done %t, %v", done, err)
	}
	m := allocate(t, d, 1<<20)
	must(t, s.Record(start))
	for range 3 {
		must(t, s.Fill(m.Pointer, 1, m.Bytes))
	}
	must(t, s.Record(end))
	if !await(t, end, 1000) || !await(t, start, 1) {
		t.Fatal("the events never happen")
	}
	if took, err := end.Since(start); err != nil || took < 0 || took > time.Minute {
		t.Errorf("took %v: %v", took, err)
	}
	untimed := newEvent(t, d, false)
	must(t, s.Record(untimed))
	must(t, s.Synchronize())
	if _, err := untimed.Since(start); err == nil {
		t.Error("an event that does not keep the time gave it")
	}
}

// chained queues a copy to the device on one stream, and on another what needs it.
func chained(t *testing.T, wait bool) float32 {
	d := openDevice(t)
	first, then := newStream(t, d), newStream(t, d)
	e := newEvent(t, d, false)
	k := loadKernel(t, d, "add")
	x, y := allocate(t, d, 4), allocate(t, d, 4)
	in, out := allocateHostBytes(t, d, 4), allocateHostBytes(t, d, 4)
	copy(in, floats(40))
	for range 3 { // so that there is something to get ahead of
		must(t, first.Fill(x.Pointer, 0, 4))
	}
	must(t, first.CopyIn(x.Pointer, in))
	must(t, first.Record(e))
	if wait {
		must(t, then.Wait(e))
	}
	must(t, k.Launch(then, Grid{X: 1, Threads: 32}, Address(y.Pointer), Address(x.Pointer), Float(2), Int(1)))
	must(t, then.CopyOut(out, y.Pointer))
	must(t, then.Synchronize())
	must(t, first.Synchronize())
	result := make([]float32, 1)
	Widen(Float32, result, out)
	return result[0]
}

func TestStreamsWaitForEachOther(t *testing.T) {
	for _, seed := range []string{"0", "1", "2", "3", "4", "5"} {
		t.Run("seed "+seed, func(t *testing.T) {
			t.Setenv("VBGE_EMULATED_SEED", seed)
			if v := chained(t, true); v != 42 {
				t.Errorf("40 + 2 is %v", v)
			}
		})
	}
	t.Run("without waiting", func(t *testing.T) {
		needEmulator(t)
		t.Setenv("VBGE_EMULATED_SEED", "0")
		if v := chained(t, false); v == 42 {
			t.Error("a stream waited for another that it was not told to wait for: this test shows nothing")
		}
	})
}

func TestCopyOutsideAnAllocation(t *testing.T) {
	needEmulator(t)
	for _, c := range []struct {
		name string
		run  func(s *Stream, m Memory, host []byte) error
	}{
		{"in", func(s *Stream, m Memory, host []byte) error { return s.CopyIn(m.Pointer+1, host) }},
		{"out", func(s *Stream, m Memory, host []byte) error { return s.CopyOut(host, m.Pointer+1) }},
		{"within", func(s *Stream, m Memory, _ []byte) error { return s.Copy(m.Pointer, m.Pointer+9, 8) }},
		{"fill", func(s *Stream, m Memory, _ []byte) error { return s.Fill(m.Pointer, 0, 17) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDevice(t)
			s := newStream(t, d)
			m := allocate(t, d, 16)
			host := allocateHostBytes(t, d, 16)
			err := c.run(s, m, host)
			if err == nil {
				err = s.Synchronize()
			}
			var driver *Error
			if !errors.As(err, &driver) {
				t.Errorf("no error of the driver: %v", err)
			}
		})
	}
}
