package load

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Sample is what a run, or several, have measured. Every latency is kept, so that quantiles are exact.
type Sample struct {
	answered []time.Duration // latencies of replies of status 200
	refused  []time.Duration // of 429 and 503
	outcomes map[string]int  // replies by status; NoReply
	example  string          // what an error said
	answers  int
	failed   int
	unsent   int
	bytes    int64 // of replies of status 200
	stages   map[string]time.Duration
	first    time.Time     // when a client's first request was due
	last     time.Time     // when its last reply was there
	elapsed  time.Duration // of runs, from first to last
	usage    usage         // of the server meanwhile
	silent   error         // why that is not known
}

// NoReply is the outcome of a request whose connection failed or timed out.
const NoReply = "no reply"

func newSample() *Sample {
	return &Sample{outcomes: map[string]int{}, stages: map[string]time.Duration{}}
}

// add counts a request.
func (s *Sample) add(r Reply, err error, due, now time.Time) {
	if s.first.IsZero() {
		s.first = due
	}
	s.last = now
	if err != nil {
		s.outcomes[NoReply]++
		s.example = err.Error()
		return
	}
	s.outcomes[strconv.Itoa(r.Status)]++
	s.example = cmp.Or(r.Message, s.example)
	switch r.Status {
	case 200:
		s.answered = append(s.answered, now.Sub(due))
		s.answers += r.Answers
		s.failed += r.Failed
		s.bytes += int64(r.Bytes)
		for _, stage := range r.Stages {
			s.stages[stage.Name] += stage.Time
		}
	case 429, 503:
		s.refused = append(s.refused, now.Sub(due))
	}
}

// together is a run of clients.
func together(clients []*Sample) *Sample {
	s := Pool(clients...)
	for _, c := range clients {
		if c.first.IsZero() {
			continue
		}
		if s.first.IsZero() || c.first.Before(s.first) {
			s.first = c.first
		}
		if c.last.After(s.last) {
			s.last = c.last
		}
	}
	s.elapsed = s.last.Sub(s.first)
	return s
}

// Pool puts runs one after another, as if there were no time between them.
func Pool(samples ...*Sample) *Sample {
	all := newSample()
	for _, s := range samples {
		all.answered = append(all.answered, s.answered...)
		all.refused = append(all.refused, s.refused...)
		for outcome, n := range s.outcomes {
			all.outcomes[outcome] += n
		}
		for name, t := range s.stages {
			all.stages[name] += t
		}
		all.answers += s.answers
		all.failed += s.failed
		all.unsent += s.unsent
		all.bytes += s.bytes
		all.elapsed += s.elapsed
		all.usage = all.usage.plus(1, s.usage)
		all.silent = cmp.Or(all.silent, s.silent)
		all.example = cmp.Or(s.example, all.example)
	}
	return all
}

// Rate is answers a second, from the first request to the last reply.
func (s *Sample) Rate() float64 {
	if s.answers == 0 {
		return 0
	}
	return float64(s.answers) / s.elapsed.Seconds()
}

// RequestRate is requests answered with status 200 a second.
func (s *Sample) RequestRate() float64 {
	if len(s.answered) == 0 {
		return 0
	}
	return float64(len(s.answered)) / s.elapsed.Seconds()
}

// Latency is the time of which that share of the requests answered with status 200 took no more;
// 0 if there are none.
func (s *Sample) Latency(share float64) time.Duration { return quantile(s.answered, share) }

// Refusal is the same of those answered with 429 and 503.
func (s *Sample) Refusal(share float64) time.Duration { return quantile(s.refused, share) }

// ErrNothing means that no request was answered.
var ErrNothing = errors.New("no request was answered")

// Clean is nil if every request was answered, and every input has its vector.
func (s *Sample) Clean() error {
	failed := -s.outcomes["200"]
	for _, n := range s.outcomes {
		failed += n
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d requests failed; one of them: %s", failed, s.example)
	case s.failed > 0:
		return fmt.Errorf("%d inputs have no vector; one of them: %s", s.failed, s.example)
	case s.answers == 0:
		return ErrNothing
	}
	return nil
}

// quantile is the nearest rank: a latency that some request had.
func quantile(latencies []time.Duration, share float64) time.Duration {
	if len(latencies) == 0 {
		return 0
	}
	slices.Sort(latencies)
	rank := int(math.Ceil(share*float64(len(latencies)))) - 1
	return latencies[min(max(rank, 0), len(latencies)-1)]
}
