/* Attention of few queries: keys and values are read where they are. */
#ifndef ABI_ATTENTION_FEW_H
#define ABI_ATTENTION_FEW_H

#include "weigh.h"

#define FEW_ROWS 3

/* The sums of 16 vectors, which are given in the order of their reversed bits. */
INLINE f32x16 sums_of(f32x16 *a) {
    UNROLL for (int i = 0; i < 8; i++)
        a[i] = __builtin_shufflevector(a[i], a[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20,
                                       21, 22, 23) +
               __builtin_shufflevector(a[i], a[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26,
                                       27, 28, 29, 30, 31);
    UNROLL for (int i = 0; i < 4; i++)
        a[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19,
                                       24, 25, 26, 27) +
               __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23,
                                       28, 29, 30, 31);
    UNROLL for (int i = 0; i < 2; i++)
        a[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21,
                                       24, 25, 28, 29) +
               __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23,
                                       26, 27, 30, 31);
    return __builtin_shufflevector(a[0], a[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26,
                                   28, 30) +
           __builtin_shufflevector(a[0], a[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27,
                                   29, 31);
}

/* Scores of few rows, 16 positions at a time; those past the last repeat it, and are hidden. */
INLINE void score_few(int type, const struct heads *h, const uint8_t *k, size_t n, size_t rows,
                      struct piece *w) {
    static const uint8_t turned[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
    const size_t dim = h->head_dim, wide = padded(dim), row = row_bytes(type, dim);
    for (size_t j = 0; j < BLOCK; j += 16) {
        for (size_t r = 0; r < rows && j < n; r++) {
            f32x16 acc[16] = {0};
            for (size_t c = 0; c < dim; c += 16) {
                f32x16 q = load_f32(w->q + r * wide + c);
                UNROLL for (int i = 0; i < 16; i++) {
                    const uint8_t *at = k + (j + i < n ? j + i : n - 1) * row;
                    if (r == 0) ask(type, at, row, c);
                    acc[turned[i]] = fma16(q, load_cached(type, at, c, dim), acc[turned[i]]);
                }
            }
            store_f32(w->scores + r * BLOCK + j, sums_of(acc));
        }
    }
}

/* Add the weighted values of n positions to few rows. */
INLINE void mix_few(int type, const struct heads *h, const uint8_t *v, size_t n, size_t rows,
                    struct piece *w) {
    const size_t dim = h->head_dim, wide = padded(dim), row = row_bytes(type, dim);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < dim; c += 16) {
            f32x16 even = load_f32(w->out + r * wide + c), odd = splat(0);
            const float *s = w->scores + r * BLOCK;
            size_t i = 0;
            for (; i + 2 <= n; i += 2) {
                if (r == 0) ask(type, v + i * row, row, c), ask(type, v + (i + 1) * row, row, c);
                even = fma16(splat(s[i]), load_cached(type, v + i * row, c, dim), even);
                odd = fma16(splat(s[i + 1]), load_cached(type, v + (i + 1) * row, c, dim), odd);
            }
            if (i < n) even = fma16(splat(s[i]), load_cached(type, v + i * row, c, dim), even);
            store_f32(w->out + r * wide + c, even + odd);
        }
}

static void attend_few(const struct heads *h, size_t base, size_t rows, size_t low, size_t high,
                       struct piece *w) {
    for (size_t from = low; from < high; from += BLOCK) {
        const size_t n = high - from < BLOCK ? high - from : BLOCK, at = base + from;
        const uint8_t *k = (const uint8_t *)h->k + at * row_bytes(h->type_k, h->head_dim);
        const uint8_t *v = (const uint8_t *)h->v + at * row_bytes(h->type_v, h->head_dim);
        switch (h->type_k) {
        case F32: score_few(F32, h, k, n, rows, w); break;
        case F16: score_few(F16, h, k, n, rows, w); break;
        case Q8_0: score_few(Q8_0, h, k, n, rows, w); break;
        default: score_few(Q4_0, h, k, n, rows, w); break;
        }
        weigh(h, w, rows, from, n);
        switch (h->type_v) {
        case F32: mix_few(F32, h, v, n, rows, w); break;
        case F16: mix_few(F16, h, v, n, rows, w); break;
        case Q8_0: mix_few(Q8_0, h, v, n, rows, w); break;
        default: mix_few(Q4_0, h, v, n, rows, w); break;
        }
    }
}

#endif
