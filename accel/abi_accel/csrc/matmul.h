/* Products of weights with activations, divided among threads. */
#ifndef ABI_MATMUL_H
#define ABI_MATMUL_H

#include "abi.h"
#include "amx_dense.h"
#include "dense_many.h"
#include "mmla.h"
#include "round.h"
#include "share.h"
#include "vnni.h"
#include "words.h"

INLINE size_t aligned(size_t n) { return (n + 63) & ~(size_t)63; }

#if defined(__AMX_INT8__)
INLINE int by_amx(size_t n_tokens) { return n_tokens >= AMX_FEWEST; }
INLINE size_t whole_tiles(size_t n_tokens) {
    return by_amx(n_tokens) ? (n_tokens + AMX_TOKENS - 1) / AMX_TOKENS * AMX_TOKENS : n_tokens;
}
#else
INLINE size_t whole_tiles(size_t n_tokens) { return n_tokens; }
#endif

/* Where rounded activations lie in the scratch memory, or in none; their size is returned. */
static size_t place(int type, size_t k, size_t n_tokens, uint8_t *at, struct rounded *a) {
    const struct layout l = layout_of(type);
    n_tokens = whole_tiles(n_tokens);
    size_t blocks = k / l.columns, parts = k / l.part;
    size_t d = aligned(n_tokens * k), s = d + aligned(n_tokens * blocks * 4);
    size_t m = s + aligned(n_tokens * parts * 4);
    size_t size = m + aligned(n_tokens * blocks * 4);
    if (!at) return size;
    *a = (struct rounded){(int8_t *)at, (float *)(at + d), (int32_t *)(at + s), 0, k, 1};
#if defined(__AMX_INT8__)
    if (by_amx(n_tokens)) a->together = AMX_TOKENS;
#endif
    if (l.rounding == ROUND_8_1) a->m = (float *)(at + m);
    return size;
}

/* What one thread needs beside the activations: codes of 16 rows or more, and sums. */
static size_t own_scratch(size_t k, size_t n_tokens) {
#if defined(ABI_BY_VNNI)
    return by_vnni(n_tokens) ? vnni_own(k) : 0;
#elif defined(__AMX_INT8__)
    return by_amx(n_tokens) ? aligned(16 * k) + 2048 : 0;
#elif defined(ABI_BY_MMLA)
    return by_mmla(n_tokens) ? mmla_own(k) : 0;
#else
    return (void)k, (void)n_tokens, 0;
#endif
}

static size_t scratch(int type, size_t k, size_t n_tokens, size_t n_threads) {
#if defined(__AMX_BF16__)
    if (type != F32 && !layout_of(type).columns && by_amx(n_tokens))
        return dense_tokens(k, n_tokens) + n_threads * dense_own(k);
#endif
#if defined(ABI_BY_WORDS)
    if (!layout_of(type).columns && by_words(type, n_tokens))
        return words_shared(k, n_tokens) + n_threads * words_own(k);
#endif
    if (!layout_of(type).columns) return by_many(n_tokens) ? n_threads * many_own() : 0;
    return place(type, k, n_tokens, 0, 0) + n_threads * own_scratch(k, n_tokens);
}

/* Block b of row t, of n_tokens that a product meets. */
INLINE void round_block(struct layout l, const float *x, const struct rounded *a, size_t t,
                        size_t b, size_t n_tokens) {
    if (l.columns == 32) round_32(x, a, t, b);
    else if (l.part == 32) round_256(x, a, t, b, 32);
    else round_256(x, a, t, b, 16);
#if defined(ABI_BY_VNNI)
    if (by_vnni(n_tokens)) vnni_shift(a->q + t * a->k + b * l.columns, l.columns);
#else
    (void)n_tokens;
#endif
}

static void round_all(struct thread *t, const struct matmul *p, const struct rounded *a) {
    const struct layout l = layout_of(p->type);
    size_t blocks = p->k / l.columns, all = p->n_tokens * blocks;
    size_t from = all * t->index / t->count, to = all * (t->index + 1) / t->count;
    for (size_t i = from; i < to; i++)
        round_block(l, p->x + l.columns * i, a, i / blocks, i % blocks, p->n_tokens);
}

