/* The exact search: every row meets every query.
 *
 * Threads take chunks of rows and keep for each query the best they see; then they divide the
 * queries among themselves and put together what was kept. With the matrix unit (scan_amx.h)
 * scores are upper bounds at first, and what is kept is scored again, exactly.
 */
#ifndef ABI_SCAN_H
#define ABI_SCAN_H

#include "kept.h"
#include "space.h"

#define CHUNK 256 /* rows that a thread takes */

struct scanner {
    const struct scan *p;
    struct thread *t;
    struct kept *kept; /* of each query */
    int32_t *rows;     /* of a chunk that are allowed */
    float *scores;
};

INLINE size_t row_bytes(const struct space *s) {
    return s->measure == BY_BITS ? s->dim : 4 * s->dim;
}

INLINE size_t end_of_chunk(const struct scan *p, size_t from) {
    return from + CHUNK < p->space->n ? from + CHUNK : p->space->n;
}

static size_t allowed_rows(const struct scan *p, size_t from, size_t to, int32_t *rows) {
    size_t n = 0;
    for (size_t row = from; row < to; row++) {
        rows[n] = (int32_t)row;
        n += !p->allow || p->allow[row];
    }
    return n;
}

/* Some queries by the rows of a chunk. */
static void meet_chunk(struct scanner *s, size_t first, size_t last, size_t from) {
    const struct scan *p = s->p;
    const size_t to = end_of_chunk(p, from), n = allowed_rows(p, from, to, s->rows);
    for (size_t q = first; q < last; q++) {
        const int in_line = q == first && n == to - from;
        score_placed(p->space, p->queries + q * row_bytes(p->space), s->rows, n, in_line, s->scores);
        kept_offer(s->kept + q, s->rows, s->scores, n);
    }
}

INLINE size_t most_rows(const struct scan *p) { return 2 * p->m > CHUNK ? 2 * p->m : CHUNK; }

static size_t scan_own(const struct scan *p) {
    const size_t one = sizeof(struct kept) + 2 * p->m * sizeof(int64_t);
    return (p->n_queries * one + 8 * most_rows(p) + 63) / 64 * 64;
}

INLINE struct scanner scanner_of(const struct scan *p, struct thread *t, size_t index) {
    struct scanner s = {p, t, (struct kept *)(p->scratch + p->shared + index * p->own), 0, 0};
    s.rows = (int32_t *)((int64_t *)(s.kept + p->n_queries) + p->n_queries * 2 * p->m);
    s.scores = (float *)(s.rows + most_rows(p));
    return s;
}

static void begin_queries(struct scanner *s, size_t first, size_t last) {
    int64_t *keys = (int64_t *)(s->kept + s->p->n_queries);
    for (size_t q = first; q < last; q++)
        s->kept[q] = (struct kept){keys + q * 2 * s->p->m, 0, s->p->m, -__builtin_inff()};
}

/* Score what was kept again; whether it surely has the k best. */
static int score_again(struct scanner *s, size_t q) {
    const struct scan *p = s->p;
    struct kept *kept = s->kept + q;
    const float bound = kept->worst; /* of all that was let go */
    for (size_t i = 0; i < kept->n; i++) s->rows[i] = row_in(kept->keys[i]);
    score_rows(p->space, p->queries + q * row_bytes(p->space), s->rows, kept->n, s->scores);
    for (size_t i = 0; i < kept->n; i++) kept->keys[i] = key_of(s->scores[i], s->rows[i]);
    sort_keys(kept->keys, kept->n);
    if (bound == -__builtin_inff()) return 1;
    return p->k <= kept->n && score_in(kept->keys[p->k - 1]) > bound;
}

/* Put together what threads kept for a query, and write it out. */
static void finish(struct scanner *s, size_t q, int bounds) {
    const struct scan *p = s->p;
    struct kept *kept = s->kept + q;
    for (size_t i = 0; i < s->t->count; i++) {
        const struct kept *more = scanner_of(p, s->t, i).kept + q;
        if (i == s->t->index) continue;
        if (more->worst > kept->worst) kept->worst = more->worst;
        for (size_t j = 0; j < more->n; j++) kept_add(kept, more->keys[j]);
    }
    kept_trim(kept);
    if (bounds && !p->rough && !score_again(s, q)) {
        begin_queries(s, q, q + 1);
        for (size_t from = 0; from < p->space->n; from += CHUNK) meet_chunk(s, q, q + 1, from);
        kept_trim(kept);
    }
    sort_keys(kept->keys, kept->n);
    for (size_t j = 0; j < p->k; j++) {
        const int there = j < kept->n;
        p->rows[q * p->k + j] = there ? row_in(kept->keys[j]) : -1;
        if (p->scores) p->scores[q * p->k + j] = there ? score_in(kept->keys[j]) : -__builtin_inff();
    }
}

#endif
