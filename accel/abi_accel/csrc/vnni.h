/* Products with many activations, by products of bytes in vectors of 64: two groups of 16 rows by
 * six rows of activations, all sums in registers.
 *
 * The codes of a group are expanded once to signed bytes, less their offset. What multiplies them
 * must be unsigned: 128 is added to the activations, and `base`, which depends on the weights
 * alone, takes off what that adds. Scales of parts, and minima, are whole numbers, and so are
 * their sums over a superblock.
 */
#ifndef ABI_VNNI_H
#define ABI_VNNI_H

#include "tile.h"

#if defined(__AVX512VNNI__) && !defined(__AMX_INT8__)
#define ABI_BY_VNNI

#define VNNI_TOKENS 6
#define VNNI_GROUPS 2
#define VNNI_FEWEST 12 /* activations from which on expanding pays */
#define VNNI_SUMS (VNNI_GROUPS * VNNI_TOKENS)

/* 16 rows: bytes a column, whole numbers a part, pairs of minima, what starts a superblock. */
struct expanded {
    const uint8_t *w;
    int8_t *codes;
    i32x16 *scales, *base, *minima;
};

INLINE int by_vnni(size_t n_tokens) { return n_tokens >= VNNI_FEWEST; }

/* Bytes of an expanded group, and what a thread needs. */
INLINE size_t vnni_size(size_t k) { return 24 * k; }
INLINE size_t vnni_own(size_t k) { return VNNI_GROUPS * vnni_size(k); }

INLINE struct expanded vnni_place(const uint8_t *w, size_t k, uint8_t *own) {
    return (struct expanded){w, (int8_t *)own, (i32x16 *)(own + 16 * k), (i32x16 *)(own + 20 * k),
                             (i32x16 *)(own + 22 * k)};
}

/* What rounding made, made unsigned. */
INLINE void vnni_shift(int8_t *q, const int n) {
    for (int i = 0; i < n; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(q + i));
        v = _mm256_xor_si256(v, _mm256_set1_epi8((char)0x80));
        _mm256_storeu_si256((__m256i *)(q + i), v);
    }
}

INLINE i32x16 dot_shifted(i32x16 s, u8x64 w, int32_t x) {
    return (i32x16)_mm512_dpbusd_epi32((__m512i)s, _mm512_set1_epi32(x), (__m512i)w);
}

INLINE i32x16 dot_pairs(i32x16 s, i32x16 w, int32_t x) {
    return (i32x16)_mm512_dpwssd_epi32((__m512i)s, (__m512i)w, _mm512_set1_epi32(x));
}

/* 32 columns from the codes at `from` to `to`, and 128 times the sums of each part. */
INLINE void vnni_bytes(int type, const uint8_t *from, int8_t *to, const int part, i32x16 *sums) {
    u8x64 v[8];
    unpack(type, from, v);
    UNROLL for (int j = 0; j < 32 / part; j++) sums[j] = splat_i32(0);
    UNROLL for (int j = 0; j < 8; j++) {
        u8x64 made = is_signed(type) ? v[j] ^ 0x80 : v[j] - (uint8_t)offset_of(type);
        __builtin_memcpy(to + 64 * j, &made, 64);
        sums[4 * j / part] = dot_shifted(sums[4 * j / part], made, (int32_t)0x80808080);
    }
}

INLINE void vnni_expand(int type, struct expanded e, size_t k) {
    const struct layout l = layout_of(type);
    const int parts = l.columns / l.part, each = 32 / l.part;
    for (size_t b = 0; b < k / l.columns; b++, e.w += l.packed) {
        i32x16 base = splat_i32(0), sums[2];
        struct numbers numbers;
        read_numbers(type, e.w, &numbers);
        for (int i = 0; i < l.columns / 32; i++, e.codes += 512) {
            vnni_bytes(type, e.w + l.codes + i * l.step, e.codes, l.part, sums);
            UNROLL for (int j = 0; j < each; j++) {
                i32x16 scale = splat_i32(1);
                if (l.scales) *e.scales++ = scale = whole_scales(type, &numbers, i * each + j);
                base -= scale * sums[j];
            }
        }
        e.base[b] = base;
        for (int j = 0; l.minima && j < parts; j += 2)
            *e.minima++ = whole_minima(type, &numbers, j) | whole_minima(type, &numbers, j + 1) << 16;
    }
}