/* 16 rows of weights by all activations. */
INLINE void group_of(int type, const struct matmul *p, const struct rounded *a, size_t group,
                     uint8_t *own) {
    const struct layout l = layout_of(type);
    const uint8_t *w = (const uint8_t *)p->w + group * (p->k / l.columns) * l.packed;
    size_t t = 0, n = p->n_tokens;
#if defined(__AMX_INT8__)
    if (by_amx(n)) {
        f32x16 acc[AMX_TOKENS];
        int32_t *sums = (int32_t *)(own + aligned(16 * p->k));
        amx_expand(type, w, p->k, own);
        for (; t < n; t += AMX_TOKENS) {
            amx_tile(type, w, own, a, t, sums, acc);
            put(p, group, t, n - t < AMX_TOKENS ? (int)(n - t) : AMX_TOKENS, acc);
        }
        return;
    }
#endif
#if defined(ABI_BY_MMLA)
    if (by_mmla(n)) {
        struct paired e = mmla_place(w, p->k, own);
        mmla_expand(type, e, p->k);
        for (; t < n; t += MMLA_TOKENS) {
            size_t rows[MMLA_TOKENS];
            f32x16 acc[MMLA_TOKENS];
            int T = n - t < MMLA_TOKENS ? (int)(n - t) : MMLA_TOKENS;
            for (int i = 0; i < MMLA_TOKENS; i++) rows[i] = t + (size_t)(i < T ? i : T - 1);
            mmla_tile(type, &e, a, rows, acc);
            put(p, group, t, T, acc);
        }
        return;
    }
#endif
    (void)own;
    f32x16 acc[MOST];
    for (; n - t >= 8; t += 8) tile(type, w, a, t, 8, acc), put(p, group, t, 8, acc);
    if (n - t >= 4) tile(type, w, a, t, 4, acc), put(p, group, t, 4, acc), t += 4;
    if (n - t >= 2) tile(type, w, a, t, 2, acc), put(p, group, t, 2, acc), t += 2;
    if (n - t >= 1) tile(type, w, a, t, 1, acc), put(p, group, t, 1, acc);
}

#if defined(ABI_BY_VNNI)
/* As many groups as its registers hold. Where one is left, or fewer activations than it takes at
 * once, the last are computed more than once, and kept once. */
INLINE void vnni_groups(int type, const struct matmul *p, const struct rounded *a, size_t group,
                        size_t count, uint8_t *own) {
    const size_t size = p->k / layout_of(type).columns * layout_of(type).packed;
    struct expanded e[VNNI_GROUPS];
    for (size_t r = 0; r < count; r++) {
        e[r] = vnni_place((const uint8_t *)p->w + (group + r) * size, p->k, own + r * vnni_size(p->k));
        vnni_expand(type, e[r], p->k);
    }
    for (size_t r = count; r < VNNI_GROUPS; r++) e[r] = e[0];
    for (size_t t = 0; t < p->n_tokens; t += VNNI_TOKENS) {
        size_t rows[VNNI_TOKENS], left = p->n_tokens - t;
        int T = left < VNNI_TOKENS ? (int)left : VNNI_TOKENS;
        for (int i = 0; i < VNNI_TOKENS; i++) rows[i] = t + (i < T ? i : T - 1);
        f32x16 acc[VNNI_SUMS];
        vnni_tile(type, e, a, rows, acc);
        for (size_t r = 0; r < count; r++) put(p, group + r, t, T, acc + r * VNNI_TOKENS);
    }
}
#endif

/* Groups of 16 rows from `from` on by all activations. */
INLINE void groups_of_type(int type, const struct matmul *p, const struct rounded *a, size_t from,
                           size_t to, uint8_t *own) {
#if defined(ABI_BY_VNNI)
    if (by_vnni(p->n_tokens)) {
        for (size_t g = from; g < to; g += VNNI_GROUPS)
            vnni_groups(type, p, a, g, to - g < VNNI_GROUPS ? to - g : VNNI_GROUPS, own);
        return;
    }
#endif
    for (size_t g = from; g < to; g++) group_of(type, p, a, g, own);
}

