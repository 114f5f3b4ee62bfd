package gpu

import "time"

// StepTime is how long one step of a pass took on its own.
type StepTime struct {
	Step Step
	Time time.Duration
}
