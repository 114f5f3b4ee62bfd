// libcuda.a: the CUDA driver's functions, in the shape of cuda.h, without linking the driver.
//
// The driver is opened when one of them is first called: $VBGE_CUDA_DRIVER, or libcuda.so.1. A
// program linked with libcuda.a therefore starts where no driver is installed.
//
// cuInit always succeeds and opens nothing, because gorgonia.org/cu calls it when a program starts
// and ends the program if it fails. The driver's own cuInit is called when the driver is opened;
// vbge_cuda_driver_status tells what came of it. Where it failed, cuDeviceGetCount gives 0. Where
// there is no driver, every other function answers CUDA_ERROR_NO_DEVICE. A function that the driver
// lacks answers CUDA_ERROR_NOT_FOUND and is named on stderr.
#ifndef VBGE_CUDA_DRIVER_H
#define VBGE_CUDA_DRIVER_H

#ifdef __cplusplus
extern "C" {
#endif

enum { VBGE_CUDA_NO_DRIVER = -1 };

// vbge_cuda_driver_status opens the driver, if that is not yet done, and returns what its cuInit
// returned, a CUresult, or VBGE_CUDA_NO_DRIVER. *path is the file that was opened or looked for,
// *reason what went wrong, "" for nothing; both stay valid. Any thread may call it.
int vbge_cuda_driver_status(const char **path, const char **reason);

#ifdef __cplusplus
}
#endif

#endif
