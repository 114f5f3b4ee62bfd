package engine

import (
	"fmt"
	"slices"
	"strings"

	"vbge/cuda"
	"vbge/engine/cpu"
)

// Precisions are what Options.Precision takes. auto is bfloat16 on a GPU; on a CPU it is the fastest that the
// processor multiplies in by itself and that is exact enough for the model: see New.
var Precisions = []string{"auto", "float32", "bfloat16", "int8", "float16"}

const automatic = "auto"

func (o Options) checkPrecision() error {
	if o.Precision != "" && !slices.Contains(Precisions, o.Precision) {
		return fmt.Errorf("%w: --precision %s: choose one of %s", ErrOptions, o.Precision, strings.Join(Precisions, ", "))
	}
	return nil
}

// onGPU returns the type that a GPU stores weights and activations in.
func (o Options) onGPU() (cuda.Type, error) {
	if o.Precision == "" || o.Precision == automatic {
		return cuda.BFloat16, nil
	}
	for _, t := range []cuda.Type{cuda.Float32, cuda.BFloat16, cuda.Float16} {
		if o.Precision == PrecisionOf(t) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%w: a GPU computes in float32, bfloat16 or float16, not in %s", ErrDevice, o.Precision)
}

// PrecisionOf returns what --precision calls a storage type.
func PrecisionOf(t cuda.Type) string {
	return map[cuda.Type]string{cuda.Float32: "float32", cuda.BFloat16: "bfloat16", cuda.Float16: "float16"}[t]
}

// fasterOnCPU are the precisions that a processor may be faster in than in float32, the fastest first.
var fasterOnCPU = []cpu.Precision{cpu.Int8, cpu.BFloat16}

// onCPU returns what products are multiplied in. auto is the fastest there is: what a model makes of it is for New to
// judge.
func (o Options) onCPU() (cpu.Precision, error) {
	switch p := cpu.Precision(o.Precision); p {
	case "", cpu.Float32:
		return cpu.Float32, nil
	case automatic:
		for _, p := range fasterOnCPU {
			if cpu.Supports(p) == nil {
				return p, nil
			}
		}
		return cpu.Float32, nil
	case cpu.BFloat16, cpu.Int8:
		if err := cpu.Supports(p); err != nil {
			return "", fmt.Errorf("%w: --precision %s: %w", ErrDevice, p, err)
		}
		return p, nil
	}
	return "", fmt.Errorf("%w: a CPU computes in float32, bfloat16 or int8, not in %s", ErrDevice, o.Precision)
}

// onRef refuses what plain Go does not compute in.
func (o Options) onRef() error {
	if p := o.Precision; p != "" && p != automatic && p != string(cpu.Float32) {
		return fmt.Errorf("%w: device ref computes in float32 alone, not in %s", ErrDevice, p)
	}
	return nil
}

// DevicePrecision returns the precision that OpenDevice computes in.
func (o Options) DevicePrecision() (string, error) {
	targets, err := o.targets()
	if err != nil {
		return "", err
	}
	return o.on(targets[0].kind)
}

// on returns the name of the precision that a device of a kind computes in.
func (o Options) on(kind string) (string, error) {
	if err := o.checkPrecision(); err != nil {
		return "", err
	}
	switch kind {
	case "cuda":
		t, err := o.onGPU()
		return PrecisionOf(t), err
	case "cpu":
		p, err := o.onCPU()
		return string(p), err
	}
	return string(cpu.Float32), o.onRef()
}
