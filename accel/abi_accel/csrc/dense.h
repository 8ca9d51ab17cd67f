/* Products of weights that are not quantised, in the file's own rows.
 *
 * A tile is R rows of weights by T rows of activations, 16 columns at a time; activations are
 * float32 and so are the sums. Many activations are taken some at a time, which then stay near
 * while a chunk of rows meets them.
 */
#ifndef ABI_DENSE_H
#define ABI_DENSE_H

#include "abi.h"
#include "simd.h"
#include "types.h"

#define TILE_ROWS 4
#define TILE_TOKENS 4
#define DENSE_CHUNK 32 /* rows of weights that a thread takes */

INLINE size_t width_of(int type) { return type == F32 ? 4 : 2; }

INLINE f32x16 load_16(int type, const uint8_t *p) {
    if (type == F32) return load_f32((const float *)p);
    if (type == F16) return load_f16(p);
    u16x16 h;
    __builtin_memcpy(&h, p, sizeof h);
    return (f32x16)(__builtin_convertvector(h, u32x16) << 16);
}

/* 16 weights from column c on, those beyond k zero. */
INLINE f32x16 load_weights(int type, const uint8_t *row, size_t c, size_t k) {
    const uint8_t *p = row + c * width_of(type);
    if (k - c >= 16) return load_16(type, p);
    uint8_t part[64] = {0};
    __builtin_memcpy(part, p, (k - c) * width_of(type));
    return load_16(type, part);
}

INLINE void store_some(float *out, f32x16 v, size_t n) {
    if (n >= 16) store_f32(out, v);
    else __builtin_memcpy(out, &v, n * sizeof(float));
}

/* Sums of 16 rows, and of T rows of activations from t on, to their places. */
INLINE void put(const struct matmul *p, size_t group, size_t t, const int T, const f32x16 *acc) {
    size_t first = LANES * group, lanes = p->n - first < LANES ? p->n - first : LANES;
    for (int i = 0; i < T; i++) {
        float *out = p->out + (t + i) * p->ld_out + first;
        f32x16 v = p->bias ? acc[i] + load_some(p->bias + first, lanes) : acc[i];
        if (lanes == LANES) store_f32(out, v);
        else __builtin_memcpy(out, &v, lanes * sizeof(float));
    }
}

INLINE float sum_of(f32x16 v) {
    typedef float f32x8 __attribute__((vector_size(32)));
    typedef float f32x4 __attribute__((vector_size(16)));
    f32x8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    f32x4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

INLINE void dense_tile(int type, const struct matmul *p, size_t r, size_t t, const int R,
                       const int T) {
    const size_t row = p->k * width_of(type);
    const uint8_t *w = (const uint8_t *)p->w + r * row;
    const float *x = p->x + t * p->k;
    f32x16 acc[TILE_ROWS * TILE_TOKENS] = {0};
    size_t c = 0;
    for (; c + 16 <= p->k; c += 16) {
        UNROLL for (int i = 0; i < R; i++) {
            __builtin_prefetch(w + (i + R) * row + c * width_of(type), 0, 2); /* the next tile */
            f32x16 v = load_weights(type, w + i * row, c, c + 16);
            UNROLL for (int j = 0; j < T; j++)
                acc[i * T + j] = fma16(v, load_f32(x + j * p->k + c), acc[i * T + j]);
        }
    }
    if (c < p->k)
        UNROLL for (int i = 0; i < R; i++) {
            f32x16 v = load_weights(type, w + i * row, c, p->k);
            UNROLL for (int j = 0; j < T; j++)
                acc[i * T + j] = fma16(v, load_some(x + j * p->k + c, p->k - c), acc[i * T + j]);
        }
    UNROLL for (int i = 0; i < R; i++)
        UNROLL for (int j = 0; j < T; j++)
            p->out[(t + j) * p->ld_out + r + i] =
                sum_of(acc[i * T + j]) + (p->bias ? p->bias[r + i] : 0);
}

/* A row of weights by one of activations: weights pass once, so memory is the limit. */
INLINE void dense_one(int type, const struct matmul *p, size_t r, size_t t) {
    const size_t width = width_of(type);
    const uint8_t *w = (const uint8_t *)p->w + r * p->k * width;
    const float *x = p->x + t * p->k;
    f32x16 acc[4] = {0};
    size_t c = 0;
    for (; c + 64 <= p->k; c += 64) {
        UNROLL for (int i = 0; i < 4; i += 4 / (int)width)
            __builtin_prefetch(w + c * width + AHEAD + 16 * width * i, 0, ONCE);
        UNROLL for (size_t i = 0; i < 4; i++) {
            const size_t at = c + 16 * i;
            acc[i] = fma16(load_weights(type, w, at, at + 16), load_f32(x + at), acc[i]);
        }
    }
    for (; c < p->k; c += 16)
        acc[0] = fma16(load_weights(type, w, c, p->k), load_some(x + c, p->k - c), acc[0]);
    p->out[t * p->ld_out + r] =
        sum_of((acc[0] + acc[1]) + (acc[2] + acc[3])) + (p->bias ? p->bias[r] : 0);
}

INLINE void dense_rows(int type, const struct matmul *p, size_t from, size_t to, size_t t,
                       const int T) {
    size_t r = from;
    for (; r + TILE_ROWS <= to; r += TILE_ROWS) dense_tile(type, p, r, t, TILE_ROWS, T);
    for (; r < to; r++) dense_tile(type, p, r, t, 1, T);
}

INLINE void dense_chunk(int type, const struct matmul *p, size_t from, size_t to) {
    size_t t = 0;
    for (; p->n_tokens - t >= TILE_TOKENS; t += TILE_TOKENS)
        dense_rows(type, p, from, to, t, TILE_TOKENS);
    for (; t < p->n_tokens; t++)
        for (size_t r = from; r < to; r++) dense_one(type, p, r, t);
}

#endif
