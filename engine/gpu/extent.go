package gpu

import "slices"

// extent is the memory that passes need, in bytes.
type extent struct {
	arena, handoff, given, results int64
	staging                        []int64 // by Segment.Region
	tokens                         int     // of the largest pass
}

func extentOf(p *Plan, tokens int) extent {
	e := extent{arena: p.Arena, handoff: p.Handoff, given: p.Given.Bytes, results: p.Results, tokens: tokens}
	for _, s := range p.Segments {
		for len(e.staging) <= s.Region {
			e.staging = append(e.staging, 0)
		}
		e.staging[s.Region] = max(e.staging[s.Region], s.Input.Bytes)
	}
	return e
}

// and returns what holds both.
func (e extent) and(other extent) extent {
	both := extent{arena: max(e.arena, other.arena), handoff: max(e.handoff, other.handoff),
		given: max(e.given, other.given), results: max(e.results, other.results), tokens: max(e.tokens, other.tokens)}
	long, short := e.staging, other.staging
	if len(long) < len(short) {
		long, short = short, long
	}
	both.staging = slices.Clone(long)
	for i, bytes := range short {
		both.staging[i] = max(long[i], bytes)
	}
	return both
}

// slotCount is how many batches are under way at a time: while one is computed, the next one's
// pixels travel and the last one's results are read.
const slotCount = 2

// memory is e's part of a memory plan.
func (e extent) memory() Memory {
	staging := e.given + e.results
	for _, bytes := range e.staging {
		staging += bytes
	}
	return Memory{Tokens: e.tokens, Activations: e.arena + e.handoff, Staging: slotCount * staging}
}
