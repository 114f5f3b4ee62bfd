// Package startup tests that the CUDA build of vbge, as make build-cuda leaves it, starts and works on every kind of
// machine: without a driver, with a driver but no device, with a device (an emulated one).
package startup
