package gpu

import "vbge/engine/op"

// assembly is a result whose rows are rows of one table or of some tensors, plus rows of up to two
// tables, normed or not: Embedding, AddRows, Prepend, Gather, and what can be made of several of them.
type assembly struct {
	table   table // or none
	sources []op.Tensor
	// from says which row each row of the result is: of the table, then of the sources as if they
	// stood below one another. nil stands for each row of the only source in order.
	from []int32
	add  [2]lookup
	norm *op.LayerNorm
	ids  bool // from holds token ids
}

// lookup adds row at[i] of a table to row i; a negative at[i] adds nothing, and nil stands for zeros.
type lookup struct {
	table table
	at    []int32
}

// none reports whether there is no lookup. Tables without values have no address, and nothing that
// has rows and columns reads one.
func (l lookup) none() bool { return l.table.at == 0 }

func embedding(o op.Embedding) *assembly {
	return &assembly{
		table: tableOf(o.Word),
		from:  o.IDs,
		add:   [2]lookup{{tableOf(o.TokenType), nil}, {tableOf(o.Position), o.Positions}},
		ids:   true,
	}
}

func prepend(o op.Prepend) *assembly {
	a := &assembly{table: tableOf(o.Row), sources: []op.Tensor{o.X}, from: make([]int32, 0, o.X.Rows+o.Sequences.Len())}
	for i := range o.Sequences.Len() {
		a.from = append(a.from, 0)
		for r := o.Sequences[i]; r < o.Sequences[i+1]; r++ {
			a.from = append(a.from, 1+r)
		}
	}
	return a
}

// merge returns the assembly that gathers rows of parts, one for each tensor of o, or nil if they use
// more tables than an assembly has.
func merge(o op.Gather, parts []*assembly) *assembly {
	m := &assembly{from: make([]int32, len(o.At))}
	slots := make([][2]int, len(parts)) // of each part's lookups in m
	for i, p := range parts {
		if !m.take(p, &slots[i]) {
			return nil
		}
		if i == 0 {
			m.norm = p.norm
		} else if !sameNorm(m.norm, p.norm) {
			return nil
		}
	}
	for slot := range m.add {
		if !m.add[slot].none() {
			m.add[slot].at = make([]int32, len(o.At))
		}
	}
	below := make([]int32, len(parts)+1) // rows of the tensors above each
	base := make([]int32, len(parts)+1)  // rows of m's table and sources above each part's
	base[0] = int32(m.table.rows)
	for i, p := range parts {
		below[i+1] = below[i] + int32(o.From[i].Rows)
		base[i+1] = base[i]
		for _, s := range p.sources {
			base[i+1] += int32(s.Rows)
		}
	}
	for i, at := range o.At {
		k := 0
		for at >= below[k+1] {
			k++
		}
		m.row(i, parts[k], at-below[k], base[k], slots[k])
	}
	return m
}

// take adds p's tables and sources to m's and notes where its lookups went.
func (m *assembly) take(p *assembly, slots *[2]int) bool {
	if p.table.at != 0 {
		if m.table.at != 0 && m.table != p.table {
			return false
		}
		m.table = p.table
	}
	m.sources = append(m.sources, p.sources...)
	m.ids = m.ids || p.ids
	used := [2]bool{}
	for i, l := range p.add {
		slots[i] = -1
		if l.none() {
			continue
		}
		for s := range m.add {
			if !used[s] && m.add[s].table == l.table {
				slots[i] = s
			}
		}
		for s := range m.add {
			if slots[i] < 0 && m.add[s].none() {
				slots[i] = s
			}
		}
		if slots[i] < 0 {
			return false
		}
		used[slots[i]] = true
		m.add[slots[i]].table = l.table
	}
	return true
}

// row makes row i of m what row r of p is; base is what stands in m above p's sources.
func (m *assembly) row(i int, p *assembly, r, base int32, slots [2]int) {
	from := r
	if p.from != nil {
		from = p.from[r]
	} else {
		from += int32(p.table.rows)
	}
	if rows := int32(p.table.rows); from >= rows {
		from += base - rows
	}
	m.from[i] = from
	for s := range m.add {
		if !m.add[s].none() {
			m.add[s].at[i] = -1
		}
	}
	for k, l := range p.add {
		switch {
		case slots[k] < 0:
		case l.at == nil:
			m.add[slots[k]].at[i] = 0
		default:
			m.add[slots[k]].at[i] = l.at[r]
		}
	}
}

func sameNorm(a, b *op.LayerNorm) bool {
	if a == nil || b == nil {
		return a == b
	}
	return tableOf(a.Gain) == tableOf(b.Gain) && tableOf(a.Bias) == tableOf(b.Bias) && a.Eps == b.Eps
}
