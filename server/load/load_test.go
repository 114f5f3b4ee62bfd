package load

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// answer is a target that is a function of the shot's place, counted from 0.
type answer func(ctx context.Context, n int) (Reply, error)

func (a answer) Send(ctx context.Context, s Shot) (Reply, error) { return a(ctx, int(s.Number)) }
func (answer) Close()                                            {}

// after answers with one vector.
func after(d time.Duration) answer {
	return func(context.Context, int) (Reply, error) {
		time.Sleep(d)
		return Reply{Status: 200, Answers: 1, Bytes: 10, Stages: []Stage{{"compute", d / 2}}}, nil
	}
}

func texts(t testing.TB) *Source {
	t.Helper()
	s, err := NewSource(Mix{Text: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustRun runs in a bubble of synctest, where time is exact.
func mustRun(t *testing.T, target Target, l Load) (s *Sample) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		l.Source = texts(t)
		if s, err = Run(t.Context(), target, l); err != nil {
			t.Fatal(err)
		}
	})
	return s
}

const ms = time.Millisecond

func TestClosedLoop(t *testing.T) {
	s := mustRun(t, after(10*ms), Load{Clients: 4, Time: time.Second})
	if len(s.answered) != 400 || s.Rate() != 400 || s.RequestRate() != 400 || s.elapsed != time.Second {
		t.Errorf("%d requests, %v a second, in %v; want 400 in 1 s", len(s.answered), s.Rate(), s.elapsed)
	}
	if s.Latency(0) != 10*ms || s.Latency(1) != 10*ms {
		t.Errorf("latencies from %v to %v, want 10 ms", s.Latency(0), s.Latency(1))
	}
	r := s.Result()
	if r.BytesPerAnswer != 10 || r.Stages["compute"] != 5 || r.Outcomes["200"] != 400 || r.Refusals != nil || r.Unsent != 0 {
		t.Errorf("result %+v", r)
	}
	if err := s.Clean(); err != nil {
		t.Error(err)
	}
}

// TestClosedLoopWaits: what is under way at the end is waited for, and its time counts.
func TestClosedLoopWaits(t *testing.T) {
	s := mustRun(t, after(700*ms), Load{Clients: 2, Time: time.Second})
	if len(s.answered) != 4 || s.elapsed != 1400*ms {
		t.Errorf("%d requests in %v, want 4 in 1.4 s", len(s.answered), s.elapsed)
	}
	if s := mustRun(t, after(ms), Load{Clients: 3}); len(s.answered) != 3 {
		t.Errorf("in no time at all, 3 clients sent %d requests, want one each", len(s.answered))
	}
}

func TestOpenLoop(t *testing.T) {
	for _, clients := range []int{1, 3, 50} {
		s := mustRun(t, after(5*ms), Load{Clients: clients, Rate: 100, Time: time.Second})
		if len(s.answered) != 100 || s.unsent != 0 || s.elapsed != 995*ms {
			t.Errorf("%d clients: %d requests and %d not sent in %v, want 100 and 0 in 995 ms", clients, len(s.answered), s.unsent, s.elapsed)
		}
		if s.Latency(0) != 5*ms || s.Latency(1) != 5*ms {
			t.Errorf("%d clients: latencies from %v to %v, want 5 ms", clients, s.Latency(0), s.Latency(1))
		}
	}
}

// TestCoordinatedOmission: a server stalls once for 500 ms. The requests that were due meanwhile
// count the stall, each as much of it as it saw.
func TestCoordinatedOmission(t *testing.T) {
	stall := answer(func(_ context.Context, n int) (Reply, error) {
		if n == 0 {
			time.Sleep(499 * ms)
		}
		time.Sleep(ms)
		return Reply{Status: 200, Answers: 1}, nil
	})
	s := mustRun(t, stall, Load{Clients: 1, Rate: 100, Time: time.Second})
	// Request n was due at 10n ms. The stall ends at 500 ms, from when on there is one request each
	// millisecond until none is late: request n ends at 500+n ms, up to n = 55, due at 550 ms.
	want := make([]time.Duration, 100)
	for n := range want {
		want[n] = max(time.Duration(500+n-10*n)*ms, ms)
	}
	slices.Sort(want)
	s.Latency(1) // sorts
	if !slices.Equal(s.answered, want) {
		t.Errorf("latencies %v, want %v", s.answered, want)
	}
	if p90 := s.Latency(.9); p90 != 410*ms {
		t.Errorf("p90 is %v, want 410 ms: a closed loop's would be 1 ms", p90)
	}
}

// TestUnsent: what no client was free for is counted, not forgotten.
func TestUnsent(t *testing.T) {
	s := mustRun(t, after(10*time.Second), Load{Clients: 2, Rate: 10, Time: time.Second})
	if len(s.answered) != 2 || s.unsent != 8 {
		t.Errorf("%d answered and %d not sent, want 2 and 8", len(s.answered), s.unsent)
	}
}

