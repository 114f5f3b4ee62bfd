// Package roofline predicts how long a plan takes on a GPU from the figures that its maker states. What it
// returns is a prediction, not a measurement: docs/gpu.md says what it assumes.
package roofline

import "time"

// GPU is what a maker states of a device.
type GPU struct {
	Key    string   // as --gpu takes it
	Name   string   // for people
	Driver []string // what the driver calls it
	Source string   // of the figures
	// MatrixTFLOPs is the peak of the tensor cores in bfloat16 and float16 without sparsity, with
	// float32 sums.
	MatrixTFLOPs float64
	BandwidthGBs float64 // of the memory
	CacheBytes   int64   // level 2
	// CacheGBs is what the level 2 cache is taken to deliver, or 0 where nothing is stated.
	CacheGBs float64
	// AttentionShare is the part of MatrixTFLOPs that attention is taken to reach.
	AttentionShare float64
}

// What a prediction assumes beside the stated figures.
const (
	// ProductShare is the part of the matrix peak that cuBLASLt's products reach at large shapes.
	ProductShare = 0.85
	// LaunchTime is from the end of one kernel of a graph to the beginning of the next.
	LaunchTime = time.Microsecond
	// cacheShare of a read bandwidth of 5120 bytes a clock, which NVIDIA's A100 whitepaper states, is
	// taken to be reached by reads and writes. For Hopper nothing is stated: the same is assumed.
	cacheShare = 0.6
	bytesClock = 5120
)

// GPUs returns the devices that --gpu takes.
func GPUs() []GPU {
	const (
		ampere = 0.35 // FlashAttention-2's paper: 50 to 73 % on an A100, for long sequences
		hopper = 0.25 // FlashAttention-3's paper: 35 % for mma.sync on an H100, for long sequences
	)
	return []GPU{
		{Key: "h100", Name: "H100 SXM 80GB", Driver: []string{"NVIDIA H100 80GB HBM3"},
			Source:       "NVIDIA H100 data sheet: 1979 TFLOP/s with sparsity, 3.35 TB/s, 50 MB",
			MatrixTFLOPs: 989.4, BandwidthGBs: 3350, CacheBytes: 50e6, CacheGBs: cacheShare * bytesClock * 1.755, AttentionShare: hopper},
		{Key: "h200", Name: "H200 SXM 141GB", Driver: []string{"NVIDIA H200"},
			Source:       "NVIDIA H200 data sheet: 1979 TFLOP/s with sparsity, 4.8 TB/s; cache as the H100's",
			MatrixTFLOPs: 989.4, BandwidthGBs: 4800, CacheBytes: 50e6, CacheGBs: cacheShare * bytesClock * 1.755, AttentionShare: hopper},
		{Key: "a100", Name: "A100 SXM 80GB", Driver: []string{"NVIDIA A100-SXM4-80GB"},
			Source:       "NVIDIA A100 data sheet: 312 TFLOP/s, 2039 GB/s, 40 MB",
			MatrixTFLOPs: 312, BandwidthGBs: 2039, CacheBytes: 40e6, CacheGBs: cacheShare * bytesClock * 1.41, AttentionShare: ampere},
		{Key: "l4", Name: "L4 24GB", Driver: []string{"NVIDIA L4"},
			Source:       "NVIDIA L4 data sheet: 242 TFLOP/s with sparsity, 300 GB/s, 48 MB",
			MatrixTFLOPs: 121, BandwidthGBs: 300, CacheBytes: 48e6, AttentionShare: ampere},
	}
}

// Find returns the device that --gpu calls key.
func Find(key string) (GPU, bool) {
	for _, g := range GPUs() {
		if g.Key == key {
			return g, true
		}
	}
	return GPU{}, false
}

// Named returns the device that the driver calls name: there are H100s and A100s of other figures.
func Named(name string) (GPU, bool) {
	for _, g := range GPUs() {
		for _, n := range g.Driver {
			if n == name {
				return g, true
			}
		}
	}
	return GPU{}, false
}

// Limit returns the least time that moving so many bytes and computing so much on tensor cores takes,
// whichever is longer.
func (g GPU) Limit(bytes, flops int64) time.Duration {
	return seconds(max(float64(bytes)/(g.BandwidthGBs*1e9), float64(flops)/(g.MatrixTFLOPs*1e12)))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
