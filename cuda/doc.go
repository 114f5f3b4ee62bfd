// Package cuda is the one boundary to NVIDIA's driver: devices, memory, streams, events, graphs, modules and launches.
// It stands on gorgonia.org/cu, plus lacking.go for the calls that cu does not have, and needs the build tag cuda; the
// storage types alone are there without it.
//
// The driver is opened at run time (cuda/driver), so a program that links this package starts where there is none:
// FindDriver says what was found. A context belongs to the operating system's threads on which it is current: whoever calls Open
// or MakeCurrent has locked its goroutine to a thread, and uses everything that comes from the device there alone.
package cuda
