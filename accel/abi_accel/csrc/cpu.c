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

int abi_cpu_level(void) {
    uint32_t a, b, c, d, c1, b7, c7, d7;
    if (!__get_cpuid(1, &a, &b, &c1, &d)) return 0;
    if (!has(c1, 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29)) return 0; /* FMA, XSAVE, AVX, F16C */
    uint64_t os = states();
    if ((os & OS_AVX) != OS_AVX || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return 0;
    if (!has(b7, 1u << 5)) return 0; /* AVX2 */
    uint32_t f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    if ((os & OS_AVX512) != OS_AVX512 || !has(b7, f_dq_bw_vl)) return 1;
    if (!has(c7, 1u << 11)) return 1; /* VNNI */
    uint32_t bf16_tile_int8 = 1u << 22 | 1u << 24 | 1u << 25;
    if ((os & OS_AMX) != OS_AMX || !has(d7, bf16_tile_int8)) return 2;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !has(a, 1u << 5)) return 2; /* bfloat16 */
    return tiles_allowed() ? 3 : 2;
}

#elif defined(__aarch64__)
#if defined(__linux__)
#include <sys/auxv.h>
int abi_cpu_level(void) {
    unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    if (!(first >> 20 & 1)) return 0;    /* ASIMDDP */
    return second >> 13 & 1 ? 2 : 1;     /* I8MM */
}
#elif defined(__APPLE__)
#include <sys/sysctl.h>
static int flag(const char *name) {
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, 0, 0) == 0 && value;
}
int abi_cpu_level(void) {
    if (!flag("hw.optional.arm.FEAT_DotProd")) return 0;
    return flag("hw.optional.arm.FEAT_I8MM") ? 2 : 1;
}
#else
int abi_cpu_level(void) { return 0; }
#endif

#else
int abi_cpu_level(void) { return 0; }
#endif
