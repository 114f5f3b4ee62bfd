package load

import (
	"context"
	"fmt"
)

// sides are the same requests to the engine in this process and to the server.
func (f *Figures) sides() (inProcess InProcess, server *HTTP, err error) {
	q := f.requests()
	server, err = f.server(q)
	return InProcess{f.Engine, q}, server, err
}

// inTurns measures both sides in each round, and returns what compare makes of it.
func (f *Figures) inTurns(ctx context.Context, kind Kind, clients int, compare func(inProcess, server *Sample) (float64, string)) (y Figure, err error) {
	inProcess, server, err := f.sides()
	if err != nil {
		return y, err
	}
	for _, t := range []Target{inProcess, server} {
		if err := f.warm(ctx, t, kind, clients); err != nil {
			return y, err
		}
	}
	for range f.Rounds {
		own, err := f.closed(ctx, inProcess, kind, clients)
		if err != nil {
			return y, fmt.Errorf("in process: %w", err)
		}
		served, err := f.closed(ctx, server, kind, clients)
		if err != nil {
			return y, err
		}
		value, of := compare(own, served)
		y.Rounds, y.Of = append(y.Rounds, value), of
	}
	return y, nil
}

// share is how much of the engine's rate, from bytes in memory to vectors, arrives over HTTP.
func (f *Figures) share(ctx context.Context) error {
	for _, kind := range []Kind{Image, Text} {
		y, err := f.inTurns(ctx, kind, f.Clients, func(own, served *Sample) (float64, string) {
			return 100 * served.Rate() / own.Rate(), fmt.Sprintf("%.2f of %.2f a second; batches of %.1f", served.Rate(), own.Rate(), served.usage.perPass(passInputs))
		})
		if err != nil {
			return err
		}
		y.Name, y.Unit = fmt.Sprintf("share of the engine's rate over HTTP, %ss, %d clients", kind, f.Clients), "%"
		y.Goal, y.AtLeast = goal(95), true
		if err := f.put(y); err != nil {
			return err
		}
	}
	return nil
}

// overhead is what HTTP adds to one request at a time.
func (f *Figures) overhead(ctx context.Context) error {
	for _, kind := range []Kind{Text, Image} {
		y, err := f.inTurns(ctx, kind, 1, func(own, served *Sample) (float64, string) {
			a, b := milliseconds(served.Latency(.5)), milliseconds(own.Latency(.5))
			return a - b, fmt.Sprintf("p50 %.3f less %.3f ms", a, b)
		})
		if err != nil {
			return err
		}
		y.Name, y.Unit, y.Goal = fmt.Sprintf("overhead of one request, %s, p50", kind), "ms", goal(.5)
		if err := f.put(y); err != nil {
			return err
		}
	}
	return nil
}

// search is the time of a search with a picture and words, and of one with other words for a
// picture that the server has seen.
func (f *Figures) search(ctx context.Context) error {
	again := f.requests()
	again.Repeat = true
	fresh, err := f.server(f.requests())
	if err != nil {
		return err
	}
	repeated, err := f.server(again)
	if err != nil {
		return err
	}
	if err := f.warm(ctx, fresh, SearchPair, 1); err != nil {
		return err
	}
	if err := f.show(ctx, repeated, SearchPair); err != nil {
		return err
	}
	first := Figure{Name: "search with picture and text, p50", Unit: "ms", Goal: goal(60)}
	if f.FullSize {
		first.Goal = goal(600)
	}
	second := Figure{Name: "the same with a changed instruction, share of that", Unit: "%", Goal: goal(60)}
	for range f.Rounds {
		a, err := f.closed(ctx, fresh, SearchPair, 1)
		if err != nil {
			return err
		}
		b, err := f.closed(ctx, repeated, SearchPair, 1)
		if err != nil {
			return err
		}
		all, changed := milliseconds(a.Latency(.5)), milliseconds(b.Latency(.5))
		first.Rounds, first.Of = append(first.Rounds, all), a.means().String()
		second.Rounds = append(second.Rounds, 100*changed/all)
		second.Of = fmt.Sprintf("%.1f of %.1f ms; %s", changed, all, b.means().String())
	}
	if err := f.put(first); err != nil {
		return err
	}
	return f.put(second)
}

// show sends as many shots as there are pictures: with Repeat, all of them.
func (f *Figures) show(ctx context.Context, t Target, kind Kind) error {
	l, err := f.load(kind, 1)
	if err != nil {
		return err
	}
	for range f.Pictures.Count() {
		if _, err := t.Send(ctx, l.Source.Next()); err != nil {
			return err
		}
	}
	return nil
}

// encodings is what a vector costs in each form: bytes of the reply, processor time of the server.
func (f *Figures) encodings(ctx context.Context) error {
	const inputs = 32
	var sizes, times []Figure
	servers := make([]*HTTP, len(Encodings))
	for i, e := range Encodings {
		q := f.requests()
		q.Encoding, q.Inputs = e, inputs
		server, err := f.server(q)
		if err != nil {
			return err
		}
		if err := f.warm(ctx, server, Text, 2); err != nil {
			return err
		}
		servers[i] = server
		sizes = append(sizes, Figure{Name: fmt.Sprintf("bytes a vector, %s", e), Unit: "bytes", Of: fmt.Sprintf("the reply's body, %d texts a request", inputs)})
		times = append(times, Figure{Name: fmt.Sprintf("server's processor time a vector, %s", e), Unit: "ms"})
	}
	for range f.Rounds {
		for i, server := range servers {
			s, err := f.closed(ctx, server, Text, 2)
			if err != nil {
				return err
			}
			if s.silent != nil {
				return s.silent
			}
			sizes[i].Rounds = append(sizes[i].Rounds, float64(s.bytes)/float64(s.answers))
			times[i].Rounds = append(times[i].Rounds, 1e3*s.usage[cpuSeconds]/float64(s.answers))
			times[i].Of = fmt.Sprintf("%.0f vectors a second", s.Rate())
		}
	}
	for _, y := range append(sizes, times...) {
		if err := f.put(y); err != nil {
			return err
		}
	}
	return nil
}
