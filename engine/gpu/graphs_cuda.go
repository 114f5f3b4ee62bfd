//go:build cuda && cgo

package gpu

import (
	"errors"
	"fmt"

	"vbge/cuda"
)

// spareGraphs is how many graphs one slot keeps besides the warm-up's, 135 for the full-size model: mixtures of pictures and
// texts of any length have buckets that no warm-up foresees. A graph of the full-size model takes about a megabyte.
const spareGraphs = 64

// graphs are a slot's captured segments. Beyond most of them the one that was not used for longest goes.
type graphs struct {
	most  int
	held  map[string]*captured // by Segment.Key
	clock uint64               // counts uses
}

type captured struct {
	*cuda.Graph
	used uint64
}

func newGraphs() *graphs { return &graphs{most: spareGraphs, held: map[string]*captured{}} }

// get returns the graph of a key, or nil.
func (g *graphs) get(key string) *cuda.Graph {
	c, ok := g.held[key]
	if !ok {
		return nil
	}
	g.clock++
	c.used = g.clock
	return c.Graph
}

func (g *graphs) add(key string, graph *cuda.Graph) error {
	g.clock++
	g.held[key] = &captured{graph, g.clock}
	if len(g.held) <= g.most {
		return nil
	}
	oldest := key
	for k, c := range g.held {
		if c.used < g.held[oldest].used {
			oldest = k
		}
	}
	return g.drop(oldest)
}

// drop destroys a graph. None is running: a slot is used for the next batch when its last one is done.
func (g *graphs) drop(key string) error {
	c := g.held[key]
	delete(g.held, key)
	if err := c.Close(); err != nil {
		return fmt.Errorf("drop a graph: %w", err)
	}
	return nil
}

func (g *graphs) clear() error {
	var errs []error
	for key := range g.held {
		errs = append(errs, g.drop(key))
	}
	return errors.Join(errs...)
}