func TestOutcomes(t *testing.T) {
	mixed := answer(func(_ context.Context, n int) (Reply, error) {
		switch n % 10 {
		case 0, 1:
			time.Sleep(2 * ms)
			return Reply{Status: 429, Message: "full"}, nil
		case 2:
			time.Sleep(3 * ms)
			return Reply{Status: 503}, nil
		case 3:
			return Reply{Status: 500, Message: "broken"}, nil
		case 4:
			return Reply{}, errors.New("reset")
		case 5:
			time.Sleep(20 * ms)
			return Reply{Status: 200, Answers: 3, Failed: 1, Bytes: 30}, nil
		}
		time.Sleep(10 * ms)
		return Reply{Status: 200, Answers: 4, Bytes: 40}, nil
	})
	s := mustRun(t, mixed, Load{Clients: 10, Rate: 1000, Time: time.Second})
	want := map[string]int{"429": 200, "503": 100, "500": 100, "no reply": 100, "200": 500}
	if r := s.Result(); !maps.Equal(r.Outcomes, want) || r.FailedInputs != 100 || r.Answers != 1900 || r.BytesPerAnswer != 10 {
		t.Errorf("result %+v, want outcomes %v, 100 failed inputs of 2000", r, want)
	}
	if s.Refusal(.5) != 2*ms || s.Refusal(1) != 3*ms {
		t.Errorf("refusals after %v and %v, want 2 and 3 ms", s.Refusal(.5), s.Refusal(1))
	}
	if s.Latency(0) != 10*ms || s.Latency(1) != 20*ms {
		t.Errorf("answers after %v to %v, want 10 to 20 ms", s.Latency(0), s.Latency(1))
	}
	if err := s.Clean(); err == nil || !strings.Contains(err.Error(), "500 requests failed") {
		t.Errorf("Clean: %v", err)
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct {
		reply Reply
		want  string
	}{
		{Reply{Status: 200, Answers: 1}, ""},
		{Reply{Status: 200, Answers: 1, Failed: 2, Message: "no picture"}, "inputs have no vector; one of them: no picture"},
		{Reply{Status: 413, Message: "too large"}, "requests failed; one of them: too large"},
		{Reply{Status: 200}, ErrNothing.Error()},
	} {
		s := mustRun(t, answer(func(context.Context, int) (Reply, error) { return test.reply, nil }), Load{Clients: 1, Rate: 1, Time: 3 * time.Second})
		if err := s.Clean(); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.reply, err, test.want)
		}
	}
}

// TestCancel: an interrupted load ends at once and counts nothing as failed.
func TestCancel(t *testing.T) {
	for _, rate := range []float64{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			hangs := answer(func(ctx context.Context, n int) (Reply, error) {
				if n < 2 {
					return Reply{Status: 200, Answers: 1}, nil
				}
				<-ctx.Done()
				return Reply{}, ctx.Err()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			began := time.Now()
			s, err := Run(ctx, hangs, Load{Source: texts(t), Clients: 4, Rate: rate, Time: time.Hour})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
				t.Errorf("rate %v: %v after %v", rate, err, time.Since(began))
			}
			if len(s.answered) != 2 || len(s.outcomes) != 1 {
				t.Errorf("rate %v: %v, want two answers and no failure", rate, s.outcomes)
			}
		})
	}
}

func TestStop(t *testing.T) {
	for _, rate := range []float64{0, 10} {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			time.AfterFunc(time.Second+ms, func() { close(stop) })
			s, err := Run(t.Context(), after(100*ms), Load{Source: texts(t), Clients: 1, Rate: rate, Time: time.Hour, Stop: stop})
			if err != nil || len(s.answered) != 11 { // at 0, 100, ... 1000 ms
				t.Errorf("rate %v: %d requests, %v; want 11", rate, len(s.answered), err)
			}
		})
	}
}

func TestClosesTarget(t *testing.T) {
	target := &closing{answer: after(ms)}
	mustRun(t, target, Load{Clients: 2})
	if target.closed.Load() != 1 {
		t.Errorf("closed %d times", target.closed.Load())
	}
}

type closing struct {
	answer
	closed atomic.Int64
}

func (c *closing) Close() { c.closed.Add(1) }

func TestCheck(t *testing.T) {
	for _, l := range []Load{
		{Clients: 0, Time: time.Second},
		{Clients: 1 << 20, Time: time.Second},
		{Clients: 1, Rate: -1, Time: time.Second},
		{Clients: 1, Rate: 1e9, Time: time.Second},
		{Clients: 1, Time: -1},
		{Clients: 1, Rate: .1, Time: time.Second},
	} {
		if _, err := Run(t.Context(), after(0), l); err == nil {
			t.Errorf("%+v was run", l)
		}
	}
}

// TestPool: two runs one after another have the rate of both, whatever was between them.
func TestPool(t *testing.T) {
	a := mustRun(t, after(10*ms), Load{Clients: 1, Time: time.Second})
	b := mustRun(t, after(30*ms), Load{Clients: 1, Time: 3 * time.Second})
	all := Pool(a, b)
	if all.Rate() != 50 || all.answers != 200 || all.elapsed != 4*time.Second {
		t.Errorf("%d answers, %v a second in %v; want 200, 50, 4 s", all.answers, all.Rate(), all.elapsed)
	}
	if all.Latency(.5) != 10*ms || all.Latency(.51) != 30*ms || all.Result().Stages["compute"] != 10 {
		t.Errorf("p50 %v, stages %v", all.Latency(.5), all.Result().Stages)
	}
}

// TestQuantile has nearest ranks by hand.
func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, test := range []struct {
		values []time.Duration
		share  float64
		want   time.Duration
	}{
		{nil, .5, 0},
		{[]time.Duration{7}, .99, 7},
		{[]time.Duration{3, 1, 2}, .5, 2},
		{[]time.Duration{4, 3, 1, 2}, .5, 2},
		{hundred, .5, 50},
		{hundred, .9, 90},
		{hundred, .99, 99},
		{hundred, .991, 100},
		{hundred, 1, 100},
		{hundred, 0, 1},
	} {
		if got := quantile(slices.Clone(test.values), test.share); got != test.want {
			t.Errorf("%v of %d values is %d, want %d", test.share, len(test.values), got, test.want)
		}
	}
}
