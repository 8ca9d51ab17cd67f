/* All kernels, compiled once for each instruction set. */
#include "layers.h"

#define QUOTE(a) #a
#define STRING(a) QUOTE(a)

static void matmul(struct thread *t, const void *arguments) {
    const struct matmul *p = arguments;
    struct rounded a;
    if (layout_of(p->type).columns) {
        place(p->type, p->k, p->n_tokens, p->scratch, &a);
        round_all(t, p, &a);
        abi_barrier(t);
    }
    product(t, p, 0);
}

static void layers(struct program *p, const struct layers *all, size_t n_threads) {
    struct course c = {p, all, 0, 0};
    next_layer(p, all, 0);
    abi_run(program, &c, n_threads);
}

static size_t piece_size(void) { return sizeof(struct piece); }

extern const struct search NAMED(abi_search_, ABI_ISA);

const struct isa NAMED(abi_isa_, ABI_ISA) = {STRING(ABI_ISA), matmul, layers, scratch, piece_size,
                                             &NAMED(abi_search_, ABI_ISA)};
