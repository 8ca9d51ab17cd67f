/* The instruction sets that are compiled in, worst first. */
#ifndef ABI_CPU_H
#define ABI_CPU_H

#include "abi.h"

/* How far up the list of its architecture this machine goes. */
int abi_cpu_level(void);

#endif
