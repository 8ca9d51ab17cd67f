/* Products of F16 and BF16 weights with many activations, as whole numbers of 16 bits: an
 * instruction multiplies twice as many of them as of float32.
 *
 * 32 columns of a row have a scale, by their length: it is 46330 at most in whole numbers, on both
 * sides, so that no sum of their products leaves 32 bits (Cauchy and Schwarz). Rounding takes a
 * half at most, 2^-16 of the length: products are closer than with activations in float16. A
 * number that is not finite makes the scale NaN, and so what comes of it.
 */
#ifndef ABI_WORDS_H
#define ABI_WORDS_H

#include "dense.h"
#include "turn.h"
#include "vnni.h"

#if defined(ABI_BY_VNNI)
#define ABI_BY_WORDS

#define WORD_COLUMNS 32
#define WORD_FEWEST 12 /* activations from which on expanding pays */
#define WORD_ROWS (16 * VNNI_GROUPS)

/* 16 rows: pairs of columns, and the scales of 32. */
struct words {
    i32x16 *pairs;
    f32x16 *d;
};

/* Activations, a row after the other, and the scales of 32. */
struct worded {
    int16_t *q;
    float *d;
    size_t blocks;
};

INLINE int by_words(int type, size_t n_tokens) { return type != F32 && n_tokens >= WORD_FEWEST; }

INLINE size_t word_blocks(size_t k) { return (k + WORD_COLUMNS - 1) / WORD_COLUMNS; }

/* Bytes of 16 rows of weights, and of all activations. */
INLINE size_t words_size(size_t k) { return word_blocks(k) * (WORD_COLUMNS / 2 + 1) * 64; }
INLINE size_t words_own(size_t k) { return VNNI_GROUPS * words_size(k); }
INLINE size_t words_shared(size_t k, size_t n_tokens) {
    return (n_tokens * word_blocks(k) * (WORD_COLUMNS * 2 + 4) + 63) / 64 * 64;
}

INLINE struct worded words_place(const struct matmul *p) {
    const size_t blocks = word_blocks(p->k);
    int16_t *q = (int16_t *)p->scratch;
    return (struct worded){q, (float *)(q + p->n_tokens * blocks * WORD_COLUMNS), blocks};
}

/* Scales by the largest numbers and the squared lengths, which are in units of it. The second
 * operand is what `max` gives where one is NaN. */
INLINE f32x16 word_scale(f32x16 most, f32x16 squares) {
    f32x16 by = __builtin_elementwise_sqrt(squares) * splat(1 / 46330.0f);
    return most * (f32x16)_mm512_max_ps((__m512)splat(1 / 32767.0f), (__m512)by);
}

INLINE f32x16 largest(f32x16 v, f32x16 most) {
    return (f32x16)_mm512_max_ps((__m512)__builtin_elementwise_abs(v), (__m512)most);
}

INLINE i32x16 nearest(f32x16 v) { return (i32x16)_mm512_cvtps_epi32((__m512)v); }

/* 32 activations, of which there are n. */
INLINE void word_row(const float *x, size_t n, int16_t *q, float *d) {
    f32x16 v[2], most = splat(0x1p-100f), squares = splat(0);
    UNROLL for (size_t i = 0; i < 2; i++) {
        v[i] = 16 * i < n ? load_some(x + 16 * i, n - 16 * i) : splat(0);
        most = largest(v[i], most);
    }
    most = splat(_mm512_reduce_max_ps((__m512)most));
    f32x16 by = splat(1) / most;
    UNROLL for (int i = 0; i < 2; i++) squares = fma16(v[i] * by, v[i] * by, squares);
    f32x16 scale = word_scale(most, splat(sum_of(squares)));
    by = splat(1) / scale;
    UNROLL for (int i = 0; i < 2; i++)
        _mm256_storeu_si256((__m256i *)(q + 16 * i), _mm512_cvtsepi32_epi16((__m512i)nearest(v[i] * by)));
    *d = scale[0];
}

static void words_round(struct thread *t, const struct matmul *p, struct worded a) {
    const size_t all = p->n_tokens * a.blocks;
    for (size_t i = all * t->index / t->count; i < all * (t->index + 1) / t->count; i++) {
        const size_t c = i % a.blocks * WORD_COLUMNS;
        word_row(p->x + i / a.blocks * p->k + c, p->k - c, a.q + i * WORD_COLUMNS, a.d + i);
    }
}

/* The first, or the second, of each pair of weights. */
INLINE f32x16 word_half(int type, u32x16 pairs, int second) {
    if (type == BF16) return (f32x16)(second ? pairs & 0xffff0000 : pairs << 16);
    u16x16 h = __builtin_convertvector(second ? pairs >> 16 : pairs & 0xffff, u16x16);
    return load_f16(&h);
}

