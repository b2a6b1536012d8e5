#include "host/base/memory.h"

#include <malloc.h>

namespace sluice::base {

void ShareMemory() { mallopt(M_ARENA_MAX, 2); }

void ReturnFreeMemory() { malloc_trim(0); }

}  // namespace sluice::base
