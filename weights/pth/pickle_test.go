package pth

import (
	"bytes"
	"strings"
	"testing"

	"vbge/weights/tensor"
)

func run(pickle string) (any, error) {
	return unpickle(newInput(strings.NewReader(pickle), 0, int64(len(pickle))), newTorchGlobals(1<<20, false))
}

func TestScalars(t *testing.T) {
	f := func(pickle string, want any) {
		t.Helper()
		if got, err := run("\x80\x02" + pickle + "."); err != nil || got != want {
			t.Errorf("%q is %v (%v), want %v", pickle, got, err, want)
		}
	}
	f("N", none{})
	f("\x88", true)
	f("\x89", false)
	f("K\xff", int64(255))
	f("M\x01\x02", int64(513))
	f("J\xff\xff\xff\xff", int64(-1))
	f("\x8a\x00", int64(0))
	f("\x8a\x01\xfe", int64(-2))
	f("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80", int64(-1<<63))
	f("G\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5)
	f(str("ü"), "ü")
	f("\x8c\x02ü", "ü")
	f("\x8d\x02\x00\x00\x00\x00\x00\x00\x00ü", "ü")
	f("U\x02ü", "ü")
	f("T\x02\x00\x00\x00ü", "ü")
	f("C\x01\xff", opaque("bytes"))
	f("B\x01\x00\x00\x00\xff", opaque("bytes"))
	f("\x8e\x01\x00\x00\x00\x00\x00\x00\x00\xff", opaque("bytes"))
	f("\x96\x01\x00\x00\x00\x00\x00\x00\x00\xff", opaque("bytes"))
	f("\x8a\x09123456789", bigInt("123456789"))
	f("\x8f(K\x01\x90", set)
	f("(K\x01\x91", set)
	f("\x95\x03\x00\x00\x00\x00\x00\x00\x00K\x01", int64(1)) // a frame to the end
	f(str("torch")+str("FloatStorage")+"\x93", tensor.F32)
	f(global("_codecs", "encode")+str("x")+"\x85R", opaque("a value of a class"))
	f("K\x01\x94K\x02\x94\x86h\x01", int64(2))
	f("K\x01q\x05K\x02\x86"+"h\x05", int64(1))
	f("K\x07r\x00\x01\x00\x00j\x00\x01\x00\x00", int64(7))
}

func TestCollections(t *testing.T) {
	v, err := run("\x80\x02}(" + str("a") + "K\x01" + str("b") + "](K\x02K\x03eu" + str("c") + "]K\x04as.")
	if err != nil {
		t.Fatal(err)
	}
	d := v.(*dict)
	if a, _ := d.get("a"); a != int64(1) {
		t.Errorf("a is %v", a)
	}
	if b, _ := d.get("b"); len(b.(*list).items) != 2 {
		t.Errorf("b is %v", b)
	}
	if c, _ := d.get("c"); c.(*list).items[0] != int64(4) {
		t.Errorf("c is %v", c)
	}
}

func TestTensor(t *testing.T) {
	v, err := run("\x80\x02" + global("torch._utils", "_rebuild_parameter") + "(" +
		window(storageID("BFloat16Storage", "9", 20), 2, nums(2, 3), nums(1, 6)) + "\x88}tR.")
	if err != nil {
		t.Fatal(err)
	}
	want := tensor.View{DType: tensor.BF16, Shape: []int{2, 3}, Stride: []int{1, 6}, Offset: 2, Storage: "9"}
	if got := v.(*tensor.View); !got.SameData(&want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestHostile runs pickles that do, or pretend, what no weights file does.
func TestHostile(t *testing.T) {
	f := func(why, pickle string) {
		t.Helper()
		if v, err := run("\x80\x02" + pickle); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.80q: %T, error %v; want one about %q", pickle, v, err, why)
		}
	}
	ten := storageID("FloatStorage", "0", 10)
	f(`"posix.system"`, "cposix\nsystem\n("+str("echo pwned")+"tR.")
	f(`"builtins.eval"`, global("builtins", "eval")+"("+str("1")+"tR.")
	f(`"builtins.getattr"`, global("builtins", "getattr")+".")
	f(`"torch.load"`, global("torch", "load")+".")
	f(`"torch._utils._rebuild_tensor"`, global("torch._utils", "_rebuild_tensor")+".")
	f(`"numpy.core.multiarray._reconstruct"`, global("numpy.core.multiarray", "_reconstruct")+".")
	f(`"collections.OrderedDict.__init__"`, global("collections.OrderedDict", "__init__")+".")
	f(`"functools.partial"`, global("functools", "partial")+"("+global("os", "system")+str("x")+"tR.")
	f(`"torch.jit._script.unpackage_script_module"`, global("torch.jit._script", "unpackage_script_module")+".")
	f(`"torch.FloatStorage.__reduce__"`, str("torch")+str("FloatStorage.__reduce__")+"\x93.")
	f(`"__builtin__.eval"`, str("__builtin__")+str("eval")+"\x93.")
	f("a class named by a str and an int", str("torch")+"K\x01\x93.")
	f("a class named by a str and a str", str("torch")+str(strings.Repeat("a", 600))+"\x93.")
	f("not executed", "(iposix\nsystem\n.")                          // INST
	f("not executed", ")o.")                                         // OBJ
	f("not executed", global("collections", "OrderedDict")+")\x81.") // NEWOBJ
	f(`"posix.system"`, str("posix")+str("system")+"\x93.")          // STACK_GLOBAL
	f("not executed", "\x82\x01.")                                   // EXT1
	f("protocol 1", "\x80\x01.")
	f("protocol 6", "\x80\x06.")
	f("OrderedDict with 1", global("collections", "OrderedDict")+"]\x85R.")
	f("a class was called", global("torch", "FloatStorage")+")R.")
	f("a str was called", str("x")+")R.")
	f("called with a list", global("collections", "OrderedDict")+"]R.")
	f("attributes set on a tensor", window(ten, 0, nums(1), nums(1))+"}b.")
	f("attributes set on None", "N}b.")
	f("attributes given as a tuple", "})b.")
	f("attributes given as a class", "}"+global("torch", "Tensor")+"b.")
	f("_rebuild_from_type_v2 of something else", global("torch._tensor", "_rebuild_from_type_v2")+")R.")
	f("_rebuild_from_type_v2 of something else", global("torch._tensor", "_rebuild_from_type_v2")+"q\x00(h\x00"+global("torch", "Tensor")+")}tR.")
	f("_rebuild_from_type_v2 with None", global("torch._tensor", "_rebuild_from_type_v2")+"("+
		global("torch._utils", "_rebuild_tensor_v2")+global("torch", "Tensor")+"N}tR.")
	f("a str was called", global("torch._tensor", "_rebuild_from_type_v2")+"("+str("x")+global("torch", "Tensor")+")}tR.")
	f("negated", strings.TrimSuffix(window(ten, 0, nums(1), nums(1)), "tR")+"}"+str("neg")+"\x88stR.")
	f("with 8 arguments", strings.TrimSuffix(window(ten, 0, nums(1), nums(1)), "tR")+"}}tR.")
	f("a whole module", "("+str("module")+global("torch", "Tensor")+"NNtQ.")
	f("key of 600 bytes", storageID("FloatStorage", strings.Repeat("0", 600), 1)+".")
	f("persistent id", str("0")+"Q.")
	f("persistent id", laughs[2:]+"Q.")
	f("a tuple was called", laughs[2:]+")R.")
	f("a storage's type", "("+str("storage")+laughs[2:]+str("0")+str("cpu")+num(1)+"tQ.")
	f("a tuple, expected a tuple of at most 8", window(ten, 0, "("+strings.Repeat("K\x01", 9)+"t", nums(1))+".")
	f("a tuple at place 0", window(ten, 0, laughs[2:], nums(1, 1, 1))+".")
	f("persistent id", "("+str("module")+"K\x00K\x00K\x00K\x00tQ.")
	f("a storage's type", "("+str("storage")+str("x")+str("0")+str("cpu")+num(1)+"tQ.")
	f("of -1 elements", storageID("FloatStorage", "0", -1)+".")
	f("is once 10 x F32, once 11 x F32", ten+storageID("FloatStorage", "0", 11)+".")
	f("is once 10 x F32, once 10 x F16", ten+storageID("HalfStorage", "0", 10)+".")
	f("without a tensor", global("torch._utils", "_rebuild_parameter")+")R.")
	f("with 0 arguments", global("torch._utils", "_rebuild_tensor_v2")+")R.")
	f("a str for a storage", window(str("0"), 0, nums(1), nums(1))+".")
	f("reach element 12 of 10", window(ten, 11, nums(1), nums(1))+".")
	f("outside its 10", window(ten, -1, nums(0), nums(1))+".")
	f("outside its 10", strings.Replace(window(ten, 7, nums(0), nums(1)), num(7), "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", 1)+".")
	f("outside its 10", window(ten, -1, nums(1), nums(1))+".")
	f("element 11 of 10", window(ten, 1, nums(10), nums(1))+".")
	f("element 19 of 10", window(ten, 0, nums(2, 10), nums(9, 1))+".")
	f("larger than the whole file", window(ten, 0, nums(1000000, 1000000), nums(0, 0))+".")
	f("not an int in range", window(ten, 9, nums(2), nums(-1))+".")
	f("not an int in range", window(ten, 0, nums(-2), nums(1))+".")
	f("too many elements", window(ten, 0, nums(1<<30, 1<<30, 2), nums(1, 1, 1))+".")
	f("too large", window(ten, 0, nums(1<<30), "\x8a\x05\x00\x00\x00\x00\x01\x85")+".")
	f("differ in length", window(ten, 0, nums(1), nums(1, 1))+".")
	f("at most 8", window(ten, 0, nums(1, 1, 1, 1, 1, 1, 1, 1, 1), nums(1, 1, 1, 1, 1, 1, 1, 1, 1))+".")
	f("bytes needed", "X\xff\xff\xff\xffabc")
	f("bytes needed", "J\x00")
	f("no UTF-8", "X\x01\x00\x00\x00\xff.")
	f("memo 3", "h\x03.")
	f("to memoise", "q\x00.")
	f("to memoise", "K\x01(q\x00.")
	f("stack holds 0", ".")
	f("stack holds 0", "K\x01(\x85.")
	f("no mark", "t.")
	f("levels deep", strings.Repeat("(", 65))
	f("stands twice", "}"+str("a")+"K\x01s"+str("a")+"K\x01s.")
	f("no pairs", "}(K\x01u.")
	f("no pairs", "}K\x01a.")
	f("into a list", "]K\x01K\x02s.")
	f("added to an int", "K\x01K\x02a.")
	f("nothing on the stack to fill", "(K\x01e.")
	f("into a list", "](K\x01\x90.")
	f("a dict for a key", "}}K\x01s.")
	f("a list for a key", "}]q\x00h\x00s.")
	f("items added to bytes", "C\x01a(K\x01\x90.")
	f("no mark", "\x91.")
	f("to memoise", "\x94.")
	f("a frame of 4 bytes, 3 left", "\x95\x04\x00\x00\x00\x00\x00\x00\x00K\x01.")
	f("a frame of 18446744073709551615", "\x95\xff\xff\xff\xff\xff\xff\xff\xff.")
	f("18446744073709551615 bytes needed", "\x8e\xff\xff\xff\xff\xff\xff\xff\xff.")
	f("without an end", "cposix\n")
	f("without an end", "c"+strings.Repeat("a", 300))
	f("without a STOP", "K\x01")
	f("values on the stack", strings.Repeat("N", maxStack+1)+".")
	f("opcodes", "N"+strings.Repeat("q\x00", maxSteps)+".")
	f("byte 4", "K\x01?")
}

// TestCyclic makes a dict that holds itself; nothing may follow it forever.
func TestCyclic(t *testing.T) {
	_, err := openBytes(checkpoint(t, "\x80\x02}q\x00"+str("state_dict")+"h\x00s.", "x"))
	if err != nil {
		t.Fatal(err) // it holds no tensor, which is for the caller to refuse
	}
	_, err = openBytes(checkpoint(t, "\x80\x02]q\x00h\x00a.", "x"))
	if err == nil || !strings.Contains(err.Error(), "a list, not a state_dict") {
		t.Errorf("a list that holds itself: %v", err)
	}
}

func FuzzUnpickle(f *testing.F) {
	f.Add([]byte(state(str("a"), window(storageID("FloatStorage", "0", 10), 0, nums(2, 5), nums(5, 1)))))
	f.Add([]byte("\x80\x02}q\x00(" + str("a") + "](K\x01K\x02e" + str("b") + "\x8a\x01\xffuN\x88\x86."))
	f.Add([]byte("\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00\x8c\x05torch\x94\x8c\x0cFloatStorage\x94\x93\x8f(K\x01\x90\x86."))
	f.Add([]byte(laughs + "."))
	f.Fuzz(func(t *testing.T, pickle []byte) {
		run := func(content []byte) (any, int64, error) {
			in := newInput(bytes.NewReader(content), 0, int64(len(content)))
			v, err := unpickle(in, onlyTorch{newTorchGlobals(1<<20, len(pickle)%2 == 0), t})
			return v, in.at, err
		}
		v, n, err := run(pickle)
		if err != nil {
			return
		}
		if v == nil || n < 1 || n > int64(len(pickle)) {
			t.Fatalf("%s from %d of %d bytes", kind(v), n, len(pickle))
		}
		again, m, err := run(append(bytes.Clone(pickle), "junk"...))
		if err != nil || m != n || kind(again) != kind(v) {
			t.Fatalf("%s from %d bytes, with others behind them %s from %d (%v)", kind(v), n, kind(again), m, err)
		}
	})
}

// onlyTorch fails a test as soon as a pickle gets something of another module than these.
type onlyTorch struct {
	torchGlobals
	t *testing.T
}

func (g onlyTorch) global(module, name string) (any, error) {
	v, err := g.torchGlobals.global(module, name)
	switch module {
	case "torch", "torch._utils", "torch._tensor", "torch.storage", "torch.nn.parameter", "collections":
	case "_codecs", "builtins", "__builtin__":
		if err == nil && v != plainValue {
			g.t.Errorf("%s.%s is %s", module, name, kind(v))
		}
	default:
		if err == nil {
			g.t.Errorf("%s.%s was let in", module, name)
		}
	}
	return v, err
}
