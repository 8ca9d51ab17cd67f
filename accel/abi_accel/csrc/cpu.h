/* The instruction sets that are compiled in, worst first. */
#ifndef ABI_CPU_H
#define ABI_CPU_H

#include "abi.h"

/* Those that this machine can run: bit i is the i-th of its architecture's list. */
unsigned abi_cpu_sets(void);

#endif
