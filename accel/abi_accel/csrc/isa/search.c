/* The kernels of search, compiled once for each instruction set. */
#include "choose.h"
#include "nearest.h"
#include "probe.h"
#include "scan.h"
#include "scan_amx.h"
#include "scan_many.h"
#include "walk.h"

/* Whether scores are bounds at first. */
static int by_bounds(const struct scan *p) {
    return (p->m > p->k || p->rough) && p->n_queries >= FEWEST_BY_BOUNDS &&
           p->space->measure != BY_BITS && p->space->type == ROW_F32;
}

static void scan_all(struct thread *t, const void *arguments) {
    const struct scan *p = arguments;
    struct scanner s = scanner_of(p, t, t->index);
    const int bounds = by_bounds(p);
    begin_queries(&s, 0, p->n_queries);
    if (bounds) bound_all(&s);
    for (size_t from; !bounds && (from = abi_take(t, 0, CHUNK)) < p->space->n;)
        meet_chunk(&s, 0, p->n_queries, from);
    abi_barrier(t);
    for (size_t q; (q = abi_take(t, 1, 1)) < p->n_queries;) finish(&s, q, bounds);
}

/* Bytes of scratch memory that threads share, and that each needs. */
static void scan_sizes(struct scan *p) {
    p->shared = 0;
    p->own = scan_own(p);
    if (!by_bounds(p)) return;
    p->shared = bounds_shared(p);
    p->own += bounds_own(p);
}

static void pairs_all(struct thread *t, const void *arguments) {
    const struct pairs *p = arguments;
    const size_t one = row_bytes(p->space);
    for (size_t from; (from = abi_take(t, 0, CHUNK)) < p->n;) {
        const size_t to = from + CHUNK < p->n ? from + CHUNK : p->n;
        for (size_t at = from, end; at < to; at = end) {
            for (end = at + 1; end < to && p->which[end] == p->which[at];) end++;
            score_rows(p->space, p->queries + (size_t)p->which[at] * one, p->rows + at, end - at,
                       p->scores + at);
        }
    }
}

static void rescore_all(struct thread *t, const void *arguments) {
    const struct rescore *p = arguments;
    int64_t *keys = (int64_t *)(p->scratch + t->index * p->own);
    int32_t *rows = (int32_t *)(keys + p->width);
    float *scores = (float *)(rows + p->width);
    for (size_t q; (q = abi_take(t, 0, 1)) < p->n_queries;) {
        size_t n = 0;
        for (size_t j = 0; j < p->width; j++) {
            const int64_t row = p->given[q * p->width + j];
            if ((uint64_t)row < p->space->n) rows[n++] = (int32_t)row;
        }
        score_rows(p->space, p->queries + q * row_bytes(p->space), rows, n, scores);
        for (size_t j = 0; j < n; j++) keys[j] = key_of(scores[j], rows[j]);
        sort_keys(keys, n);
        for (size_t j = 0; j < p->k; j++) {
            p->rows[q * p->k + j] = j < n ? row_in(keys[j]) : -1;
            p->scores[q * p->k + j] = j < n ? score_in(keys[j]) : -__builtin_inff();
        }
    }
}

static void differing_all(struct thread *t, const void *arguments) {
    const struct differing *p = arguments;
    for (size_t from; (from = abi_take(t, 0, CHUNK)) < p->n;) {
        const size_t to = from + CHUNK < p->n ? from + CHUNK : p->n;
        for (size_t q = 0; q < p->n_queries; q++) {
            const uint64_t *query = p->queries + q * p->words, *code = p->codes + from * p->words;
            for (size_t row = from; row < to; row++, code += p->words) {
                int32_t found = 0;
                for (size_t i = 0; i < p->words; i++) found += __builtin_popcountll(code[i] ^ query[i]);
                p->out[q * p->n + row] = found;
            }
        }
    }
}

const struct search NAMED(abi_search_, ABI_ISA) = {
    walk_all, choose_all, scan_all,   probe_all, pairs_all,
    rescore_all, differing_all, nearest_all, sums_all, walk_own, choose_own, probe_own, scan_sizes,
};
