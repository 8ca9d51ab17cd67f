/* Upper bounds of scores, of many queries at once: what both ways of products share.
 *
 * Numbers are taken less a point among the rows where they lie far from zero. By Cauchy and
 * Schwarz a product is off by no more than `slack` times both lengths.
 */
#ifndef ABI_BOUNDS_H
#define ABI_BOUNDS_H

#include "scan.h"

#define FEWEST_BY_BOUNDS 16 /* queries */
#define LONGER 0x1p-50f /* added to lengths for what a machine takes as zero: below 2^-126 */

/* What a query's bounds need beside products: its length times the slack, and what is added. */
struct bound {
    float slack, added;
};

/* Rows of a chunk: bounds are product * times + added + slack of the query * length. */
struct lanes {
    f32x16 times, added, length;
};

/* 16 numbers from c on, less the origin; their squares are added to `squares`. */
INLINE f32x16 about(const struct scan *p, const float *x, size_t c, f32x16 *squares) {
    const size_t dim = p->space->dim;
    if (c >= dim) return splat(0);
    f32x16 v = load_some(x + c, dim - c);
    if (p->origin) v -= load_some(p->origin + c, dim - c);
    *squares = fma16(v, v, *squares);
    return v;
}

/* A query's bound by its squared length. */
INLINE struct bound bound_of(const struct scan *p, float square, float slack) {
    if (p->rough) slack = 0;
    return (struct bound){slack * (__builtin_sqrtf(square) * 1.001f + LONGER),
                          p->space->measure == BY_DISTANCE ? -square * (1 - slack) : 0};
}

/* What belongs to 16 rows from `first` on, by their squared lengths. */
INLINE struct lanes lanes_of(const struct scan *p, size_t first, f32x16 squares, float slack) {
    const struct space *s = p->space;
    struct lanes l = {splat(2), splat(0), __builtin_elementwise_sqrt(squares) * 1.001f + splat(LONGER)};
    for (size_t i = 0; i < 16 && s->measure != BY_DISTANCE; i++)
        l.times[i] = s->norms ? s->norms[first + i < s->n ? first + i : s->n - 1] : 1;
    l.length *= l.times;
    if (s->measure == BY_DISTANCE) l.added = squares * (p->rough ? -1 : slack - 1);
    return l;
}

/* Bounds of `count` queries from q on by 16 rows: `sums` are 16 of each query. */
INLINE void offer_sums(struct scanner *s, const struct bound *bounds, const struct lanes *l,
                       size_t first, size_t q, size_t count, const float *sums) {
    const struct scan *p = s->p;
    for (size_t i = 0; i < count && q + i < p->n_queries; i++) {
        struct kept *kept = s->kept + q + i;
        const size_t n = p->below ? (size_t)p->below[q + i] : p->space->n;
        f32x16 v = fma16(load_f32(sums + 16 * i), l->times, l->added + splat(bounds[q + i].added));
        v = fma16(l->length, splat(bounds[q + i].slack), v);
        uint32_t good = lanes_from(v, kept->worst);
        if (!good) continue;
        float bound[16];
        store_f32(bound, v);
        for (; good; good &= good - 1) {
            const size_t j = (size_t)__builtin_ctz(good), row = first + j;
            if (row >= n || (p->allow && !p->allow[row])) continue;
            kept_add(kept, key_of(bound[j], (int32_t)row));
        }
    }
}

#endif
