package pth

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// TestMemory opens the files that cost most for their size, and counts all that is allocated
// meanwhile, whether it is still in use or not.
func TestMemory(t *testing.T) {
	const (
		base    = 512 << 10 // whatever the file: archive/zip looks for its end in 66 kB
		perByte = 150       // of the file
		steps   = maxSteps / 4
	)
	f := func(name string, content []byte) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := openBytes(content)
		runtime.ReadMemStats(&after)
		grown := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes, %d allocated: %.1f for each (%v)", name, len(content), grown, float64(grown)/float64(len(content)), err)
		if grown > base+perByte*uint64(len(content)) {
			t.Errorf("%s: %d allocated for %d bytes", name, grown, len(content))
		}
	}
	// many repeats pieces that leave a value on the stack, and puts the values away in lists.
	many := func(before, piece string, each int) []byte {
		batches := steps / (1000*each + 3)
		return checkpoint(t, "\x80\x02"+before+"]"+strings.Repeat("("+strings.Repeat(piece, 1000)+"e", batches)+".", "x")
	}
	f("empty dicts", many("", "}", 1))
	f("dicts of one", many(str("")+"q\x00", "}h\x00h\x00s", 4))
	f("lists of one", many("", "]Na", 3))
	f("tuples of tuples", many("", "NN\x86N\x85\x85", 6))
	f("integers", many("", "K\xff", 1))
	f("strings", many("", str("a"), 1))
	f("big integers", many("", "\x8a\x09123456789", 1))
	f("bytes", many("", "C\x0812345678", 1))
	f("memo", checkpoint(t, "\x80\x04N"+strings.Repeat("\x94", steps)+".", ""))
	f("a list that grows", checkpoint(t, "\x80\x02]"+strings.Repeat("Na", steps/2)+".", ""))
	f("a dict that grows", checkpoint(t, "\x80\x02}"+strings.Repeat("NNs", steps/3)+".", ""))
	f("stack", checkpoint(t, "\x80\x02"+strings.Repeat("N", steps), ""))
	f("laughs", checkpoint(t, laughs+".", ""))
	f("a long string", checkpoint(t, "\x80\x02X\x00\x00\x3f\x00"+strings.Repeat("a", 0x3f0000)+".", ""))
	f("a string that is not there", checkpoint(t, "\x80\x02X\xff\xff\xff\xff", ""))
	f("8-byte lengths", checkpoint(t, "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", ""))
	f("no UTF-8", checkpoint(t, "\x80\x02X\x00\x00\x3f\x00"+strings.Repeat("\xff", 0x3f0000)+".", ""))
	one := global("torch._utils", "_rebuild_tensor_v2") + "q\x00(" + storageID("ByteStorage", "0", 1) + num(0) +
		nums(1, 1, 1, 1, 1, 1, 1, 1) + nums(1, 1, 1, 1, 1, 1, 1, 1) + "N}tq\x01"
	f("tensors", many(one, "h\x00h\x01R", 3))
	f("one storage", many("("+str("storage")+global("torch", "ByteStorage")+str("0")+str("cpu")+num(1)+"tq\x00", "h\x00Q", 2))
	var storages strings.Builder
	for i := range steps / 10 {
		fmt.Fprintf(&storages, "(h\x00h\x01%sh\x00K\x00tQa", str(fmt.Sprint(i)))
	}
	f("storages", checkpoint(t, "\x80\x02"+str("storage")+"q\x00"+global("torch", "ByteStorage")+"q\x01]"+storages.String()+".", ""))
	f("directory", bytes.Join([][]byte{container(t, entry{name: "a/data.pkl", content: "\x80\x02}."})[:88], listing(90000)}, nil))
	f("legacy", []byte(magic+version+system+"\x80\x02}"+strings.Repeat("NNs", steps/3)+"."+keys()))
	var keyed, listed strings.Builder
	first := str("storage") + "q\x00" + global("torch", "ByteStorage") + "q\x01"
	for i := range steps / 14 {
		key := str(fmt.Sprint(i))
		keyed.WriteString("(" + first + key + "h\x00K\x00NtQa")
		listed.WriteString(key + "a")
		first = "h\x00h\x01"
	}
	f("legacy, storages", []byte(magic+version+system+"\x80\x02}"+str("a")+"]"+keyed.String()+"s.\x80\x02]"+listed.String()+"."+
		strings.Repeat(storedData(0, ""), steps/14)))
	f("legacy, a storage that is not there", []byte(magic+version+system+state(str("a"),
		window(legacyID("ByteStorage", "9", 200, "N"), 0, nums(200), nums(1)))+keys("9")+storedData(200, "")))
}

// listing is a zip's list of n entries without a name, all at byte 0.
func listing(n int) []byte {
	var b bytes.Buffer
	for range n {
		b.WriteString("PK\x01\x02" + strings.Repeat("\x00", 42))
	}
	b.WriteString("PK\x05\x06\x00\x00\x00\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(n)))
	b.Write(binary.LittleEndian.AppendUint16(nil, uint16(n)))
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(46*n)))
	b.Write(binary.LittleEndian.AppendUint32(nil, 88))
	b.WriteString("\x00\x00")
	return b.Bytes()
}

// TestSparse opens a file of a terabyte, of which only the ends are there, that claims as many
// entries as would fit: archive/zip alone would make room for them.
func TestSparse(t *testing.T) {
	const size = 1 << 40
	record := binary.LittleEndian.AppendUint64([]byte("PK\x06\x06"), 44)
	record = append(record, make([]byte, 12)...)
	for _, v := range []uint64{1 << 34, 1 << 34, 0, 0} { // entries here, entries, bytes, offset
		record = binary.LittleEndian.AppendUint64(record, v)
	}
	locator := binary.LittleEndian.AppendUint64([]byte("PK\x06\x07\x00\x00\x00\x00"), size-uint64(len(record))-20-22)
	locator = append(locator, "\x01\x00\x00\x00"...)
	end := "PK\x05\x06\x00\x00\x00\x00" + strings.Repeat("\xff", 12) + "\x00\x00"
	file := sparse{head: "PK\x03\x04", tail: string(record) + string(locator) + end, size: size}
	if _, err := NewFile(file, size); err == nil || !strings.Contains(err.Error(), "more entries than fit") {
		t.Errorf("error %v", err)
	}
	if _, err := NewFile(sparse{head: magic + version, size: size}, size); err == nil || !strings.Contains(err.Error(), "pickle 3") {
		t.Errorf("error %v", err)
	}
}

// sparse is a file of zeros but for its ends.
type sparse struct {
	head, tail string
	size       int64
}

func (s sparse) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at >= s.size {
		return 0, fmt.Errorf("byte %d: %w", at, io.EOF)
	}
	p = p[:min(int64(len(p)), s.size-at)]
	clear(p)
	if at < int64(len(s.head)) {
		copy(p, s.head[at:])
	}
	if begin := s.size - int64(len(s.tail)); at+int64(len(p)) > begin {
		from := max(0, begin-at)
		copy(p[from:], s.tail[at+from-begin:])
	}
	return len(p), nil
}
