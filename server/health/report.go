package health

import (
	"fmt"
	"time"
)

// Report is the outcome of all checks.
type Report struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"` // after one that failed at once the slow ones are left out
}

// Check is one check's last answer.
type Check struct {
	Name  string  `json:"name"` // accepting, device, self_test, catalog
	OK    bool    `json:"ok"`
	Error string  `json:"error,omitempty"` // why not
	Age   float64 `json:"age_seconds"`     // of the answer; of the question, where there is no answer
	err   error
}

func (r *Report) add(name string, a answer) {
	c := Check{Name: name, OK: a.err == nil, Age: time.Since(a.at).Round(time.Millisecond).Seconds(), err: a.err}
	if a.err != nil {
		c.Error = a.err.Error()
	}
	r.Checks = append(r.Checks, c)
}

// Err returns nil if every check is OK, or else an error that names and wraps each one that failed.
func (r Report) Err() error {
	var all error
	for _, c := range r.Checks {
		switch {
		case c.err == nil:
		case all == nil:
			all = fmt.Errorf("%s: %w", c.Name, c.err)
		default:
			all = fmt.Errorf("%w; %s: %w", all, c.Name, c.err)
		}
	}
	return all
}
