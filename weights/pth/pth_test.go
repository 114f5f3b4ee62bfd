package pth

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

const golden = "../../engine/testdata/reference/golden/checkpoints/"

func TestGolden(t *testing.T) {
	f := func(name string, tensors int) {
		t.Helper()
		c, err := openBytes(readFile(t, golden+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(context.Background(), c.Tensors()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(c.Tensors()) != tensors || len(c.Others()) != 0 {
			t.Errorf("%s: %d tensors and others %v, want %d", name, len(c.Tensors()), c.Others(), tensors)
		}
	}
	f("micro.pth", 59)
	f("micro_bf16.pth", 59)
	f("micro_views.pth", 59)
	f("micro_wrapped.pth", 60) // with position_ids
	f("tiny.pth", 98)
	f("micro_legacy.pth", 59)
}

func TestStrides(t *testing.T) {
	f := func(want string, offset int, shape, stride string) {
		t.Helper()
		c, err := openBytes(checkpoint(t, state(str("a"), window(storageID("ByteStorage", "0", 12), offset, shape, stride)), "0123456789ab"))
		if err != nil {
			t.Fatal(err)
		}
		if got := copied(t, c, c.Tensors()[0]); got != want {
			t.Errorf("offset %d, shape %q, stride %q: %q, want %q", offset, shape, stride, got, want)
		}
	}
	f("0123456789ab", 0, nums(3, 4), nums(4, 1))
	f("3456", 3, nums(4), nums(1))
	f("04815926a37b", 0, nums(4, 3), nums(1, 4)) // transposed
	f("13579b", 1, nums(6), nums(2))
	f("5", 5, nums(), nums())
	f("5", 5, nums(1, 1), nums(99, 7)) // strides of sides of one do not matter
	f("", 12, nums(0, 4), nums(4, 1))
	f("", 99, nums(4, 0), nums(4, 1))
	f("345345", 3, nums(2, 3), nums(0, 1)) // expanded
	f("234345", 2, nums(2, 3), nums(1, 1)) // overlapping
	f("06172839", 0, nums(4, 2), nums(1, 6))
}

// TestStridesRandom holds permuted tensors against index arithmetic, across gather's buffer size.
func TestStridesRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		d := [3]int{1 + r.IntN(60), 1 + r.IntN(60), 1 + r.IntN(60)}
		data := make([]byte, d[0]*d[1]*d[2])
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		strides := [3]int{d[1] * d[2], d[2], 1}
		p := r.Perm(3)
		var want []byte
		for i := range d[p[0]] {
			for j := range d[p[1]] {
				for k := range d[p[2]] {
					want = append(want, data[i*strides[p[0]]+j*strides[p[1]]+k*strides[p[2]]])
				}
			}
		}
		shape, stride := nums(d[p[0]], d[p[1]], d[p[2]]), nums(strides[p[0]], strides[p[1]], strides[p[2]])
		c, err := openBytes(checkpoint(t, state(str("a"), window(storageID("ByteStorage", "0", len(data)), 0, shape, stride)), string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if got := copied(t, c, c.Tensors()[0]); got != string(want) {
			t.Fatalf("sides %v in order %v: wrong elements", d, p)
		}
	}
}

func TestWrappers(t *testing.T) {
	value := window(storageID("ByteStorage", "0", 1), 0, nums(1), nums(1))
	inner := func(keysAndValues ...string) string { return "}(" + strings.Join(keysAndValues, "") + "u" }
	f := func(pickle string, want ...string) {
		t.Helper()
		c, err := openBytes(checkpoint(t, pickle, "x"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, x := range c.Tensors() {
			names = append(names, x.Name)
		}
		if strings.Join(append(names, c.Others()...), " ") != strings.Join(want, " ") {
			t.Errorf("names %v and %v, want %v", names, c.Others(), want)
		}
	}
	f(state(str("a"), value, str("epoch"), num(3)), "a", "epoch")
	f(state(str("state_dict"), inner(str("module.a"), value)), "module.a") // a name, not a wrapper
	f(state(str("model"), inner(str("a"), value), str("epoch"), num(3)), "a")
	f(state(str("state_dict"), inner(str("module"), inner(str("a"), value))), "a")
	f(state(str("model"), value), "model") // a tensor of that name is no wrapper
}

func TestRefusedContainers(t *testing.T) {
	value := window(storageID("ByteStorage", "0", 1), 0, nums(1), nums(1))
	good := state(str("a"), value)
	pickle := entry{name: "a/data.pkl", content: good}
	data := entry{name: "a/data/0", content: "x"}
	whole := container(t, pickle, data)
	f := func(why string, content []byte) {
		t.Helper()
		if _, err := openBytes(content); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("error %v, want one about %q", err, why)
		}
	}
	if _, err := openBytes(whole); err != nil {
		t.Fatal(err)
	}
	f("not a zip", nil)
	f("not a zip", []byte("<!DOCTYPE html>"))
	f("Git LFS", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"))
	f("legacy", []byte("\x80\x02\x8a\x0a\x6c\xfc"))
	f("first versions of torch.save", []byte(strings.Repeat("\x00", 257)+"ustar"+strings.Repeat("\x00", 250)))
	f("truncated", whole[:len(whole)-30])
	f("without data.pkl", container(t, data))
	f("data/0 is missing", container(t, pickle))
	f("compressed", container(t, pickle, entry{"a/data/0", "x", zip.Deflate}))
	f("stands twice", container(t, pickle, data, data))
	f("big", container(t, pickle, data, entry{name: "a/byteorder", content: "big"}))
	f("has 2 bytes", container(t, pickle, entry{name: "a/data/0", content: "xy"}))
	f("more than", container(t, entry{name: "a/data.pkl", content: good + strings.Repeat(" ", maxPickle)}, data))

	damaged := bytes.Clone(whole)
	damaged[bytes.Index(damaged, []byte(good))+len(good)-3] ^= 1
	f("CRC-32", damaged)

	// The central directory of the second entry points at the first one's data.
	directory := bytes.LastIndex(whole, []byte("PK\x01\x02"))
	overlapping := bytes.Clone(whole)
	copy(overlapping[directory+42:], "\x00\x00\x00\x00")
	f("overlap", overlapping)
	beyond := bytes.Clone(whole)
	copy(beyond[directory+20:], "\xff\xff\xff\x7f\xff\xff\xff\x7f")
	f("data/0, which the zip's list puts at byte 204: 2147483647 bytes", beyond)
}

func TestDamagedStorage(t *testing.T) {
	content := readFile(t, golden+"micro.pth")
	content[len(content)/2] ^= 1
	c, err := openBytes(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(context.Background(), c.Tensors()); err == nil || !strings.Contains(err.Error(), "entry data/") {
		t.Errorf("a flipped bit: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	c, err := openBytes(readFile(t, golden+"micro_views.pth"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Verify(ctx, c.Tensors()); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: %v", err)
	}
	for _, x := range c.Tensors() {
		if err := c.CopyTo(ctx, new(bytes.Buffer), x); !errors.Is(err, context.Canceled) {
			t.Errorf("CopyTo %s: %v", x.Name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	small := state(str("a"), window(storageID("HalfStorage", "0", 4), 0, nums(2, 2), nums(1, 2)))
	f.Add(checkpoint(f, small, "12345678"))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	for _, name := range []string{"zip_protocol2.pth", "zip_protocol5.pth"} {
		f.Add(readFile(f, "testdata/forms/"+name))
	}
	f.Fuzz(func(t *testing.T, content []byte) { checkParsed(t, content) })
}

func BenchmarkOpen(b *testing.B) {
	content := readFile(b, golden+"tiny.pth")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := openBytes(content); err != nil {
			b.Fatal(err)
		}
	}
}
