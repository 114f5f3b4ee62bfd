package weights

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestForget: what is forgotten leaves memory and is read again, as it was, when it is used again.
func TestForget(t *testing.T) {
	f, _ := converted(t, checkpoints+"tiny.pth", reference+"tiny_vocab.txt", nil)
	words, err := f.Float32("bge_embeddings.word_embeddings.weight", 480, 128)
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(words) // reads it all
	size := 4 * len(words)
	read := mappedBytes(t, f)
	f.Forget(words)
	left := mappedBytes(t, f)
	if read < size || read-left < size-2*os.Getpagesize() {
		t.Errorf("of the file %d bytes are in memory, %d without a tensor of %d", read, left, size)
	}
	if !slices.Equal(words, before) {
		t.Error("the tensor has changed")
	}
	f.Forget(nil)
	f.Forget(before) // no part of the file
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f.Forget(before)
}

// mappedBytes returns how much of the folder's mapped weights is in this process's memory.
func mappedBytes(t *testing.T, f *Folder) int {
	t.Helper()
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mapping := fmt.Sprintf("%x-", uintptr(unsafe.Pointer(&f.content[0])))
	lines := bufio.NewScanner(file)
	for within := false; lines.Scan(); {
		within = within || strings.HasPrefix(lines.Text(), mapping)
		kilobytes := 0
		if n, _ := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kilobytes); n == 1 && within {
			return 1024 * kilobytes
		}
	}
	t.Fatalf("no mapping %s in /proc/self/smaps: %v", mapping, lines.Err())
	return 0
}
