package api

import (
	"sync/atomic"
	"time"

	"vbge/engine"
)

// waits keeps, by lane, how long inputs have waited of late: what a refused request is told to wait
// is how long those took that found room.
type waits [2]atomic.Int64

// observe counts one input's wait as an eighth of the mean.
func (w *waits) observe(lane engine.Lane, d time.Duration) {
	// A value lost between Load and Store is one of many.
	mean := w[lane].Load()
	w[lane].Store(mean + (int64(d)-mean)/8)
}

// retryAfter is within a second and half a minute, in whole seconds.
func (w *waits) retryAfter(lane engine.Lane) time.Duration {
	seconds := (time.Duration(w[lane].Load()) + time.Second - 1).Truncate(time.Second)
	return min(max(seconds, time.Second), 30*time.Second)
}
