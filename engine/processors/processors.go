// Package processors says how many processors this process may keep busy. Threads that compute wait for each other:
// one more of them than there is processor time for, and the others wait for the thread that has none.
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

// Usable returns on how many threads to compute, at least 1. The default of GOMAXPROCS, documented there, will not do:
// it rounds a quota up and is never below 2, for threads that mostly wait. Threads that compute use up the quota in the
// first part of each period of 100 ms, and all stand still for the rest of it.
func (l Limits) Usable() int {
	n := min(l.Affinity, l.Asked)
	if l.Quota < float64(n) {
		n = int(l.Quota)
	}
	return max(n, 1)
}

// Pin reports whether as many threads should each be bound to one processor, which keeps what they work on in that
// processor's caches. Only who may use all processors, and does, can choose: two servers with eight threads each on a
// machine with 64 processors would choose the same eight.
func (l Limits) Pin(threads int) bool {
	return threads == l.Affinity && l.Usable() == l.Affinity
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
