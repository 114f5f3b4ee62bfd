package gpu

import (
	"fmt"
	"reflect"
	"testing"
	"unsafe"
)

// steps returns one of each step, with every part that it may have.
func steps() []Step {
	return []Step{
		Patches{}, Product{}, GELU{}, LayerNorm{}, LayerNormNormalise{}, SwiGLU{}, SwiGLUNorm{}, Normalise{}, Export{}, Attention{},
		Assemble{Sources: make([]Operand, maxSources), Norm: new(Norm)},
	}
}

// TestEveryFieldIsInTheKey: a graph is replayed for every batch of its key, so whatever a launch takes from its step must
// be in there, and what is of one batch alone must not.
func TestEveryFieldIsInTheKey(t *testing.T) {
	for _, s := range steps() {
		step := reflect.New(reflect.TypeOf(s)).Elem()
		step.Set(reflect.ValueOf(s))
		number := int64(0)
		eachNumber(step, "", false, func(_ string, v reflect.Value, _ bool) {
			number++
			set(v, number) // none is 0, which would stand for an operand that is not there
		})
		whole := key(0, []Step{step.Interface().(Step)})
		eachNumber(step, s.Kind(), false, func(name string, v reflect.Value, ofBatch bool) {
			before := reflect.New(v.Type()).Elem()
			before.Set(v)
			set(v, changed)
			if same := key(0, []Step{step.Interface().(Step)}) == whole; same != ofBatch {
				t.Errorf("%s is in the key: %v, want %v", name, !same, !ofBatch)
			}
			v.Set(before)
		})
	}
	one, none := []Step{Assemble{Norm: new(Norm)}}, []Step{Assemble{}}
	if key(0, one) == key(0, none) {
		t.Error("a norm of zeros and none have one key")
	}
	if key(0, one) == key(1, one) {
		t.Error("two regions have one key")
	}
	if key(0, one) == key(0, append(one, one...)) {
		t.Error("a step and the same step twice have one key")
	}
}

// eachNumber calls f with every number and flag below v. Of a step, what is not exported is of one batch alone.
func eachNumber(v reflect.Value, name string, ofBatch bool, f func(name string, v reflect.Value, ofBatch bool)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field, at := v.Type().Field(i), v.Field(i)
			unexported := v.Type().Implements(reflect.TypeFor[Step]()) && !field.IsExported()
			at = reflect.NewAt(at.Type(), unsafe.Pointer(at.UnsafeAddr())).Elem()
			eachNumber(at, name+"."+field.Name, ofBatch || unexported, f)
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			eachNumber(v.Index(i), fmt.Sprintf("%s[%d]", name, i), ofBatch, f)
		}
	case reflect.Pointer:
		eachNumber(v.Elem(), name, ofBatch, f)
	default:
		f(name, v, ofBatch)
	}
}

// changed is beyond the numbers that a step's fields are given at first.
const changed = 1000

// set sets a number to n, and a flag to whether it is changed.
func set(v reflect.Value, n int64) {
	switch {
	case v.CanInt():
		v.SetInt(n)
	case v.CanUint():
		v.SetUint(uint64(n))
	case v.CanFloat():
		v.SetFloat(float64(n))
	case v.Kind() == reflect.Bool:
		v.SetBool(n == changed)
	default:
		panic(fmt.Sprintf("a step has a field of type %v", v.Type()))
	}
}
