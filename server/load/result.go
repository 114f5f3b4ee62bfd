package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result is a sample in figures. Times are in milliseconds.
type Result struct {
	Seconds        float64        `json:"seconds"`    // from the first request to the last reply, of all rounds
	PerSecond      float64        `json:"per_second"` // vectors, or answers to searches
	Requests       float64        `json:"requests_per_second"`
	Answers        int            `json:"answers"`
	Latency        Quantiles      `json:"latency"` // of requests answered with status 200
	Refusals       *Quantiles     `json:"refusals,omitempty"`
	Outcomes       map[string]int `json:"outcomes"` // requests by status, or "no reply"
	FailedInputs   int            `json:"failed_inputs"`
	Unsent         int            `json:"unsent"` // that were due, and no client was free
	BytesPerAnswer float64        `json:"bytes_per_answer"`
	Stages         Stages         `json:"stages"`
	Server         *ServerResult  `json:"server,omitempty"`
	NoServer       string         `json:"no_server,omitempty"` // why it is not there
	Example        string         `json:"example_of_error,omitempty"`
}

// Quantiles are latencies in milliseconds that requests had: exact, of the nearest rank.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// ServerResult is what the server's own metrics say of the same time.
type ServerResult struct {
	CPUPerAnswer    float64 `json:"cpu_per_answer"` // milliseconds of processor time
	Passes          float64 `json:"passes"`
	InputsPerPass   float64 `json:"inputs_per_pass"`
	TokensPerPass   float64 `json:"tokens_per_pass"`
	PicturesPerPass float64 `json:"pictures_per_pass"`
	PassTime        float64 `json:"pass_time"` // milliseconds, mean
	CacheHits       float64 `json:"cache_hits"`
}

// Result returns s in figures.
func (s *Sample) Result() Result {
	r := Result{
		Seconds:      s.elapsed.Seconds(),
		PerSecond:    s.Rate(),
		Requests:     s.RequestRate(),
		Answers:      s.answers,
		Latency:      quantiles(s.answered),
		Outcomes:     maps.Clone(s.outcomes),
		FailedInputs: s.failed,
		Unsent:       s.unsent,
		Stages:       s.means(),
		Example:      s.example,
	}
	if len(s.refused) > 0 {
		q := quantiles(s.refused)
		r.Refusals = &q
	}
	if s.answers > 0 {
		r.BytesPerAnswer = float64(s.bytes) / float64(s.answers)
	}
	switch {
	case s.silent != nil:
		r.NoServer = s.silent.Error()
	case s.answers > 0:
		r.Server = s.usage.result(s.answers)
	}
	return r
}

// Stages are the mean times of a request's stages, as Server-Timing has them, in milliseconds.
type Stages map[string]float64

func (s *Sample) means() Stages {
	means := Stages{}
	for name, t := range s.stages {
		means[name] = milliseconds(t) / float64(len(s.answered))
	}
	return means
}

// stageOrder is how a request goes through the server.
var stageOrder = []string{"parse", "wait", "prepare", "compute", "search", "panorama", "rerank", "encode"}

// String has the known stages in their order, and then all others.
func (s Stages) String() string {
	var parts []string
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(s)), func(name string) bool { return slices.Contains(stageOrder, name) })
	for _, name := range slices.Concat(stageOrder, others) {
		if ms, ok := s[name]; ok {
			parts = append(parts, fmt.Sprintf("%s %.3f", name, ms))
		}
	}
	return strings.Join(parts, ", ") + " ms"
}

func quantiles(latencies []time.Duration) Quantiles {
	at := func(share float64) float64 { return milliseconds(quantile(latencies, share)) }
	return Quantiles{P50: at(.5), P90: at(.9), P99: at(.99), Max: at(1)}
}

func (u usage) result(answers int) *ServerResult {
	return &ServerResult{
		CPUPerAnswer:    1e3 * u[cpuSeconds] / float64(answers),
		Passes:          u[passes],
		InputsPerPass:   u.perPass(passInputs),
		TokensPerPass:   u.perPass(passTokens),
		PicturesPerPass: u.perPass(passPictures),
		PassTime:        u.passMilliseconds(),
		CacheHits:       u[cacheHits],
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
