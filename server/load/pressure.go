package load

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lanes is how long searches take while bulk work saturates the server: no longer than they do
// without it, and two of its batches.
func (f *Figures) lanes(ctx context.Context) error {
	searching := f.requests()
	bulky := f.requests()
	bulky.Inputs, bulky.Priority = 16, "bulk"
	searches, err := f.server(searching)
	if err != nil {
		return err
	}
	bulk, err := f.server(bulky)
	if err != nil {
		return err
	}
	if err := errors.Join(f.warm(ctx, searches, SearchPair, 1), f.warm(ctx, bulk, Image, bulkClients)); err != nil {
		return err
	}
	// Searches come at a constant rate, so that those that come while another one waits count as well.
	one, err := f.closed(ctx, searches, SearchPair, 1)
	if err != nil {
		return err
	}
	rate := min(20, .25/one.Latency(.5).Seconds())
	y := Figure{Name: "search p99 while bulk saturates", Unit: "ms", Goal: goal(0)}
	var goals []float64
	for range f.Rounds {
		idle, err := f.searches(ctx, searches, rate, f.Time)
		if err != nil {
			return err
		}
		alone, err := f.closed(ctx, bulk, Image, bulkClients)
		if err != nil {
			return err
		}
		busy, beside, err := f.besideBulk(ctx, searches, bulk, rate)
		if err != nil {
			return err
		}
		batch := alone.usage.perPass(passSeconds) * 1e3
		before, p99 := milliseconds(idle.Latency(.99)), milliseconds(busy.Latency(.99))
		y.Rounds, goals = append(y.Rounds, p99), append(goals, before+2*batch)
		y.Of = fmt.Sprintf("goal: idle p99 %.0f + 2 x batch of %.0f ms; bulk %.2f a second alone, %.2f beside %.1f searches a second",
			before, batch, alone.Rate(), beside.Rate(), rate)
	}
	*y.Goal = median(goals)
	return f.put(y)
}

// bulkClients are enough that a batch is always waiting.
const bulkClients = 2

// searches is an open loop.
func (f *Figures) searches(ctx context.Context, t Target, rate float64, time time.Duration) (*Sample, error) {
	l, err := f.load(SearchPair, 64)
	if err != nil {
		return nil, err
	}
	l.Rate, l.Time = rate, max(time, seconds(2/rate))
	s, err := Run(ctx, t, l)
	if err != nil {
		return nil, err
	}
	return s, s.Clean()
}

// besideBulk is the same while bulk work is under way.
func (f *Figures) besideBulk(ctx context.Context, searches, bulk Target, rate float64) (busy, beside *Sample, err error) {
	background, err := f.load(Image, bulkClients)
	if err != nil {
		return nil, nil, err
	}
	background.Time = time.Hour
	stop := make(chan struct{})
	background.Stop = stop
	ended := make(chan error, 1)
	go func() {
		var err error
		beside, err = Run(ctx, bulk, background)
		ended <- err
	}()
	select { // until it saturates
	case <-time.After(f.Time / 5):
	case <-ctx.Done():
	}
	busy, err = f.searches(ctx, searches, rate, 2*f.Time)
	close(stop)
	if failed := <-ended; err == nil {
		err = failed
	}
	if err != nil {
		return nil, nil, err
	}
	return busy, beside, beside.Clean()
}

// overload is what is left of the best rate when ten times as much is asked for, and how soon those
// know who are refused.
func (f *Figures) overload(ctx context.Context) error {
	server, err := f.server(f.requests())
	if err != nil {
		return err
	}
	for _, kind := range []Kind{Text, Image} {
		if err := f.warm(ctx, server, kind, f.Clients); err != nil {
			return err
		}
		good := Figure{Name: fmt.Sprintf("goodput at ten times overload, %ss, share of the peak", kind), Unit: "%", Goal: goal(90), AtLeast: true}
		refused := Figure{Name: fmt.Sprintf("refusal of %ss meanwhile, p99", kind), Unit: "ms", Goal: goal(5)}
		for range f.Rounds {
			peak, err := f.closed(ctx, server, kind, f.Clients)
			if err != nil {
				return err
			}
			over, err := f.flood(ctx, server, kind, 10*peak.RequestRate())
			if err != nil {
				return err
			}
			good.Rounds = append(good.Rounds, 100*over.Rate()/peak.Rate())
			good.Of = fmt.Sprintf("%.2f of %.2f a second; %d answered, %d refused, %d not sent", over.Rate(), peak.Rate(),
				len(over.answered), len(over.refused), over.unsent)
			refused.Rounds = append(refused.Rounds, milliseconds(over.Refusal(.99)))
			refused.Of = fmt.Sprintf("p50 %.2f, p90 %.2f, most %.1f ms", milliseconds(over.Refusal(.5)), milliseconds(over.Refusal(.9)), milliseconds(over.Refusal(1)))
		}
		if err := f.put(good); err != nil {
			return err
		}
		if err := f.put(refused); err != nil {
			return err
		}
	}
	return nil
}

// flood is an open loop of which most is refused.
func (f *Figures) flood(ctx context.Context, t Target, kind Kind, rate float64) (*Sample, error) {
	l, err := f.load(kind, 1024)
	if err != nil {
		return nil, err
	}
	l.Rate = rate
	s, err := Run(ctx, t, l)
	if err != nil {
		return nil, err
	}
	if s.outcomes[NoReply] > 0 || len(s.refused) == 0 || s.answers == 0 {
		return nil, fmt.Errorf("of requests at %.0f a second, %d were answered, %d refused, %d had no reply (%s): start the server with a --max-queue of less than %.0f",
			rate, len(s.answered), len(s.refused), s.outcomes[NoReply], s.example, l.Rate*l.Time.Seconds())
	}
	return s, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
