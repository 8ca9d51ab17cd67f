/* The exact search of many queries by the matrix unit, which gives upper bounds of scores.
 *
 * Numbers are sums of two bfloat16 (amx_bf16.h), less a point among the rows where they lie far
 * from zero. By Cauchy and Schwarz a product is off by no more than `slack` times both lengths:
 * 2^-16 for what the two leave out, and an ulp for each addition.
 */
#ifndef ABI_SCAN_AMX_H
#define ABI_SCAN_AMX_H

#include "amx_bf16.h"
#include "scan.h"

#if defined(__AMX_BF16__)

#define FEWEST_BY_AMX 16 /* queries */
#define ROWS_BY_AMX (16 * AMX_GROUPS)
#define LONGER 0x1p-50f /* added to lengths for what the unit takes as zero: below 2^-126 */

/* What a query's bounds need beside products: its length times the slack, and what is added. */
struct bound {
    float slack, added;
};

/* Rows of a chunk: bounds are product * times + added + slack of the query * length. */
struct lanes {
    f32x16 times, added, length;
};

INLINE float slack_of(size_t dim) { return 0x1p-16f + (float)(3 * dim + 64) * 0x1p-24f; }

/* 16 numbers from c on, less the origin; their squares are added to `squares`. */
INLINE f32x16 about(const struct scan *p, const float *x, size_t c, f32x16 *squares) {
    const size_t dim = p->space->dim;
    if (c >= dim) return splat(0);
    f32x16 v = load_some(x + c, dim - c);
    if (p->origin) v -= load_some(p->origin + c, dim - c);
    *squares = fma16(v, v, *squares);
    return v;
}

/* A row to a line of each of its tiles; its squared length. */
INLINE float divide_about(const struct scan *p, const float *x, uint8_t *out) {
    f32x16 squares = splat(0);
    for (size_t c = 0; c < p->space->dim; c += TILE_COLUMNS, out += 2 * TILE_BYTES) {
        f32x16 first = about(p, x, c, &squares), second = about(p, x, c + 16, &squares);
        divide_row(first, second, out, out + TILE_BYTES);
    }
    return sum_of(squares);
}

static void divide_queries(struct thread *t, const struct scan *p, uint8_t *out,
                           struct bound *bounds) {
    const size_t tiles = tiles_of(p->space->dim), n = (p->n_queries + 31) / 32 * 32;
    for (size_t i = n * t->index / t->count; i < n * (t->index + 1) / t->count; i++) {
        uint8_t *line = out + i / 16 * tiles * 2 * TILE_BYTES + i % 16 * 64;
        const size_t q = i < p->n_queries ? i : p->n_queries - 1;
        const float square = divide_about(p, (const float *)p->queries + q * p->space->dim, line);
        const float slack = p->rough ? 0 : slack_of(p->space->dim);
        bounds[i].slack = slack * (__builtin_sqrtf(square) * 1.001f + LONGER);
        bounds[i].added = p->space->measure == BY_DISTANCE ? -square * (1 - slack) : 0;
    }
}

static void divide_chunk(const struct scan *p, size_t first, uint8_t *own, struct lanes *lanes) {
    const struct space *s = p->space;
    const size_t tiles = tiles_of(s->dim);
    for (size_t g = 0; g < AMX_GROUPS; g++, own += tiles * 2 * TILE_BYTES) {
        f32x16 squares;
        for (size_t i = 0; i < 16; i++) {
            const size_t row = first + 16 * g + i < s->n ? first + 16 * g + i : s->n - 1;
            squares[i] = divide_about(p, (const float *)row_of(s, row), own + 64 * i);
            lanes[g].times[i] = s->measure == BY_DISTANCE ? 2 : s->norms ? s->norms[row] : 1;
        }
        f32x16 length = __builtin_elementwise_sqrt(squares) * 1.001f + splat(LONGER);
        lanes[g].length = length * lanes[g].times;
        lanes[g].added = splat(0);
        if (s->measure == BY_DISTANCE) lanes[g].added = squares * (p->rough ? -1 : slack_of(s->dim) - 1);
        for (size_t b = 0; b < 2 * tiles; b += p->rough ? 2 : 1) turn_pairs(own + b * TILE_BYTES);
    }
}

/* Bounds of 32 queries by 16 rows. */
INLINE void offer_sums(struct scanner *s, const struct bound *bounds, const struct lanes *l,
                       size_t first, size_t q, const float *sums) {
    const struct scan *p = s->p;
    for (size_t i = 0; i < 32 && q + i < p->n_queries; i++) {
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

INLINE size_t amx_shared(const struct scan *p) {
    const size_t n = (p->n_queries + 31) / 32 * 32;
    return (n / 16 * tiles_of(p->space->dim) * 2 * TILE_BYTES + n * sizeof(struct bound) + 63) /
           64 * 64;
}

INLINE size_t amx_own(const struct scan *p) {
    return AMX_GROUPS * tiles_of(p->space->dim) * 2 * TILE_BYTES + 4 * TILE_BYTES;
}

static void bound_all(struct scanner *s) {
    const struct scan *p = s->p;
    const size_t tiles = tiles_of(p->space->dim), group = tiles * 2 * TILE_BYTES;
    const size_t n = (p->n_queries + 31) / 32 * 32;
    uint8_t *divided = p->scratch, *own = p->scratch + p->shared + s->t->index * p->own;
    struct bound *bounds = (struct bound *)(divided + n / 16 * group);
    own += scan_own(p);
    float *sums = (float *)(own + AMX_GROUPS * group);
    struct lanes lanes[AMX_GROUPS];
    divide_queries(s->t, p, divided, bounds);
    abi_barrier(s->t);
    dense_amx_begin();
    size_t first;
    while ((first = abi_take(s->t, 0, ROWS_BY_AMX)) < p->space->n) {
        divide_chunk(p, first, own, lanes);
        for (size_t q = 0; q < p->n_queries; q += 32)
            for (size_t g = 0; g < AMX_GROUPS && first + 16 * g < p->space->n; g += 2) {
                const uint8_t *x = divided + q / 16 * group;
                if (p->rough) dense_amx_tile(ROUGH, own + g * group, x, tiles, sums);
                else dense_amx_tile(F16, own + g * group, x, tiles, sums);
                offer_sums(s, bounds, lanes + g, first + 16 * g, q, sums);
                offer_sums(s, bounds, lanes + g + 1, first + 16 * g + 16, q, sums + 512);
            }
    }
    _tile_release();
}

#endif
#endif
