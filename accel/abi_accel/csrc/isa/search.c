/* The kernels of search, compiled once for each instruction set. */
#include "choose.h"
#include "scan.h"
#include "scan_amx.h"
#include "walk.h"

/* Whether scores are bounds at first. */
static int by_bounds(const struct scan *p) {
#if defined(__AMX_BF16__)
    return (p->m > p->k || p->rough) && p->n_queries >= FEWEST_BY_AMX && p->space->measure != BY_BITS;
#else
    (void)p;
    return 0;
#endif
}

static void scan_all(struct thread *t, const void *arguments) {
    const struct scan *p = arguments;
    struct scanner s = scanner_of(p, t, t->index);
    const int bounds = by_bounds(p);
    begin_queries(&s, 0, p->n_queries);
#if defined(__AMX_BF16__)
    if (bounds) bound_all(&s);
#endif
    for (size_t from; !bounds && (from = abi_take(t, 0, CHUNK)) < p->space->n;)
        meet_chunk(&s, 0, p->n_queries, from);
    abi_barrier(t);
    for (size_t q; (q = abi_take(t, 1, 1)) < p->n_queries;) finish(&s, q, bounds);
}

/* Bytes of scratch memory that threads share, and that each needs. */
static void scan_sizes(struct scan *p) {
    p->shared = 0;
    p->own = scan_own(p);
#if defined(__AMX_BF16__)
    if (!by_bounds(p)) return;
    p->shared = amx_shared(p);
    p->own += amx_own(p);
#endif
}

const struct search NAMED(abi_search_, ABI_ISA) = {walk_all, choose_all, scan_all, walk_own,
                                                   choose_own, scan_sizes};