/* Sums of one part, on top of what is there. */
INLINE void vnni_sums(const struct expanded *e, const int8_t *const *q, size_t column, const int part,
                      i32x16 *s) {
    UNROLL for (int j = 0; j < part; j += 4) {
        const size_t at = 16 * (column + j);
        u8x64 w[VNNI_GROUPS];
        UNROLL for (int r = 0; r < VNNI_GROUPS; r++) w[r] = load_u8(e[r].codes + at);
        UNROLL for (int i = 0; i < VNNI_TOKENS; i++) {
            int32_t x = load_i32(q[i] + column + j);
            UNROLL for (int r = 0; r < VNNI_GROUPS; r++)
                s[r * VNNI_TOKENS + i] = dot_shifted(s[r * VNNI_TOKENS + i], w[r], x);
        }
    }
}

/* What the minima of superblock b take off: as a sum over its parts of whole numbers. */
INLINE void vnni_minima(const struct expanded *e, const struct rounded *a, const size_t *rows,
                        size_t b, const int parts, const f32x16 *by, f32x16 *acc) {
    i32x16 low[VNNI_SUMS];
    int16_t totals[VNNI_TOKENS][16];
    UNROLL for (int i = 0; i < VNNI_SUMS; i++) low[i] = splat_i32(0);
    for (int i = 0; i < VNNI_TOKENS; i++)
        for (int j = 0; j < parts; j++)
            totals[i][j] = (int16_t)a->s[(rows[i] * (a->k / 256) + b) * parts + j];
    for (int j = 0; j < parts / 2; j++)
        UNROLL for (int i = 0; i < VNNI_TOKENS; i++) {
            int32_t pair = load_i32(totals[i] + 2 * j);
            UNROLL for (int r = 0; r < VNNI_GROUPS; r++)
                low[r * VNNI_TOKENS + i] = dot_pairs(low[r * VNNI_TOKENS + i],
                                                     e[r].minima[b * parts / 2 + j], pair);
        }
    UNROLL for (int i = 0; i < VNNI_TOKENS; i++) {
        f32x16 x = splat(-a->d[rows[i] * (a->k / 256) + b]);
        UNROLL for (int r = 0; r < VNNI_GROUPS; r++) {
            f32x16 *sum = acc + r * VNNI_TOKENS + i;
            *sum = fma16(to_f32(low[r * VNNI_TOKENS + i]), by[r] * x, *sum);
        }
    }
}

/* 32 rows of weights by six of activations: those whose numbers are in `rows`. */
INLINE void vnni_tile(int type, const struct expanded *e, const struct rounded *a,
                      const size_t *rows, f32x16 *acc) {
    const struct layout l = layout_of(type);
    const int parts = l.columns / l.part;
    const size_t blocks = a->k / l.columns;
    const int8_t *q[VNNI_TOKENS];
    UNROLL for (int i = 0; i < VNNI_TOKENS; i++) q[i] = a->q + rows[i] * a->k;
    UNROLL for (int i = 0; i < VNNI_SUMS; i++) acc[i] = splat(0);
    for (size_t b = 0; b < blocks; b++) {
        i32x16 sum[VNNI_SUMS];
        f32x16 d[VNNI_GROUPS], m[VNNI_GROUPS];
        UNROLL for (int i = 0; i < VNNI_SUMS; i++) sum[i] = e[i / VNNI_TOKENS].base[b];
        if (!l.scales) vnni_sums(e, q, b * l.columns, l.part, sum);
        else for (int part = 0; part < parts; part++) {
            i32x16 s[VNNI_SUMS];
            UNROLL for (int i = 0; i < VNNI_SUMS; i++) s[i] = splat_i32(0);
            vnni_sums(e, q, b * l.columns + part * l.part, l.part, s);
            UNROLL for (int i = 0; i < VNNI_SUMS; i++)
                sum[i] += s[i] * e[i / VNNI_TOKENS].scales[b * parts + part];
        }
        UNROLL for (int r = 0; r < VNNI_GROUPS; r++) {
            d[r] = scales_of(type, e[r].w + b * l.packed);
            m[r] = load_f16(e[r].w + b * l.packed + 32);
        }
        UNROLL for (int i = 0; i < VNNI_SUMS; i++) {
            const size_t at = rows[i % VNNI_TOKENS] * blocks + b;
            const int r = i / VNNI_TOKENS;
            acc[i] = fma16(to_f32(sum[i]), d[r] * splat(a->d[at]), acc[i]);
            if (l.rounding == ROUND_8_1) acc[i] = fma16(m[r], splat(a->m[at]), acc[i]);
        }
        if (l.minima) vnni_minima(e, a, rows, b, parts, m, acc);
    }
}

#endif
#endif