/* 32 columns of 16 rows from column c on, by columns. */
INLINE void word_columns(int type, const struct matmul *p, size_t first, size_t c, f32x16 *v) {
    const size_t left = p->k - c < WORD_COLUMNS ? p->k - c : WORD_COLUMNS;
    u32x16 lines[16] = {0};
    for (size_t i = 0; i < 16 && first + i < p->n; i++) {
        const uint8_t *from = (const uint8_t *)p->w + ((first + i) * p->k + c) * 2;
        __builtin_prefetch(from + 512, 0, 0);
        if (left == WORD_COLUMNS) __builtin_memcpy(&lines[i], from, 64);
        else __builtin_memcpy(&lines[i], from, 2 * left);
    }
    turn(lines);
    for (int j = 0; j < 16; j++)
        UNROLL for (int s = 0; s < 2; s++) v[2 * j + s] = word_half(type, lines[j], s);
}

/* 16 rows of weights, zeros where there are none. */
INLINE void words_expand(int type, const struct matmul *p, size_t first, struct words w) {
    for (size_t b = 0; b < word_blocks(p->k); b++, w.pairs += WORD_COLUMNS / 2) {
        f32x16 v[WORD_COLUMNS], most = splat(0x1p-100f), squares = splat(0);
        word_columns(type, p, first, b * WORD_COLUMNS, v);
        for (int i = 0; i < WORD_COLUMNS; i++) most = largest(v[i], most);
        f32x16 by = splat(1) / most;
        for (int i = 0; i < WORD_COLUMNS; i++) squares = fma16(v[i] * by, v[i] * by, squares);
        w.d[b] = word_scale(most, squares);
        by = splat(1) / w.d[b];
        for (int i = 0; i < WORD_COLUMNS; i += 2)
            w.pairs[i / 2] = (nearest(v[i] * by) & 0xffff) | nearest(v[i + 1] * by) << 16;
    }
}

/* 32 rows of weights by six of activations: those whose numbers are in `rows`. */
INLINE void words_tile(const struct words *w, struct worded a, const size_t *rows, f32x16 *acc) {
    const int16_t *q[VNNI_TOKENS];
    UNROLL for (int i = 0; i < VNNI_TOKENS; i++) q[i] = a.q + rows[i] * a.blocks * WORD_COLUMNS;
    UNROLL for (int i = 0; i < VNNI_SUMS; i++) acc[i] = splat(0);
    for (size_t b = 0; b < a.blocks; b++) {
        i32x16 sum[VNNI_SUMS];
        UNROLL for (int i = 0; i < VNNI_SUMS; i++) sum[i] = splat_i32(0);
        for (size_t j = b * WORD_COLUMNS; j < (b + 1) * WORD_COLUMNS; j += 2) {
            i32x16 v[VNNI_GROUPS];
            UNROLL for (int r = 0; r < VNNI_GROUPS; r++) v[r] = w[r].pairs[j / 2];
            UNROLL for (int i = 0; i < VNNI_SUMS; i++)
                sum[i] = dot_pairs(sum[i], v[i / VNNI_TOKENS], load_i32(q[i % VNNI_TOKENS] + j));
        }
        UNROLL for (int i = 0; i < VNNI_SUMS; i++)
            acc[i] = fma16(to_f32(sum[i]),
                           w[i / VNNI_TOKENS].d[b] * splat(a.d[rows[i % VNNI_TOKENS] * a.blocks + b]),
                           acc[i]);
    }
}

/* Rows from `first` on: expanded once, then met by six activations after the other. */
INLINE void words_rows(int type, const struct matmul *p, struct worded a, size_t first, uint8_t *own) {
    struct words w[VNNI_GROUPS];
    for (size_t r = 0; r < VNNI_GROUPS; r++, own += words_size(p->k)) {
        w[r] = (struct words){(i32x16 *)own, (f32x16 *)own + a.blocks * WORD_COLUMNS / 2};
        words_expand(type, p, first + 16 * r, w[r]);
    }
    for (size_t t = 0; t < p->n_tokens; t += VNNI_TOKENS) {
        size_t rows[VNNI_TOKENS], left = p->n_tokens - t;
        const size_t count = left < VNNI_TOKENS ? left : VNNI_TOKENS;
        for (size_t i = 0; i < VNNI_TOKENS; i++) rows[i] = t + (i < count ? i : count - 1);
        f32x16 acc[VNNI_SUMS];
        words_tile(w, a, rows, acc);
        for (size_t r = 0; r < VNNI_GROUPS && first + 16 * r < p->n; r++)
            put(p, first / 16 + r, t, (int)count, acc + r * VNNI_TOKENS);
    }
}

/* Threads meet before, because another product may still read what is rounded here. */
static void words(struct thread *t, const struct matmul *p, int stage) {
    const struct worded a = words_place(p);
    uint8_t *own = p->scratch + words_shared(p->k, p->n_tokens) + t->index * words_own(p->k);
    abi_barrier(t);
    words_round(t, p, a);
    abi_barrier(t);
    size_t first;
    while ((first = abi_take(t, stage, WORD_ROWS)) < p->n) {
        if (p->type == F16) words_rows(F16, p, a, first, own);
        else words_rows(BF16, p, a, first, own);
    }
}

#endif
#endif
