package pth

import (
	"bytes"
	"strings"
	"testing"
)

func TestLegacy(t *testing.T) {
	f := func(want, stream string) {
		t.Helper()
		c, err := openBytes([]byte(stream))
		if err != nil {
			t.Error(err)
			return
		}
		if got := copied(t, c, c.Tensors()[0]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	of := func(id string, offset, count int) string {
		return magic + version + system + state(str("a"), window(id, offset, nums(count), nums(1)))
	}
	bytes5 := storedData(5, "01234")
	f("123", of(legacyID("ByteStorage", "9", 5, "N"), 1, 3)+keys("9")+bytes5)
	f("1234", of(legacyID("ShortStorage", "9", 2, "N"), 0, 2)+keys("9")+storedData(2, "1234"))
	f("", of(legacyID("FloatStorage", "9", 0, "N"), 0, 0)+keys("9")+storedData(0, ""))
	view := "(" + str("v") + num(2) + num(3) + "t"
	f("34", of(legacyID("ByteStorage", "9", 5, view), 1, 2)+keys("9")+bytes5)
	// Python 2 wrote strings as such, and its memo began at 1.
	f("01234", strings.ReplaceAll(of(legacyID("ByteStorage", "9", 5, "N"), 0, 5), str("storage"), "U\x07storageq\x01")+keys("9")+bytes5)
	// The magic number in a frame, as protocol 4 has it.
	f("123", strings.Replace(of(legacyID("ByteStorage", "9", 5, "N"), 1, 3), "\x80\x02", "\x80\x04\x95\x0d\x00\x00\x00\x00\x00\x00\x00", 1)+keys("9")+bytes5)
}

func TestRefusedLegacy(t *testing.T) {
	f := func(why, stream string) {
		t.Helper()
		_, err := openBytes([]byte(stream))
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "byte ") {
			t.Errorf("error %v, want one that says where, and %q", err, why)
		}
	}
	id := legacyID("ByteStorage", "9", 5, "N")
	value := window(id, 0, nums(5), nums(1))
	head := magic + version + system
	object, data := state(str("a"), value), storedData(5, "01234")
	f("pickle 1 of the legacy stream, at byte 0: it is an int", strings.Replace(magic, "\x6c", "\x6d", 1))
	f("pickle 1 of the legacy stream, at byte 0: it is a dict", system)
	f("pickle 2 of the legacy stream, at byte 15: it is an int, not the protocol version 1001", magic+"\x80\x02K\x01.")
	f("a tuple, not the protocol version", magic+laughs+".")
	f("pickle 3", magic+version+"\x80\x02cos\nsystem\n.")
	f(`pickle 4 of the legacy stream, at byte 25: byte 30, opcode "c": the file asks for "os.system"`, head+"\x80\x02NNNcos\nsystem\n.")
	f("pickle 4 of the legacy stream, at byte 25: holds an int, not a state_dict", head+"\x80\x02K\x01.")
	f("pickle 5", head+object)
	f("it is a dict, not the list of storages", head+object+system)
	f(`a list with storage "8" (a str), of which pickle 4 says nothing`, head+object+keys("9", "8")+data)
	f("a list with storage \"\" (an int)", head+object+"\x80\x02]K\x09a."+data)
	f(`a list with storage "9" twice`, head+object+keys("9", "9")+data+data)
	f(`a list without storage "9"`, head+object+keys()+data)
	f("its size: 8 bytes needed, 0 left", head+object+keys("9"))
	f("4 elements, pickle 4 says 5", head+object+keys("9")+storedData(4, "0123"))
	f("18446744073709551615 elements", head+object+keys("9")+storedData(1<<64-1, "01234"))
	f("5 bytes, 4 left", head+object+keys("9")+storedData(5, "0123"))
	f("is not what torch.save wrote", head+object+keys("9")+data+"x")

	of := func(id string) string {
		return head + state(str("a"), window(id, 0, nums(1), nums(1))) + keys("9") + data
	}
	part := func(key string, begin, count int) string { return "(" + str(key) + num(begin) + num(count) + "t" }
	f("a persistent id that is no storage", of(storageID("ByteStorage", "9", 5)))
	f("a whole module", of("("+str("module")+str("x")+"NNtQ"))
	f("of 2000000000 elements", of(legacyID("ByteStorage", "9", 2000000000, "N")))
	f("of -5 elements", of(legacyID("ByteStorage", "9", -5, "N")))
	f("a storage with a key of 600 bytes", of(legacyID("ByteStorage", strings.Repeat("9", 600), 5, "N")))
	f("a view that is a tuple of 2", of(legacyID("ByteStorage", "9", 5, nums(0, 5))))
	f("a view that is a dict of 0", of(legacyID("ByteStorage", "9", 5, "}")))
	f("a view outside its 5 elements", of(legacyID("ByteStorage", "9", 5, nums(1, 0, 5))))
	f("a view outside its 5 elements", of(legacyID("ByteStorage", "9", 5, part("v", 3, 3))))
	f("a view outside its 5 elements", of(legacyID("ByteStorage", "9", 5, part("v", -1, 3))))
	f("a view outside its 5 elements", of(legacyID("ByteStorage", "9", 5, part("v", 3, -1))))
	f("reach element 1 of 0", of(legacyID("ByteStorage", "9", 5, part("v", 5, 0))))
	f("is two different parts", head+state(
		str("a"), window(legacyID("ByteStorage", "9", 5, part("v", 0, 2)), 0, nums(1), nums(1)),
		str("b"), window(legacyID("ByteStorage", "9", 5, part("v", 0, 3)), 0, nums(1), nums(1)))+keys("9")+data)
}

// FuzzLegacy gives parse everything that begins like a legacy stream.
func FuzzLegacy(f *testing.F) {
	head := version + system + state(str("a"), window(legacyID("HalfStorage", "9", 4, "N"), 0, nums(2, 2), nums(1, 2)),
		str("b"), window(legacyID("HalfStorage", "9", 4, "("+str("v")+num(1)+num(3)+"t"), 0, nums(3), nums(1)))
	f.Add([]byte(head + keys("9") + storedData(4, "01234567")))
	f.Add([]byte(version + system + "\x80\x02}." + keys()))
	f.Add([]byte(version + system + laughs + "." + keys()))
	for _, name := range []string{"old_views.pth", "forms/legacy_protocol2.pth", "forms/legacy_protocol5.pth"} {
		f.Add(bytes.TrimPrefix(readFile(f, "testdata/"+name), []byte(magic)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		checkParsed(t, append([]byte(magic), content...))
	})
}
