// Package patchcache keeps what the vision tower made of pictures, by the content of their files, so
// that a picture whose instruction changes costs the text tower alone.
package patchcache

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Key identifies a picture file's bytes.
type Key [sha256.Size]byte

// KeyOf returns the key of a file.
func KeyOf(file []byte) Key { return sha256.Sum256(file) }

// Cache holds patch tokens, the most recently used ones. Everything else that they depend on (the
// model, its storage type, how pictures are decoded) is the owner's and must not change. Its methods may
// be called from several goroutines.
type Cache struct {
	mu      sync.Mutex
	most    int64
	entries map[Key]*list.Element // of *entry
	recent  list.List             // front is the last used
	stats   Stats
}

type entry struct {
	key     Key
	patches []float32
}

// Stats counts what the cache holds, and what has been asked of it since New.
type Stats struct {
	Bytes        int64
	Entries      int
	Hits, Misses int64
}

// New returns an empty cache of at most so many bytes.
func New(bytes int64) *Cache { return &Cache{most: bytes, entries: map[Key]*list.Element{}} }

// Get returns a picture's patch tokens, or nil. They are shared: the caller must not change them.
func (c *Cache) Get(key Key) []float32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		c.stats.Misses++
		return nil
	}
	c.stats.Hits++
	c.recent.MoveToFront(e)
	return e.Value.(*entry).patches
}

// Add keeps a picture's patch tokens, which must not change from now on, at the cost of those that have
// not been used for longest. What is larger than the whole cache is not kept.
func (c *Cache) Add(key Key, patches []float32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[key]; ok || cost(patches) > c.most {
		return
	}
	for c.stats.Bytes+cost(patches) > c.most {
		c.drop(c.recent.Back())
	}
	c.entries[key] = c.recent.PushFront(&entry{key, patches})
	c.stats.Bytes += cost(patches)
	c.stats.Entries++
}

func (c *Cache) drop(e *list.Element) {
	old := c.recent.Remove(e).(*entry)
	delete(c.entries, old.key)
	c.stats.Bytes -= cost(old.patches)
	c.stats.Entries--
}

// overhead is what an entry takes beside its values: the key twice, a list's element, a place in a map.
const overhead = 256

func cost(patches []float32) int64 { return overhead + 4*int64(len(patches)) }

// Stats returns a snapshot.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
