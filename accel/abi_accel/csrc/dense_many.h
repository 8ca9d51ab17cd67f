/* Products of weights that are not quantised with many activations.
 *
 * A thread takes a chunk of rows and, some columns at a time, makes them float32 once for all
 * activations. A tile of sums fills the registers; its activations stay in the first cache while
 * all rows of the chunk meet them, and the rows in the second.
 */
#ifndef ABI_DENSE_MANY_H
#define ABI_DENSE_MANY_H

#include "dense.h"

#if defined(__AVX512F__)
#define MANY_ROWS 4
#define MANY_TOKENS 6
#else /* a vector is two or four registers */
#define MANY_ROWS 2
#define MANY_TOKENS 3
#endif
#define MANY_COLUMNS 1024
#define MANY_FEWEST 12 /* activations from which on it pays */

INLINE int by_many(size_t n_tokens) { return n_tokens >= MANY_FEWEST; }

/* Bytes that a thread needs. */
INLINE size_t many_own(void) { return DENSE_CHUNK * MANY_COLUMNS * sizeof(float); }

/* Columns of a chunk: of MANY_ROWS rows, 16 of each in turn; activations `row` apart. */
struct columns {
    const float *w, *x;
    size_t row, n;
};

/* Where column c of row r of a chunk is. */
INLINE size_t many_at(size_t r, size_t c) {
    return r / MANY_ROWS * MANY_ROWS * MANY_COLUMNS + c * MANY_ROWS + r % MANY_ROWS * 16;
}

/* Each row's sum, of up to four. */
INLINE void many_sums(const f32x16 *acc, const int R, const int stride, float *out) {
    typedef float f32x8 __attribute__((vector_size(32)));
    typedef float f32x4 __attribute__((vector_size(16)));
    if (R != 4) {
        UNROLL for (int i = 0; i < R; i++) out[i] += sum_of(acc[i * stride]);
        return;
    }
    f32x16 half[2];
    UNROLL for (int i = 0; i < 2; i++) {
        f32x16 a = acc[2 * i * stride], b = acc[(2 * i + 1) * stride];
        half[i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
                  __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    }
    f32x16 a = half[0], b = half[1];
    f32x16 v = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
               __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    f32x8 w = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    f32x4 sum = __builtin_shufflevector(w, w, 0, 1, 2, 3) + __builtin_shufflevector(w, w, 4, 5, 6, 7), old;
    __builtin_memcpy(&old, out, sizeof old);
    old += sum;
    __builtin_memcpy(out, &old, sizeof old);
}

/* R rows by T rows of activations, on top of what is in `out`. */
INLINE void many_tile(const struct columns *m, size_t r, size_t t, const int R, const int T,
                      float *out, size_t ld_out) {
    const float *w = m->w + many_at(r, 0), *x = m->x + t * m->row;
    f32x16 acc[MANY_ROWS * MANY_TOKENS] = {0};
    size_t c = 0;
    const float *next = x + (T + r / MANY_ROWS % T) * m->row; /* one of the next tile's rows */
    for (; c + 16 <= m->n; c += 16, w += 16 * MANY_ROWS) {
        f32x16 v[MANY_ROWS];
        __builtin_prefetch(next + c, 0, 3);
        UNROLL for (int i = 0; i < R; i++) v[i] = load_f32(w + 16 * i);
        UNROLL for (int j = 0; j < T; j++) {
            f32x16 by = load_f32(x + j * m->row + c);
            UNROLL for (int i = 0; i < R; i++) acc[i * T + j] = fma16(v[i], by, acc[i * T + j]);
        }
    }
    if (c < m->n)
        UNROLL for (int i = 0; i < R; i++)
            UNROLL for (int j = 0; j < T; j++)
                acc[i * T + j] = fma16(load_f32(w + 16 * i),
                                       load_some(x + j * m->row + c, m->n - c), acc[i * T + j]);
    UNROLL for (int j = 0; j < T; j++) many_sums(acc + j, R, T, out + (t + j) * ld_out + r);
}

INLINE void many_rows(const struct columns *m, size_t rows, size_t t, const int T, float *out,
                      size_t ld_out) {
    size_t r = 0;
    for (; r + MANY_ROWS <= rows; r += MANY_ROWS) many_tile(m, r, t, MANY_ROWS, T, out, ld_out);
    for (; r < rows; r++) many_tile(m, r, t, 1, T, out, ld_out);
}

INLINE void many_start(const struct matmul *p, size_t from, size_t to) {
    for (size_t t = 0; t < p->n_tokens; t++)
        for (size_t r = from; r < to; r++) p->out[t * p->ld_out + r] = p->bias ? p->bias[r] : 0;
}

/* Rows `from` to `to`, at most DENSE_CHUNK, by all activations. */
INLINE void many_chunk(int type, const struct matmul *p, size_t from, size_t to, float *own) {
    many_start(p, from, to);
    for (size_t first = 0; first < p->k; first += MANY_COLUMNS) {
        size_t n = p->k - first < MANY_COLUMNS ? p->k - first : MANY_COLUMNS, t = 0;
        struct columns m = {own, p->x + first, p->k, n};
        for (size_t r = from; r < to; r++) {
            const uint8_t *row = (const uint8_t *)p->w + r * p->k * width_of(type);
            for (size_t c = 0; c < n; c += 16)
                store_f32(own + many_at(r - from, c), load_weights(type, row, first + c, first + n));
        }
        for (; p->n_tokens - t >= MANY_TOKENS; t += MANY_TOKENS)
            many_rows(&m, to - from, t, MANY_TOKENS, p->out + from, p->ld_out);
        for (; t < p->n_tokens; t++) many_rows(&m, to - from, t, 1, p->out + from, p->ld_out);
    }
}

#endif
