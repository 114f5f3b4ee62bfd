//go:build cuda

package cuda

import "errors"

// Graph is work that was recorded once and is launched as a whole: the same kernels with the same arguments on the same memory.
type Graph struct {
	device *Device
	exec   executable
	nodes  int
}

// Capture records what the function queues on the stream, and on streams that it makes wait for this one and this one wait for
// in turn, instead of doing it. The function must neither synchronise nor allocate.
func (s *Stream) Capture(record func() error) (*Graph, error) {
	g, err := s.capture(record)
	return g, doing(err, "capture a graph on CUDA device %d", s.device.properties.Index)
}

func (s *Stream) capture(record func() error) (g *Graph, err error) {
	if err := beginCapture(s.stream); err != nil {
		return nil, err
	}
	s.capturing = true
	recordErr := record()
	s.capturing = false
	recorded, err := endCapture(s.stream)
	defer func() { err = errors.Join(err, recorded.destroy()) }()
	if recordErr != nil {
		return nil, recordErr // an invalid capture is only its consequence
	}
	if err != nil {
		return nil, err
	}
	nodes, err := recorded.nodes()
	if err != nil {
		return nil, err
	}
	exec, err := recorded.instantiate()
	if err != nil {
		return nil, err
	}
	return &Graph{device: s.device, exec: exec, nodes: nodes}, nil
}

// Launch queues the graph. Two launches of one graph never overlap, on whatever streams.
func (g *Graph) Launch(s *Stream) error {
	if err := g.exec.launch(s.stream); err != nil {
		return doing(err, "launch a graph of %d nodes on CUDA device %d", g.nodes, g.device.properties.Index)
	}
	return nil
}

// Nodes returns how many kernels, copies and fills the graph holds.
func (g *Graph) Nodes() int { return g.nodes }

// Close destroys the graph, which must not be running.
func (g *Graph) Close() error {
	return doing(g.exec.destroy(), "destroy a graph on CUDA device %d", g.device.properties.Index)
}
