/* Products of many queries by the matrix unit.
 *
 * Numbers are sums of two bfloat16 (amx_bf16.h): slack is 2^-16 for what the two leave out, and an
 * ulp for each addition.
 */
#ifndef ABI_SCAN_AMX_H
#define ABI_SCAN_AMX_H

#include "amx_bf16.h"
#include "bounds.h"

#if defined(__AMX_BF16__)

#define ROWS_BY_AMX (16 * AMX_GROUPS)

INLINE float slack_of(size_t dim) { return 0x1p-16f + (float)(3 * dim + 64) * 0x1p-24f; }

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
        bounds[i] = bound_of(p, square, slack_of(p->space->dim));
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
        }
        lanes[g] = lanes_of(p, first + 16 * g, squares, slack_of(s->dim));
        for (size_t b = 0; b < 2 * tiles; b += p->rough ? 2 : 1) turn(own + b * TILE_BYTES);
    }
}

INLINE size_t bounds_shared(const struct scan *p) {
    const size_t n = (p->n_queries + 31) / 32 * 32;
    return (n / 16 * tiles_of(p->space->dim) * 2 * TILE_BYTES + n * sizeof(struct bound) + 63) /
           64 * 64;
}

INLINE size_t bounds_own(const struct scan *p) {
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
                offer_sums(s, bounds, lanes + g, first + 16 * g, q, 32, sums);
                offer_sums(s, bounds, lanes + g + 1, first + 16 * g + 16, q, 32, sums + 512);
            }
    }
    _tile_release();
}

#endif
#endif
