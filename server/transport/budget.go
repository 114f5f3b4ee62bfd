package transport

import "sync/atomic"

// budget counts the bytes of bodies in flight. Nobody waits for room: a client that waits holds what
// it has sent already.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take reports whether there is room for n more bytes, which are counted from then on.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.used.Add(-n)
	return false
}

// add counts n bytes for which there has to be room, as a reply is there already: until they are
// given back there is less for bodies. A negative n gives back.
func (b *budget) add(n int64) { b.used.Add(n) }

// room reports whether n bytes could be taken now.
func (b *budget) room(n int64) bool { return b.used.Load()+n <= b.limit }
