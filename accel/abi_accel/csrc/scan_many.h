/* Products of many queries in float32, a tile of sums in registers: 16 rows lie side by side.
 *
 * Their slack is an ulp for each addition, twice, because lengths are rounded as well.
 */
#ifndef ABI_SCAN_MANY_H
#define ABI_SCAN_MANY_H

#include "bounds.h"
#include "turn.h"

#if !defined(__AMX_BF16__)

#if defined(__AVX512F__)
#define MANY_GROUPS 2 /* of 16 rows in a tile */
#define MANY_QUERIES 12
#else /* a vector is two or four registers */
#define MANY_GROUPS 1
#define MANY_QUERIES 6
#endif
#define CHUNK_GROUPS 4

INLINE float slack_of(size_t dim) { return (float)(2 * dim + 64) * 0x1p-24f; }

INLINE size_t wide(const struct scan *p) { return (p->space->dim + 15) / 16 * 16; }

INLINE size_t whole_tiles(const struct scan *p) {
    return (p->n_queries + MANY_QUERIES - 1) / MANY_QUERIES * MANY_QUERIES;
}

INLINE size_t bounds_shared(const struct scan *p) {
    return (whole_tiles(p) * (wide(p) * sizeof(float) + sizeof(struct bound)) + 63) / 64 * 64;
}

INLINE size_t bounds_own(const struct scan *p) { return CHUNK_GROUPS * 64 * wide(p); }

/* A row about the origin, zeros up to a whole vector, `step` floats from one vector to the next;
 * its squared length. */
INLINE float copy_about(const struct scan *p, const float *x, float *out, size_t step) {
    f32x16 squares = splat(0);
    for (size_t c = 0; c < wide(p); c += 16, out += step) store_f32(out, about(p, x, c, &squares));
    return sum_of(squares);
}

static void copy_queries(struct thread *t, const struct scan *p, float *out, struct bound *bounds) {
    const size_t n = whole_tiles(p);
    for (size_t i = n * t->index / t->count; i < n * (t->index + 1) / t->count; i++) {
        const size_t q = i < p->n_queries ? i : p->n_queries - 1;
        const float *x = (const float *)p->queries + q * p->space->dim;
        bounds[i] = bound_of(p, copy_about(p, x, out + i * wide(p), 16), slack_of(p->space->dim));
    }
}

/* 16 rows, one column of all of them after the other. */
static struct lanes copy_rows(const struct scan *p, size_t first, float *out) {
    const struct space *s = p->space;
    f32x16 squares = splat(0);
    for (size_t i = 0; i < 16; i++) {
        const size_t row = first + i < s->n ? first + i : s->n - 1;
        squares[i] = copy_about(p, (const float *)row_of(s, row), out + 16 * i, 256);
    }
    for (size_t c = 0; c < wide(p); c += 16) turn(out + 16 * c);
    return lanes_of(p, first, squares, slack_of(s->dim));
}

/* `group` floats from one 16 rows to the next; sums are 16 of each query, a group after the other. */
INLINE void many_products(const float *w, size_t group, const float *x, size_t n, float *sums) {
    f32x16 acc[MANY_GROUPS * MANY_QUERIES] = {0};
    for (size_t c = 0; c < n; c++) {
        f32x16 v[MANY_GROUPS];
        UNROLL for (int g = 0; g < MANY_GROUPS; g++) v[g] = load_f32(w + (size_t)g * group + 16 * c);
        UNROLL for (int i = 0; i < MANY_QUERIES; i++) {
            const f32x16 by = splat(x[(size_t)i * n + c]);
            UNROLL for (int g = 0; g < MANY_GROUPS; g++)
                acc[g * MANY_QUERIES + i] = fma16(v[g], by, acc[g * MANY_QUERIES + i]);
        }
    }
    UNROLL for (int i = 0; i < MANY_GROUPS * MANY_QUERIES; i++) store_f32(sums + 16 * i, acc[i]);
}

static void bound_all(struct scanner *s) {
    const struct scan *p = s->p;
    const size_t n = wide(p), step = 16 * CHUNK_GROUPS;
    float *queries = (float *)p->scratch;
    struct bound *bounds = (struct bound *)(queries + whole_tiles(p) * n);
    float *own = (float *)(p->scratch + p->shared + s->t->index * p->own + scan_own(p));
    float sums[16 * MANY_GROUPS * MANY_QUERIES];
    struct lanes lanes[CHUNK_GROUPS];
    copy_queries(s->t, p, queries, bounds);
    abi_barrier(s->t);
    size_t first;
    while ((first = abi_take(s->t, 0, step)) < p->space->n) {
        for (size_t g = 0; g < CHUNK_GROUPS; g++)
            lanes[g] = copy_rows(p, first + 16 * g, own + 16 * g * n);
        for (size_t q = 0; q < p->n_queries; q += MANY_QUERIES)
            for (size_t g = 0; g < CHUNK_GROUPS; g += MANY_GROUPS) {
                if (first + 16 * g >= p->space->n) break;
                many_products(own + 16 * g * n, 16 * n, queries + q * n, n, sums);
                for (size_t i = 0; i < MANY_GROUPS; i++)
                    offer_sums(s, bounds, lanes + g + i, first + 16 * (g + i), q, MANY_QUERIES,
                               sums + 16 * MANY_QUERIES * i);
            }
    }
}

#endif
#endif
