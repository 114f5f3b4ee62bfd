package tokenizer

import (
	"maps"
	"slices"
)

// trie is a double array (Aoe 1989): the child of node s for byte c is node s.base+c, if that node's parent is s.
type trie []node

type node struct {
	base   int32
	parent int32
	id     int32 // the token that ends here, or none
}

const (
	root int32 = 0
	none int32 = -1
)

// free marks a node not in use.
var free = node{parent: -2, id: none}

// newTrie stores each key's bytes with its id.
func newTrie(ids map[string]int32) trie {
	b := trieBuilder{keys: slices.Sorted(maps.Keys(ids)), ids: ids}
	b.grow(1)
	b.nodes[root].parent = none
	// Breadth first, so that the wide nodes near the root are placed while the array is still empty.
	b.queue = append(b.queue, span{root, 0, len(b.keys), 0})
	for i := 0; i < len(b.queue); i++ {
		b.expand(b.queue[i])
	}
	b.grow(len(b.nodes) + 256) // so that base+c is always in range
	return b.nodes
}

// span is a node and the sorted keys under it: keys[from:to], which share depth bytes.
type span struct {
	node            int32
	from, to, depth int
}

type trieBuilder struct {
	keys  []string
	ids   map[string]int32
	nodes trie
	queue []span // in the order of placing
	// tried is the place up to which nothing was found for so many children. Starting there each time keeps building
	// linear; the gaps that wide nodes leave are filled by the many nodes with one child.
	tried [257]int
}

func (b *trieBuilder) grow(size int) {
	for len(b.nodes) < size {
		b.nodes = append(b.nodes, free)
	}
}

// expand places the children of a span's node and queues their spans.
func (b *trieBuilder) expand(s span) {
	if s.from < s.to && len(b.keys[s.from]) == s.depth {
		b.nodes[s.node].id = b.ids[b.keys[s.from]]
		s.from++
	}
	first := len(b.queue)
	var bytes [256]byte
	for i := s.from; i < s.to; {
		c, from := b.keys[i][s.depth], i
		for i < s.to && b.keys[i][s.depth] == c {
			i++
		}
		bytes[len(b.queue)-first] = c
		b.queue = append(b.queue, span{from: from, to: i, depth: s.depth + 1})
	}
	children := b.queue[first:]
	if len(children) == 0 {
		return
	}
	base := int32(b.place(bytes[:len(children)]))
	b.nodes[s.node].base = base
	for i := range children {
		children[i].node = base + int32(bytes[i])
		b.nodes[children[i].node].parent = s.node
	}
}

// place finds a base at which the nodes of all these bytes (ascending) are free.
func (b *trieBuilder) place(bytes []byte) int {
	lowest, highest := int(bytes[0]), int(bytes[len(bytes)-1])
	for at := max(b.tried[len(bytes)], lowest); ; at++ {
		base := at - lowest
		b.grow(base + highest + 1)
		if !slices.ContainsFunc(bytes, func(c byte) bool { return b.nodes[base+int(c)] != free }) {
			b.tried[len(bytes)] = at
			return base
		}
	}
}

// child returns the node after byte c, or none.
func (t trie) child(s int32, c byte) int32 {
	if next := t[s].base + int32(c); t[next].parent == s {
		return next
	}
	return none
}

// walk returns the node after all bytes of path, or none.
func (t trie) walk(s int32, path string) int32 {
	for i := 0; i < len(path) && s != none; i++ {
		s = t.child(s, path[i])
	}
	return s
}

// longest returns the id and length of the longest token that starts word, walking from node s, which may be none;
// length 0 says that no token does. Upper-case ASCII counts as lower-case.
func longest[Word string | []byte](t trie, s int32, word Word) (id int32, length int) {
	if s == none {
		return none, 0
	}
	base := t[s].base
	for i := 0; i < len(word); i++ {
		next := base + int32(lower[word[i]])
		n := t[next]
		if n.parent != s {
			break
		}
		if n.id != none {
			id, length = n.id, i+1
		}
		s, base = next, n.base
	}
	return id, length
}
