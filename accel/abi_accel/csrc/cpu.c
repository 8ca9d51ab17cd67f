/* Which instruction sets this machine has, asked once. */
#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { OS_AVX = 6, OS_AVX512 = 0xe6, OS_AMX = 0x60000 };

static uint64_t states(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Linux keeps the state of the tiles only for a process that asked for it. */
static int tiles_allowed(void) {
#if defined(__linux__)
    return syscall(SYS_arch_prctl, 0x1023, 18) == 0; /* ARCH_REQ_XCOMP_PERM, XTILEDATA */
#else
    return 0;
#endif
}

static int has(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

enum { SCALAR = 1, AVX2 = 2, AVXVNNI = 4, AVX512 = 8, AMX = 16 };

unsigned abi_cpu_sets(void) {
    uint32_t a, b, c, d, c1, a7 = 0, b7, c7, d7;
    unsigned sets = SCALAR;
    if (!__get_cpuid(1, &a, &b, &c1, &d)) return sets;
    if (!has(c1, 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29)) return sets; /* FMA, XSAVE, AVX, F16C */
    uint64_t os = states();
    if ((os & OS_AVX) != OS_AVX || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return sets;
    if (!has(b7, 1u << 5)) return sets; /* AVX2 */
    sets |= AVX2;
    if (a && !__get_cpuid_count(7, 1, &a7, &b, &c, &d)) a7 = 0;
    if (has(a7, 1u << 4)) sets |= AVXVNNI;
    uint32_t f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, vnni = 1u << 11;
    if ((os & OS_AVX512) != OS_AVX512 || !has(b7, f_dq_bw_vl) || !has(c7, vnni)) return sets;
    sets |= AVX512;
    uint32_t bf16_tile_int8 = 1u << 22 | 1u << 24 | 1u << 25, bf16 = 1u << 5;
    if ((os & OS_AMX) != OS_AMX || !has(d7, bf16_tile_int8) || !has(a7, bf16)) return sets;
    return tiles_allowed() ? sets | AMX : sets;
}

#elif defined(__aarch64__)

enum { NEON = 1, DOTPROD = 2, I8MM = 4 };

static unsigned sets_of(int dotprod, int i8mm) {
    if (!dotprod) return NEON;
    return i8mm ? NEON | DOTPROD | I8MM : NEON | DOTPROD;
}

#if defined(__linux__)
#include <sys/auxv.h>
unsigned abi_cpu_sets(void) {
    return sets_of(getauxval(AT_HWCAP) >> 20 & 1, getauxval(AT_HWCAP2) >> 13 & 1);
}
#elif defined(__APPLE__)
#include <sys/sysctl.h>
static int flag(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, 0, 0) == 0 && value;
}
unsigned abi_cpu_sets(void) {
    return sets_of(flag("hw.optional.arm.FEAT_DotProd"), flag("hw.optional.arm.FEAT_I8MM"));
}
#else
unsigned abi_cpu_sets(void) { return NEON; }
#endif

#else
unsigned abi_cpu_sets(void) { return 1; }
#endif
