// Package cublaslt computes matrix products on a device with NVIDIA's cuBLASLt, which is opened at run time: a program that links
// this package starts without it. Build tag cuda.
//
// The native half is compiled by CMake against CUDA 13's cublasLt.h, so its calls fit the header; the library has to
// be of the same major version.
package cublaslt
