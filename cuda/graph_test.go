//go:build cuda

package cuda

import (
	"errors"
	"io"
	"testing"
)

func TestCaptureAndReplay(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	k := loadKernel(t, d, "add")
	const n = 100
	m := allocate(t, d, 4*n)
	in, out := allocateHostBytes(t, d, 4*n), allocateHostBytes(t, d, 4*n)
	copy(in, counting(n))
	must(t, s.CopyIn(m.Pointer, in))
	g, err := s.Capture(func() error {
		for range 3 {
			if err := k.Launch(s, Grid{X: 1, Threads: 128}, Address(m.Pointer), Address(m.Pointer), Float(0.5), Int(n)); err != nil {
				return err
			}
		}
		return s.CopyOut(out, m.Pointer)
	})
	must(t, err)
	must(t, s.Synchronize())
	if g.Nodes() != 4 {
		t.Errorf("the graph has %d nodes, not 4", g.Nodes())
	}
	if v := readFloats(t, s, m.Pointer, n); v[7] != 7 {
		t.Errorf("after the capture the device has %v, not 7: something ran", v[7])
	}
	for range 2 {
		must(t, g.Launch(s))
	}
	must(t, s.Synchronize())
	must(t, g.Close())
	values := make([]float32, n)
	Widen(Float32, values, out)
	for i, v := range values {
		if v != float32(i)+3 {
			t.Fatalf("after two launches value %d is %v, not %v", i, v, i+3)
		}
	}
}

// A stream that joins the capture by an event, and is joined back, is part of the graph.
func TestCaptureOfTwoStreams(t *testing.T) {
	d := openDevice(t)
	s, side := newStream(t, d), newStream(t, d)
	fork, join := newEvent(t, d, false), newEvent(t, d, false)
	k := loadKernel(t, d, "add")
	a, b := allocate(t, d, 4), allocate(t, d, 4)
	add := func(s *Stream, y, x Memory, v float32) error {
		return k.Launch(s, Grid{X: 1, Threads: 32}, Address(y.Pointer), Address(x.Pointer), Float(v), Int(1))
	}
	must(t, s.Fill(a.Pointer, 0, 4))
	g, err := s.Capture(func() error {
		return errors.Join(
			add(s, a, a, 1),
			s.Record(fork), side.Wait(fork),
			add(side, b, a, 10),
			side.Record(join), s.Wait(join),
			add(s, a, b, 100))
	})
	must(t, err)
	if g.Nodes() != 3 {
		t.Errorf("the graph has %d nodes, not 3", g.Nodes())
	}
	must(t, g.Launch(s))
	if v := readFloats(t, s, a.Pointer, 1); v[0] != 111 {
		t.Errorf("0 + 1 + 10 + 100 is %v", v[0])
	}
	must(t, g.Close())
}

func TestRefusedCaptures(t *testing.T) {
	d := openDevice(t)
	s := newStream(t, d)
	m := allocate(t, d, 4)
	for _, c := range []struct {
		name   string
		record func() error
		want   error
	}{
		{"an error of the caller's", func() error { return io.ErrClosedPipe }, io.ErrClosedPipe},
		{"a copy of Go's memory in", func() error { return s.CopyIn(m.Pointer, floats(1)) }, errPageable},
		{"a copy of Go's memory out", func() error { return s.CopyOut(make([]byte, 4), m.Pointer) }, errPageable},
		{"waiting", s.Synchronize, nil},
		{"capturing in a capture", func() error { _, err := s.Capture(func() error { return nil }); return err }, nil},
	} {
		g, err := s.Capture(c.record)
		if err == nil || g != nil || errors.Is(err, ErrLost) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	must(t, s.CopyIn(m.Pointer, floats(5)))
	if v := readFloats(t, s, m.Pointer, 1); v[0] != 5 {
		t.Errorf("after the refusals 5 is %v", v[0])
	}
}

// What a batch calls makes no garbage, so that it does not wake Go's collector.
func TestBatchAllocatesNothing(t *testing.T) {
	d := openDevice(t)
	in, out := newStream(t, d), newStream(t, d)
	e := newEvent(t, d, false)
	k := loadKernel(t, d, "add")
	m := allocate(t, d, 4096)
	host := allocateHostBytes(t, d, 4096)
	args := []Argument{Address(m.Pointer), Address(m.Pointer), Float(1), Int(1024)}
	g, err := in.Capture(func() error { return k.Launch(in, Grid{X: 8, Threads: 128}, args...) })
	must(t, err)
	batch := func() error {
		return first(in.CopyIn(m.Pointer, host), g.Launch(in), k.Launch(in, Grid{X: 8, Threads: 128}, args...), in.Record(e),
			out.Wait(e), out.CopyOut(host, m.Pointer), out.Record(e), out.Synchronize())
	}
	must(t, batch())
	if done, err := e.Done(); !done || err != nil {
		t.Fatalf("done %t: %v", done, err)
	}
	if n := testing.AllocsPerRun(100, func() {
		must(t, batch())
		_, err := e.Done()
		must(t, err)
	}); n != 0 {
		t.Errorf("a batch allocates %v times", n)
	}
	must(t, g.Close())
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
