//go:build cuda && cgo

package gpu

import (
	"testing"

	"vbge/cuda"
)

func TestProfile(t *testing.T) {
	b := open(t, Options{Type: cuda.BFloat16})
	p := record(t, b, 1, layer)
	plan, err := NewPlan(p.pass, cuda.BFloat16)
	if err != nil {
		t.Fatal(err)
	}
	for _, flush := range []bool{false, true} {
		times, err := b.Profile(t.Context(), p.pass, flush)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Segments) != 1 || len(times) != len(plan.Segments[0].Steps) {
			t.Fatalf("times of %d steps, the plan has %d segments", len(times), len(plan.Segments))
		}
		for i, s := range times {
			if want := NameOf(plan.Segments[0].Steps[i]); NameOf(s.Step) != want || s.Time < 0 {
				t.Errorf("step %d: %s took %v, want a time of %s", i, NameOf(s.Step), s.Time, want)
			}
		}
	}
	if err := b.Run(t.Context(), p.pass); err != nil {
		t.Errorf("a run afterwards: %v", err)
	}
}
