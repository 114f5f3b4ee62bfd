package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vbge/engine/op"
)

// vector is a table without a backend: a plan never looks inside.
func vector(cols int) op.Table { return op.Table{Rows: 1, Cols: cols} }

// randomPass records up to 60 operations, each on tensors or columns of tensors recorded before.
func randomPass(r *rand.Rand, rows int) *op.Pass {
	const cols = columnBlock
	var p op.Pass
	table := op.Table{Rows: rows, Cols: cols}
	at := make([]int32, rows)
	made := []op.Tensor{p.Embedding(op.Embedding{Word: table, TokenType: vector(cols), Position: table, IDs: at, Positions: at})}
	pick := func() op.Tensor { return made[max(0, len(made)-1-r.IntN(6))] }
	linear := op.Linear{Out: cols, In: cols}
	for range 1 + r.IntN(60) {
		x := pick()
		var y op.Tensor
		switch r.IntN(10) {
		case 0:
			y = p.Linear(x, linear)
		case 1:
			y = p.LinearResidual(x, linear, pick())
		case 2:
			y = p.GELU(p.Linear(x, linear))
		case 3:
			y = p.LayerNorm(x, vector(cols), vector(cols), 1e-6)
		case 4:
			y = p.AddRows(x, table, at)
		case 5:
			y = p.Normalise(x)
		case 6:
			y = p.Gather(at, x, pick())
		case 7:
			y = p.Given(op.Given{Values: make([]float32, rows*cols), Cols: cols})
		case 8:
			s := op.Equal(2, rows/2)
			qkv := p.Linear(x, op.Linear{Out: 3 * cols, In: cols})
			y = p.Attention(op.Attention{Q: qkv.Columns(0, cols), K: qkv.Columns(cols, 2*cols), V: qkv.Columns(2*cols, 3*cols),
				Heads: 2, Queries: s, Keys: s})
		case 9:
			y = p.SwiGLU(p.Linear(x, op.Linear{Out: 2 * cols, In: cols}))
		}
		made = append(made, y)
	}
	for range r.IntN(3) {
		p.Output(pick(), make([]float32, rows*cols))
	}
	return &p
}

// unit is the bytes that memory tells apart: every row begins at one.
const unit = 16

// owner is who wrote a unit last.
type owner struct{ id, row int }

// memory is what a plan's tensors do to the arena and to the scratch of each tile.
type memory struct {
	t     *testing.T
	p     *op.Pass
	pl    *plan
	arena []owner
	local [][]owner // by tile
	name  string
}

// row returns the units of a tensor's row, tile rows long where it is local.
func (m *memory) row(id, row, tile, rows int) []owner {
	place := m.pl.places[id]
	bytes := place.bytes(place.stride)
	if place.local {
		at := place.at + (row-tile*rows)*bytes
		return m.local[tile][at/unit : (at+bytes)/unit]
	}
	at := place.at + row*bytes
	return m.arena[at/unit : (at+bytes)/unit]
}

func (m *memory) read(x op.Tensor, row, tile, rows int, reader any) {
	m.t.Helper()
	for _, got := range m.row(x.ID, row, tile, rows) {
		if got != (owner{x.ID, row}) {
			m.t.Fatalf("%s: %T reads row %d of tensor %d, but row %d of %d stands there", m.name, reader, row, x.ID, got.row, got.id)
		}
	}
}

func (m *memory) write(id, row, tile, rows int) {
	for i, units := 0, m.row(id, row, tile, rows); i < len(units); i++ {
		units[i] = owner{id, row}
	}
}

// step does step s on a tile of a chain.
func (m *memory) step(s step, st stage, tile int) {
	m.t.Helper()
	for row := tile * st.tile; row < min(st.rows, (tile+1)*st.tile); row++ {
		for _, x := range s.Inputs() {
			m.read(x, row, tile, st.tile, s.Operation)
		}
		m.write(s.out.ID, row, tile, st.tile)
		if l, ok := s.Operation.(op.LinearLayer); ok { // other columns are still to be multiplied
			m.read(l.X, row, tile, st.tile, s.Operation)
		}
	}
}

// whole does an operation that is no chain: all is read, also when all is written.
func (m *memory) whole(s step) {
	m.t.Helper()
	read := func() {
		m.t.Helper()
		for _, x := range s.Inputs() {
			for row := range x.Rows {
				m.read(x, row, 0, x.Rows, s.Operation)
			}
		}
	}
	read()
	for row := range s.out.Rows {
		m.write(s.out.ID, row, 0, s.out.Rows)
	}
	read()
}

