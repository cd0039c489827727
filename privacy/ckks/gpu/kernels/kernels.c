// All kernels, for clang and for gcc. See machine.h.
#include "switching.h"
#include "transform.h"
