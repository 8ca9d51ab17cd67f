/* Attention of some queries and more: keys of a block are turned so that positions lie side by side. */
#ifndef ABI_ATTENTION_MANY_H
#define ABI_ATTENTION_MANY_H

#include "turn.h"
#include "weigh.h"

#define COPIED 17 /* queries from which on values become float32 first */

/* Keys of n positions from row `k` on, 16 by 16 numbers at a time; zeros where there are none. */
INLINE void turn_keys(int type, const uint8_t *k, size_t dim, size_t n, float *out) {
    const size_t row = row_bytes(type, dim);
    for (size_t j = 0; j < BLOCK; j += 16)
        for (size_t c = 0; c < dim; c += 16) {
            f32x16 tile[16];
            if (j + 16 <= n && c + 16 <= dim)
                UNROLL for (size_t i = 0; i < 16; i++) {
                    const uint8_t *at = k + (j + i) * row;
                    ask(type, at, row, c);
                    tile[i] = load_cached(type, at, c, c + 16);
                }
            else
                for (size_t i = 0; i < 16; i++)
                    tile[i] = j + i < n ? load_cached(type, k + (j + i) * row, c, dim) : splat(0);
            turn(tile);
            UNROLL for (size_t i = 0; i < 16; i++) store_f32(out + (c + i) * BLOCK + j, tile[i]);
        }
}

INLINE void copy_values(int type, const uint8_t *v, size_t dim, size_t n, float *out) {
    const size_t row = row_bytes(type, dim);
    for (size_t j = 0; j < n; j++, v += row)
        for (size_t c = 0; c < dim; c += 16, out += 16) {
            ask(type, v, row, c);
            if (c + 16 <= dim) store_f32(out, load_cached(type, v, c, c + 16));
            else store_f32(out, load_cached(type, v, c, dim));
        }
}

/* Scores of R rows from r on: 64 positions are four vectors. */
INLINE void score_rows(const struct heads *h, struct piece *w, size_t r, const int R) {
    const size_t wide = padded(h->head_dim);
    f32x16 acc[4 * 4] = {0};
    for (size_t i = 0; i < h->head_dim; i++) {
        f32x16 k[4];
        UNROLL for (int j = 0; j < 4; j++) k[j] = load_f32(w->k + i * BLOCK + 16 * j);
        UNROLL for (int a = 0; a < R; a++) {
            f32x16 q = splat(w->q[(r + a) * wide + i]);
            UNROLL for (int j = 0; j < 4; j++) acc[4 * a + j] = fma16(q, k[j], acc[4 * a + j]);
        }
    }
    UNROLL for (int a = 0; a < R; a++)
        UNROLL for (int j = 0; j < 4; j++)
            store_f32(w->scores + (r + a) * BLOCK + 16 * j, acc[4 * a + j]);
}

/* Add the weighted values of n positions to R rows, V vectors of them from column c on. */
INLINE void mix_tile(int type, const uint8_t *v, size_t dim, size_t n, struct piece *w, size_t r,
                     const int R, size_t c, const int V, const int asks) {
    const size_t wide = padded(dim), row = row_bytes(type, dim);
    const size_t end = V == 1 ? dim : c + 16 * V; /* all there, where there are some */
    f32x16 acc[4 * 4];
    UNROLL for (int a = 0; a < R; a++)
        UNROLL for (int j = 0; j < V; j++)
            acc[4 * a + j] = load_f32(w->out + (r + a) * wide + c + 16 * j);
    for (size_t i = 0; i < n; i++, v += row) {
        f32x16 x[4];
        if (asks && r == 0) UNROLL for (int j = 0; j < V; j++) ask(type, v, row, c + 16 * j);
        UNROLL for (int j = 0; j < V; j++)
            x[j] = load_cached(type, v, c + 16 * j, V == 1 ? end : c + 16 * j + 16);
        UNROLL for (int a = 0; a < R; a++) {
            f32x16 s = splat(w->scores[(r + a) * BLOCK + i]);
            UNROLL for (int j = 0; j < V; j++) acc[4 * a + j] = fma16(s, x[j], acc[4 * a + j]);
        }
    }
    UNROLL for (int a = 0; a < R; a++)
        UNROLL for (int j = 0; j < V; j++)
            store_f32(w->out + (r + a) * wide + c + 16 * j, acc[4 * a + j]);
}

INLINE void mix_some(int type, const uint8_t *v, size_t dim, size_t n, struct piece *w, size_t r,
                     const int R, const int asks) {
    size_t c = 0;
    for (; c + 64 <= dim; c += 64) mix_tile(type, v, dim, n, w, r, R, c, 4, asks);
    for (; c < dim; c += 16) mix_tile(type, v, dim, n, w, r, R, c, 1, asks);
}

INLINE void mix_rows(int type, const uint8_t *v, size_t dim, size_t n, size_t rows, struct piece *w,
                     const int asks) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) mix_some(type, v, dim, n, w, r, 4, asks);
    for (; r < rows; r++) mix_some(type, v, dim, n, w, r, 1, asks);
}

/* Values of many rows become float32 once. */
INLINE void mix(int type, const uint8_t *v, size_t dim, size_t n, size_t rows, struct piece *w) {
    if (rows < COPIED || (type == F32 && dim % 16 == 0)) {
        mix_rows(type, v, dim, n, rows, w, 1);
        return;
    }
    copy_values(type, v, dim, n, w->v);
    mix_rows(F32, (const uint8_t *)w->v, padded(dim), n, rows, w, 0);
}

static void attend(const struct heads *h, size_t base, size_t rows, size_t low, size_t high,
                   struct piece *w) {
    const size_t dim = h->head_dim, row_k = row_bytes(h->type_k, dim), row_v = row_bytes(h->type_v, dim);
    const uint8_t *k = (const uint8_t *)h->k + (base + low) * row_k;
    const uint8_t *v = (const uint8_t *)h->v + (base + low) * row_v;
    for (size_t from = low, n; from < high; from += n, k += n * row_k, v += n * row_v) {
        size_t r = 0;
        n = high - from < BLOCK ? high - from : BLOCK;
        switch (h->type_k) {
        case F32: turn_keys(F32, k, dim, n, w->k); break;
        case F16: turn_keys(F16, k, dim, n, w->k); break;
        case Q8_0: turn_keys(Q8_0, k, dim, n, w->k); break;
        default: turn_keys(Q4_0, k, dim, n, w->k); break;
        }
        for (; r + 4 <= rows; r += 4) score_rows(h, w, r, 4);
        for (; r < rows; r++) score_rows(h, w, r, 1);
        weigh(h, w, rows, from, n);
        switch (h->type_v) {
        case F32: mix(F32, v, dim, n, rows, w); break;
        case F16: mix(F16, v, dim, n, rows, w); break;
        case Q8_0: mix(Q8_0, v, dim, n, rows, w); break;
        default: mix(Q4_0, v, dim, n, rows, w); break;
        }
    }
}

#endif