// TestPlanKeepsWhatIsNeeded walks random passes and records who last wrote each piece of memory: every operation must
// find its operands as they were written, in whatever order threads compute the tiles of a chain.
func TestPlanKeepsWhatIsNeeded(t *testing.T) {
	chains := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 0))
		p := randomPass(r, []int{6, 50, 110}[r.IntN(3)])
		if err := p.Err(); err != nil {
			t.Fatal(err)
		}
		pl := newPlan(p, machine{threads: 1 + r.IntN(3), reduced: r.IntN(2) == 0})
		m := &memory{t: t, p: p, pl: pl, arena: make([]owner, pl.size/unit)}
		for i, st := range pl.stages {
			tiles := (st.rows + st.tile - 1) / st.tile
			m.local = make([][]owner, tiles)
			for tile := range m.local {
				m.local[tile] = make([]owner, pl.scratch/unit)
			}
			order := r.Perm(tiles)
			switch {
			case !rowWise(st.steps[0].Operation):
				m.whole(st.steps[0])
			case seed%2 == 0: // one thread is slow
				for _, tile := range order {
					for _, s := range st.steps {
						m.step(s, st, tile)
					}
				}
			default: // all are equally fast
				for _, s := range st.steps {
					for _, tile := range order {
						m.step(s, st, tile)
					}
				}
			}
			if len(st.steps) > 1 {
				chains++
			}
			_ = i
		}
		for _, o := range p.Outputs {
			for row := range o.Tensor.Rows {
				m.read(o.Tensor, row, 0, o.Tensor.Rows, "the caller")
			}
		}
	}
	t.Logf("%d chains", chains)
	if chains == 0 {
		t.Error("no pass had a chain")
	}
}

// layers records a text tower's layers.
func layers(p *op.Pass, rows, cols, n int) {
	table := op.Table{Rows: rows, Cols: cols}
	at := make([]int32, rows)
	x := p.Embedding(op.Embedding{Word: table, TokenType: vector(cols), Position: table, IDs: at, Positions: at})
	s := op.Equal(1, rows)
	for range n {
		qkv := p.Linear(x, op.Linear{Out: 3 * cols, In: cols})
		y := p.Attention(op.Attention{Q: qkv.Columns(0, cols), K: qkv.Columns(cols, 2*cols), V: qkv.Columns(2*cols, 3*cols),
			Heads: 2, Queries: s, Keys: s})
		x = p.LayerNorm(p.LinearResidual(y, op.Linear{Out: cols, In: cols}, x), vector(cols), vector(cols), 1e-6)
		y = p.GELU(p.Linear(x, op.Linear{Out: 4 * cols, In: cols}))
		x = p.LayerNorm(p.LinearResidual(y, op.Linear{Out: cols, In: 4 * cols}, x), vector(cols), vector(cols), 1e-6)
	}
	p.Output(x, make([]float32, rows*cols))
}

// TestPlanIsSmall: twenty layers need the arena of one, and what a layer widens to is in no arena at all.
func TestPlanIsSmall(t *testing.T) {
	var p op.Pass
	const rows, cols = 512, 128
	layers(&p, rows, cols, 20)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	pl := newPlan(&p, machine{threads: 2})
	spare := spareRows * cols * 4
	x, qkv, y := rows*cols*4+spare, 3*(rows*cols*4+spare), rows*cols*4+spare
	if want := x + qkv + y; pl.size > want {
		t.Errorf("an arena of %d bytes, want %d at most", pl.size, want)
	}
}

// TestPlanChains: a layer of a tower is two stages where there are rows enough for every thread.
func TestPlanChains(t *testing.T) {
	for _, test := range []struct {
		rows, threads int
		stages        []int // steps of each of the first
		tile          int
	}{
		{rows: 198, threads: 2, stages: []int{2, 1, 6, 1}, tile: 99},
		{rows: 1584, threads: 2, stages: []int{2, 1, 6, 1}, tile: 99},
		{rows: 16, threads: 2, stages: []int{1, 1, 1, 1, 1, 1, 1, 1}, tile: 16},
		{rows: 16, threads: 1, stages: []int{1, 1, 1, 1, 1, 1, 1, 1}, tile: 16},
	} {
		var p op.Pass
		layers(&p, test.rows, 128, 3)
		pl := newPlan(&p, machine{threads: test.threads})
		var got []int
		for _, s := range pl.stages {
			got = append(got, len(s.steps))
		}
		if got = got[:len(test.stages)]; !slices.Equal(got, test.stages) {
			t.Errorf("%d rows on %d threads: stages of %v steps, want %v", test.rows, test.threads, got, test.stages)
		}
		if pl.stages[0].tile != test.tile {
			t.Errorf("%d rows on %d threads: tiles of %d rows, want %d", test.rows, test.threads, pl.stages[0].tile, test.tile)
		}
	}
}
