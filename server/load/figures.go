package load

import (
	"context"
	"fmt"
	"math"
	"net"
	"slices"
	"time"
)

// Figures measures what is asked of the server, each thing beside its goal. What is compared takes
// turns, so that a slow moment of the machine hits both sides, and medians of the rounds count.
type Figures struct {
	Address  string        // of a server that is idle otherwise
	Key      string        // for it, or ""
	Engine   Embedder      // the same model in this process, for Share and Overhead
	Pictures *Pictures     // sent
	Clients  int           // where many are wanted
	Time     time.Duration // of one turn
	Rounds   int
	Start    uint64 // numbers of shots begin here: a server should not have seen them
	FullSize bool   // which goals hold for searches
	Put      func(Figure) error

	turns uint64
	dial  func(ctx context.Context) (net.Conn, error) // nil: as NewHTTP does
}

// Figure is a line of the report.
type Figure struct {
	Name    string    `json:"name"`
	Value   float64   `json:"value"` // the median of the rounds
	Unit    string    `json:"unit"`
	Goal    *float64  `json:"goal,omitempty"` // nil if there is none
	AtLeast bool      `json:"at_least"`       // the goal is a lower bound, otherwise an upper one
	Rounds  []float64 `json:"rounds"`
	Of      string    `json:"of"` // what it was computed from, of the last round
}

// Met reports whether the goal is reached.
func (f Figure) Met() bool {
	switch {
	case f.Goal == nil:
		return true
	case f.AtLeast:
		return f.Value >= *f.Goal
	}
	return f.Value <= *f.Goal
}

// measures are the groups of figures by name.
var measures = map[string]func(*Figures, context.Context) error{
	"share":     (*Figures).share,
	"overhead":  (*Figures).overhead,
	"search":    (*Figures).search,
	"lanes":     (*Figures).lanes,
	"encodings": (*Figures).encodings,
	"overload":  (*Figures).overload,
}

// FigureNames are what Measure knows.
var FigureNames = []string{"share", "overhead", "search", "lanes", "encodings", "overload"}

// Measure hands the figures of a group to Put.
func (f *Figures) Measure(ctx context.Context, name string) error {
	measure, ok := measures[name]
	if !ok {
		return fmt.Errorf("figures %q: choose of %v", name, FigureNames)
	}
	if f.Engine == nil && (name == "share" || name == "overhead") {
		return fmt.Errorf("figures %q compare with an engine in this process: give the server's model", name)
	}
	if err := measure(f, ctx); err != nil {
		return fmt.Errorf("measure %s: %w", name, err)
	}
	return nil
}

// requests are shots with vectors in base64, the cheapest that OpenAI's clients read.
func (f *Figures) requests() *Requests {
	return &Requests{Pictures: f.Pictures, Encoding: "base64", Inputs: 1}
}

// server is the target of q.
func (f *Figures) server(q *Requests) (*HTTP, error) {
	h, err := NewHTTP(f.Address, f.Key, time.Minute, q)
	if err == nil && f.dial != nil {
		h.dial = f.dial
	}
	return h, err
}

// load is a closed loop of one kind, with numbers of its own.
func (f *Figures) load(kind Kind, clients int) (Load, error) {
	f.turns++
	source, err := NewSource(Mix{kind: 1}, f.Start+f.turns<<32)
	return Load{Source: source, Clients: clients, Time: f.Time}, err
}

// closed runs a closed loop that has to succeed throughout, over HTTP or in process.
func (f *Figures) closed(ctx context.Context, t Target, kind Kind, clients int) (*Sample, error) {
	l, err := f.load(kind, clients)
	if err != nil {
		return nil, err
	}
	var s *Sample
	if h, ok := t.(*HTTP); ok {
		s, err = Measure(ctx, h, l)
	} else {
		s, err = Run(ctx, t, l)
	}
	if err != nil {
		return nil, err
	}
	return s, s.Clean()
}

// warm sends a few requests, after which memory, compiled products and caches are there.
func (f *Figures) warm(ctx context.Context, t Target, kind Kind, clients int) error {
	l, err := f.load(kind, clients)
	if err != nil {
		return err
	}
	l.Time = min(f.Time/5, time.Second)
	s, err := Run(ctx, t, l)
	if err != nil {
		return err
	}
	return s.Clean()
}

// put hands on a figure whose value is the median of rounds.
func (f *Figures) put(y Figure) error {
	y.Value = median(y.Rounds)
	return f.Put(y)
}

func goal(v float64) *float64 { return &v }

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
