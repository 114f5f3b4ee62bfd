// Package processors says how many processors this process may keep busy. With more threads that compute together, those
// that have a processor wait for those that have none.
package processors

import (
	"fmt"
	"math"
	"os"
	"runtime"
)

// Limits are what bounds the processors that a process may use at once.
type Limits struct {
	Affinity int     // processors that its threads may run on
	Asked    int     // GOMAXPROCS, which a user may have set
	Quota    float64 // of its control groups, in processors' time; +Inf without one
}

// Find returns the limits of this process.
func Find() Limits {
	return Limits{runtime.NumCPU(), runtime.GOMAXPROCS(0), quota(os.DirFS("/"))}
}

// Usable returns on how many threads to compute, at least 1. A part of a processor counts as one: two threads with a
// quota of 1.5 do half as much again as one thread, though they use it up before the period of 100 ms ends, and stand
// still for the rest. Unlike the default of GOMAXPROCS, documented there, this may be 1 where there are more processors.
func (l Limits) Usable() int {
	n := min(l.Affinity, l.Asked)
	if l.Quota < float64(n) {
		n = int(math.Ceil(l.Quota))
	}
	return max(n, 1)
}

// Pin reports whether as many threads should each be bound to one processor, which keeps what they work on in that
// processor's caches. Only who may use all processors, and does, can choose: two servers with eight threads each on a
// machine with 64 processors would choose the same eight.
func (l Limits) Pin(threads int) bool {
	return threads == l.Affinity && l.Asked >= threads && l.Quota >= float64(threads)
}

// String says how many are usable, and what keeps the others from use.
func (l Limits) String() string {
	s := fmt.Sprintf("%d usable", l.Usable())
	if l.Usable() < l.Affinity {
		s += fmt.Sprintf(" of %d", l.Affinity)
	}
	if l.Asked < l.Affinity {
		s += fmt.Sprintf(", GOMAXPROCS is %d", l.Asked)
	}
	if !math.IsInf(l.Quota, 1) {
		s += fmt.Sprintf(", the control group's quota is %.2f", l.Quota)
	}
	return s
}
