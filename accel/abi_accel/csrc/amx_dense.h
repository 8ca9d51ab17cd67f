/* F16 and BF16 weights by the matrix unit: tiles of 16 tokens by tiles of 16 rows of weights, both
 * laid out once.
 */
#ifndef ABI_AMX_DENSE_H
#define ABI_AMX_DENSE_H

#include "amx_bf16.h"

#if defined(__AMX_BF16__)

/* All tokens: for each 16 of them and 32 columns a tile of the uppers, then one of the lowers. */
static void divide_tokens(struct thread *t, const struct matmul *p) {
    const size_t tiles = tiles_of(p->k), n = (p->n_tokens + 31) / 32 * 32;
    for (size_t i = n * t->index / t->count; i < n * (t->index + 1) / t->count; i++)
        for (size_t b = 0; b < tiles; b++) {
            const size_t c = b * TILE_COLUMNS, left = p->k - c;
            const float *x = p->x + i * p->k + c;
            uint8_t *out = p->scratch + (i / 16 * tiles + b) * 2 * TILE_BYTES + i % 16 * 64;
            f32x16 first = splat(0), second = splat(0);
            if (i < p->n_tokens) first = load_some(x, left);
            if (i < p->n_tokens && left > 16) second = load_some(x + 16, left - 16);
            divide_row(first, second, out, out + TILE_BYTES);
        }
}

/* 16 rows of weights: for each 32 columns a tile of the uppers, then one of the lowers. */
INLINE void divide_weights(int type, const struct matmul *p, size_t first, uint8_t *out) {
    const size_t row = p->k * width_of(type);
    for (size_t b = 0; b < tiles_of(p->k); b++, out += 2 * TILE_BYTES) {
        const size_t c = b * TILE_COLUMNS;
        for (size_t i = 0; i < 16; i++) {
            f32x16 a = splat(0), z = splat(0);
            if (first + i < p->n) {
                const uint8_t *w = (const uint8_t *)p->w + (first + i) * row;
                a = load_weights(type, w, c, p->k);
                if (p->k - c > 16) z = load_weights(type, w, c + 16, p->k);
            }
            divide_row(a, z, out + 64 * i, out + TILE_BYTES + 64 * i);
        }
        turn(out);
        turn(out + TILE_BYTES);
    }
}

/* 32 tokens' sums of 16 rows to their places. */
INLINE void put_sums(const struct matmul *p, size_t first, size_t t, const float *sums) {
    if (first >= p->n) return;
    const size_t lanes = p->n - first < 16 ? p->n - first : 16;
    for (size_t i = 0; i < 32 && t + i < p->n_tokens; i++) {
        f32x16 v = load_f32(sums + 16 * i);
        if (p->bias) v += load_some(p->bias + first, lanes);
        store_some(p->out + (t + i) * p->ld_out + first, v, lanes);
    }
}

/* Some rows of weights: divided once, then met by 32 tokens after the other. */
INLINE void dense_amx_rows(int type, const struct matmul *p, size_t first, uint8_t *own) {
    const size_t tiles = tiles_of(p->k), group = tiles * 2 * TILE_BYTES;
    float *sums = (float *)(own + AMX_GROUPS * group);
    for (size_t g = 0; g < AMX_GROUPS; g++) divide_weights(type, p, first + 16 * g, own + g * group);
    for (size_t t = 0; t < p->n_tokens; t += 32)
        for (size_t g = 0; g < AMX_GROUPS && first + 16 * g < p->n; g += 2) {
            dense_amx_tile(type, own + g * group, p->scratch + t / 16 * group, tiles, sums);
            put_sums(p, first + 16 * g, t, sums);
            put_sums(p, first + 16 * g + 16, t, sums + 512);
        }
}

/* What one thread needs: weights of some rows, divided, and four tiles of sums. */
static size_t dense_own(size_t k) {
    return AMX_GROUPS * tiles_of(k) * 2 * TILE_BYTES + 4 * TILE_BYTES;
}

static size_t dense_tokens(size_t k, size_t n_tokens) {
    return (n_tokens + 31) / 32 * 2 * tiles_of(k) * 2 * TILE_BYTES;
}

/* Threads meet before, because another product may still read what is divided here. */
static void dense_amx(struct thread *t, const struct matmul *p, int stage) {
    uint8_t *own = p->scratch + dense_tokens(p->k, p->n_tokens) + t->index * dense_own(p->k);
    abi_barrier(t);
    divide_tokens(t, p);
    abi_barrier(t);
    dense_amx_begin();
    const size_t step = 16 * AMX_GROUPS;
    size_t first;
    while ((first = abi_take(t, stage, step)) < p->n) {
        if (p->type == F16) dense_amx_rows(F16, p, first, own);
        else dense_amx_rows(BF16, p, first, own);
    }
    _tile_release();
}

#endif
#endif
