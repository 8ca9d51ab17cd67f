/* The choice of neighbours: algorithm 4 of Malkov and Yashunin (arXiv 1603.09320).
 *
 * As hnswlib applies it: a candidate is taken unless it is nearer to one taken before it than to
 * the point itself, nothing rejected is kept, and lists shorter than the limit are kept whole.
 */
#ifndef ABI_CHOOSE_H
#define ABI_CHOOSE_H

#include "kept.h"
#include "space.h"

#define AT_ONCE 4 /* of those taken that a candidate meets before it is looked whether one hides it */

INLINE int hidden(const struct space *s, const int32_t *taken, size_t n, int32_t row, float near) {
    float between[AT_ONCE];
    const float own = s->norms ? s->norms[row] : 1;
    for (size_t i = 0; i < n; i += AT_ONCE) {
        const size_t m = n - i < AT_ONCE ? n - i : AT_ONCE;
        score_rows(s, row_of(s, (size_t)row), taken + i, m, between);
        for (size_t j = 0; j < m; j++)
            if (between[j] * own > near) return 1;
    }
    return 0;
}

static void choose_one(const struct choice *p, size_t i, int64_t *keys, int32_t *rows,
                       float *scores) {
    const struct space *s = p->space;
    const size_t point = (size_t)p->points[i];
    const float own = s->norms ? s->norms[point] : 1;
    int32_t *out = p->out + i * p->limit;
    size_t n = 0, taken = 0;
    for (size_t j = 0; j < p->width; j++) {
        const int64_t row = p->candidates[i * p->width + j];
        if ((uint64_t)row < s->n) rows[n++] = (int32_t)row;
    }
    score_rows(s, row_of(s, point), rows, n, scores);
    for (size_t j = 0; j < n; j++) keys[j] = key_of(scores[j] * own, rows[j]);
    sort_keys(keys, n);
    for (size_t j = 0; j < n && taken < p->limit; j++) {
        const int32_t row = row_in(keys[j]);
        if (n < p->limit || !hidden(s, out, taken, row, score_in(keys[j]))) out[taken++] = row;
    }
    while (taken < p->limit) out[taken++] = -1;
}

static size_t choose_own(const struct choice *p) { return (16 * p->width + 63) / 64 * 64; }

static void choose_all(struct thread *t, const void *arguments) {
    const struct choice *p = arguments;
    int64_t *keys = (int64_t *)(p->scratch + t->index * p->own);
    int32_t *rows = (int32_t *)(keys + p->width);
    size_t from;
    while ((from = abi_take(t, 0, 4)) < p->n)
        for (size_t i = from; i < from + 4 && i < p->n; i++)
            choose_one(p, i, keys, rows, (float *)(rows + p->width));
}

#endif
