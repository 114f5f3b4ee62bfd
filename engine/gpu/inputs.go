package gpu

import (
	"encoding/binary"
	"math"
	"unsafe"

	"vbge/cuda"
	"vbge/cuda/kernels"
	"vbge/engine/arena"
	"vbge/engine/op"
)

// itemBytes is what every list in Staging begins at a multiple of.
const itemBytes = 256

// Input is what a segment's steps find in Staging: one block, which one copy sends. Lists have room
// for the bucket, so that they stand at the same places for every batch of it.
type Input struct {
	// Bytes is the block's size, by buckets: the same for the same key.
	Bytes int64
	items []item
	sent  int64
}

// item is one list of the block.
type item struct {
	offset int64
	fill   func(to []byte)
}

// Fill writes the batch's data into block, of at least Bytes bytes, and returns how many bytes from its
// beginning have to be sent. What the pass borrows is read here and not later.
func (in *Input) Fill(block []byte) int64 {
	for _, i := range in.items {
		i.fill(block[i.offset:])
	}
	return in.sent
}

// inputBuilder lays out one block of a space, a segment's or what the pass is given. Pixels come last: a batch sends no more of them than it
// has, and nothing is behind them.
type inputBuilder struct {
	space  Space
	input  Input
	known  map[list]Place
	pixels []pixels
}

// list tells lists apart by where the caller has them: a model hands the same one to every layer.
type list struct {
	values    *int32
	len, room int
	tiles     bool
}

type pixels struct {
	step   int // of the segment
	room   int
	values []uint8
}

func newInputBuilder(s Space) *inputBuilder {
	return &inputBuilder{space: s, known: map[list]Place{}}
}

func (b *inputBuilder) add(bytes int, fill func(to []byte)) Place {
	at := Place{b.space, b.input.Bytes}
	b.input.items = append(b.input.items, item{at.Offset, fill})
	b.input.Bytes += int64(arena.RoundUp(bytes, itemBytes))
	b.input.sent = b.input.Bytes
	return at
}

// rows adds a row number for each row of a launch, -1 for those that the batch has not.
func (b *inputBuilder) rows(values []int32, room int) Place {
	return b.ints(values, room, -1)
}

func (b *inputBuilder) ints(values []int32, room int, rest int32) Place {
	return b.add(4*room, func(to []byte) {
		for i, v := range values {
			binary.LittleEndian.PutUint32(to[4*i:], uint32(v))
		}
		for i := len(values); i < room; i++ {
			binary.LittleEndian.PutUint32(to[4*i:], uint32(rest))
		}
	})
}

// sequences adds cumulative lengths of up to room sequences; those that the batch has not are empty.
func (b *inputBuilder) sequences(s op.Sequences, room int) Place {
	key := list{unsafe.SliceData(s), len(s), room, false}
	if at, ok := b.known[key]; ok {
		return at
	}
	b.known[key] = b.ints(s, room+1, s[len(s)-1])
	return b.known[key]
}

// tiles adds the work of an attention with these queries.
func (b *inputBuilder) tiles(queries op.Sequences, room int) Place {
	key := list{unsafe.SliceData(queries), len(queries), room, true}
	if at, ok := b.known[key]; ok {
		return at
	}
	b.known[key] = b.add(4*(1+2*room), func(to []byte) {
		for i, v := range kernels.Tiles(queries, room) {
			binary.LittleEndian.PutUint32(to[4*i:], uint32(v))
		}
	})
	return b.known[key]
}

// levels adds what samples mean.
func (b *inputBuilder) levels(l *[3][256]float32) Place {
	return b.add(4*3*256, func(to []byte) {
		for c := range l {
			for i, v := range l[c] {
				binary.LittleEndian.PutUint32(to[4*(256*c+i):], math.Float32bits(v))
			}
		}
	})
}

// matrix adds rows of values, stored as y. Of the last one a batch sends no more than it has.
func (b *inputBuilder) matrix(values []float32, y Operand) Place {
	bytes := y.Stride * y.Type.Bytes()
	at := b.add(y.Rows*bytes, func(to []byte) {
		for r := range len(values) / y.Cols {
			cuda.Convert(y.Type, to[r*bytes:], values[r*y.Cols:(r+1)*y.Cols])
		}
	})
	b.input.sent = at.Offset + int64(len(values)/y.Cols*bytes)
	return at
}

// finish gives the pixels their places, which it tells place, and returns the input.
func (b *inputBuilder) finish(place func(step int, at Place)) Input {
	for _, p := range b.pixels {
		at := b.add(p.room, func(to []byte) { copy(to, p.values) })
		b.input.sent = at.Offset + int64(len(p.values))
		place(p.step, at)
	}
	return b.input
}
