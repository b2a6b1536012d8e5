// What is done with memory that is free.
#ifndef SLUICE_HOST_BASE_MEMORY_H_
#define SLUICE_HOST_BASE_MEMORY_H_

namespace sluice::base {

// At the start of the program, before any thread: few pools for all threads, so that what one frees another one uses.
void ShareMemory();

// After something large: what is free goes back to the system. Takes some milliseconds.
void ReturnFreeMemory();

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_MEMORY_H_
