/* What Python calls: the choice of the instruction set, and the kernels through it. */
#include "cpu.h"
#include "program.h"
#include "search.h"
#include "types.h"

#if defined(__x86_64__)
extern const struct isa abi_isa_scalar, abi_isa_avx2, abi_isa_avxvnni, abi_isa_avx512, abi_isa_amx;
static const struct isa *const list[] = {&abi_isa_scalar, &abi_isa_avx2, &abi_isa_avxvnni,
                                         &abi_isa_avx512, &abi_isa_amx};
#elif defined(__aarch64__)
extern const struct isa abi_isa_neon, abi_isa_dotprod, abi_isa_i8mm;
static const struct isa *const list[] = {&abi_isa_neon, &abi_isa_dotprod, &abi_isa_i8mm};
#elif defined(__wasm_relaxed_simd__)
extern const struct isa abi_isa_relaxed;
static const struct isa *const list[] = {&abi_isa_relaxed};
#else
extern const struct isa abi_isa_simd128;
static const struct isa *const list[] = {&abi_isa_simd128};
#endif

enum { COUNT = sizeof list / sizeof *list };

static const struct isa *chosen;

/* The i-th of the instruction sets that this machine can run, worst first, or none. */
static const struct isa *nth(int i) {
    unsigned sets = abi_cpu_sets();
    for (int j = 0; j < COUNT; j++)
        if (sets >> j & 1 && i-- == 0) return list[j];
    return 0;
}

EXPORT int abi_isa_count(void) {
    int count = 0;
    while (nth(count)) count++;
    return count;
}

EXPORT const char *abi_isa_name(int i) { return nth(i)->name; }

EXPORT void abi_isa_choose(int i) { chosen = nth(i); }

EXPORT size_t abi_scratch_size(int type, size_t k, size_t n_tokens, size_t n_threads) {
    return chosen->scratch(type, k, n_tokens, n_threads);
}

EXPORT void abi_matmul(const struct matmul *p, size_t n_threads) {
    abi_run(chosen->matmul, p, n_threads);
}

EXPORT size_t abi_piece_size(void) { return chosen->piece(); }

/* What the last layer made is in the second buffer. */
EXPORT void abi_layers(struct program *p, const struct layers *all, size_t n_threads) {
    chosen->layers(p, all, n_threads);
}

/* Bytes of scratch memory that each thread of a walk, or of a choice, needs. */
EXPORT size_t abi_walk_own(const struct walk *p) { return chosen->search->walk_own(p); }
EXPORT size_t abi_neighbours_own(const struct choice *p) { return chosen->search->choose_own(p); }

EXPORT void abi_walk(const struct walk *p, size_t n_threads) {
    abi_run(chosen->search->walk, p, n_threads);
}

EXPORT void abi_neighbours(const struct choice *p, size_t n_threads) {
    abi_run(chosen->search->choose, p, n_threads);
}

EXPORT void abi_scan_sizes(struct scan *p) { chosen->search->scan_sizes(p); }

EXPORT void abi_scan(const struct scan *p, size_t n_threads) {
    abi_run(chosen->search->scan, p, n_threads);
}

EXPORT size_t abi_probe_own(const struct probe *p) { return chosen->search->probe_own(p); }

EXPORT void abi_probe(const struct probe *p, size_t n_threads) {
    abi_run(chosen->search->probe, p, n_threads);
}

EXPORT void abi_pairs(const struct pairs *p, size_t n_threads) {
    abi_run(chosen->search->pairs, p, n_threads);
}

EXPORT void abi_rescore(const struct rescore *p, size_t n_threads) {
    abi_run(chosen->search->rescore, p, n_threads);
}

EXPORT void abi_nearest(const struct nearest *p, size_t n_threads) {
    abi_run(chosen->search->nearest, p, n_threads);
}

EXPORT void abi_sums(const struct sums *p, size_t n_threads) {
    abi_run(chosen->search->sums, p, n_threads);
}

EXPORT void abi_differing(const struct differing *p, size_t n_threads) {
    abi_run(chosen->search->differing, p, n_threads);
}