/* Groups that are computed at once. */
INLINE size_t groups_together(size_t n_tokens) {
#if defined(ABI_BY_VNNI)
    if (by_vnni(n_tokens)) return VNNI_GROUPS;
#endif
    return (void)n_tokens, 1;
}

typedef void groups(const struct matmul *p, const struct rounded *a, size_t from, size_t to,
                    uint8_t *own);

#define GROUPS(TYPE)                                                                           \
    static void groups_##TYPE(const struct matmul *p, const struct rounded *a, size_t from,    \
                              size_t to, uint8_t *own) {                                       \
        groups_of_type(TYPE, p, a, from, to, own);                                             \
    }
GROUPS(Q4_0) GROUPS(Q4_1) GROUPS(Q5_0) GROUPS(Q5_1) GROUPS(Q8_0) GROUPS(IQ4_NL) GROUPS(MXFP4)
GROUPS(Q2_K) GROUPS(Q3_K) GROUPS(Q4_K) GROUPS(Q5_K) GROUPS(Q6_K) GROUPS(IQ4_XS)

static groups *groups_of(int type) {
    switch (type) {
    case Q4_0: return groups_Q4_0;
    case Q4_1: return groups_Q4_1;
    case Q5_0: return groups_Q5_0;
    case Q5_1: return groups_Q5_1;
    case Q8_0: return groups_Q8_0;
    case IQ4_NL: return groups_IQ4_NL;
    case MXFP4: return groups_MXFP4;
    case Q2_K: return groups_Q2_K;
    case Q3_K: return groups_Q3_K;
    case Q4_K: return groups_Q4_K;
    case Q5_K: return groups_Q5_K;
    case Q6_K: return groups_Q6_K;
    default: return groups_IQ4_XS;
    }
}

static void dense_many(const struct matmul *p, size_t from, size_t to, float *own) {
    if (p->type == F32) many_chunk(F32, p, from, to, own);
    else if (p->type == F16) many_chunk(F16, p, from, to, own);
    else many_chunk(BF16, p, from, to, own);
}

static void dense(struct thread *t, const struct matmul *p, int stage) {
#if defined(__AMX_BF16__)
    if (p->type != F32 && by_amx(p->n_tokens)) {
        dense_amx(t, p, stage);
        return;
    }
#endif
#if defined(ABI_BY_WORDS)
    if (by_words(p->type, p->n_tokens)) {
        words(t, p, stage);
        return;
    }
#endif
    struct share s = share_of(t, p->n, TILE_ROWS, DENSE_CHUNK, p->n * p->k * p->n_tokens);
    for (size_t from, to; share_next(t, stage, &s, &from, &to);) {
        if (by_many(p->n_tokens)) dense_many(p, from, to, (float *)(p->scratch + t->index * many_own()));
        else if (p->type == F32) dense_chunk(F32, p, from, to);
        else if (p->type == F16) dense_chunk(F16, p, from, to);
        else dense_chunk(BF16, p, from, to);
    }
}

/* The product of packed weights with activations that were rounded before. */
static void packed(struct thread *t, const struct matmul *p, int stage) {
    struct rounded a;
    uint8_t *own = p->scratch + place(p->type, p->k, p->n_tokens, p->scratch, &a);
    own += t->index * own_scratch(p->k, p->n_tokens);
#if defined(__AMX_INT8__)
    if (by_amx(p->n_tokens)) amx_begin(layout_of(p->type).part);
#endif
    const size_t n = (p->n + LANES - 1) / LANES;
    struct share s = share_of(t, n, groups_together(p->n_tokens), n, p->n * p->k * p->n_tokens);
    for (size_t from, to; share_next(t, stage, &s, &from, &to);)
        groups_of(p->type)(p, &a, from, to, own);
#if defined(__AMX_INT8__)
    if (by_amx(p->n_tokens)) amx_end();
#endif
}

INLINE void product(struct thread *t, const struct matmul *p, int stage) {
    if (layout_of(p->type).columns) packed(t, p, stage);
    else dense(t, p, stage);
}

#endif
