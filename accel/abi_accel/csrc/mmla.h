/* Products with many activations on aarch64: an instruction multiplies two rows of weights with two
 * of activations, eight columns of each. 16 rows by four activations, all sums in registers.
 *
 * The codes of 16 rows are expanded once to signed bytes, less their offset, eight columns of two
 * rows side by side. Scales of parts, and minima, are whole numbers, and so are their sums over a
 * superblock. Four numbers `a0 w0, a0 w1, a1 w0, a1 w1` are a vector, to the end.
 */
#ifndef ABI_MMLA_H
#define ABI_MMLA_H

#include "tile.h"

#if defined(__ARM_FEATURE_MATMUL_INT8)
#define ABI_BY_MMLA

#define MMLA_TOKENS 4
#define MMLA_FEWEST 8 /* activations from which on expanding pays */
#define MMLA_SUMS (4 * MMLA_TOKENS)

/* 16 rows: bytes a column, whole numbers a part, minima a part, what starts a superblock. */
struct paired {
    const uint8_t *w;
    int8_t *codes;
    i32x16 *scales, *minima;
};

INLINE int by_mmla(size_t n_tokens) { return n_tokens >= MMLA_FEWEST; }

/* Bytes that a thread needs: parts have 16 columns or more. */
INLINE size_t mmla_own(size_t k) { return 24 * k; }

INLINE struct paired mmla_place(const uint8_t *w, size_t k, uint8_t *own) {
    return (struct paired){w, (int8_t *)own, (i32x16 *)(own + 16 * k), (i32x16 *)(own + 20 * k)};
}

/* Eight columns of 16 rows: of two vectors of four. */
INLINE void mmla_pair(u8x64 first, u8x64 second, int8_t *to) {
    const uint32x4_t *a = (uint32x4_t *)&first, *b = (uint32x4_t *)&second;
    UNROLL for (int i = 0; i < 4; i++) {
        vst1q_s8(to + 32 * i, vreinterpretq_s8_u32(vzip1q_u32(a[i], b[i])));
        vst1q_s8(to + 32 * i + 16, vreinterpretq_s8_u32(vzip2q_u32(a[i], b[i])));
    }
}

INLINE void mmla_expand(int type, struct paired e, size_t k) {
    const struct layout l = layout_of(type);
    const int parts = l.columns / l.part;
    for (size_t b = 0; b < k / l.columns; b++, e.w += l.packed) {
        for (int i = 0; i < l.columns / 32; i++, e.codes += 512) {
            u8x64 v[8];
            unpack(type, e.w + l.codes + i * l.step, v);
            UNROLL for (int j = 0; j < 8; j++) v[j] -= (uint8_t)offset_of(type);
            UNROLL for (int j = 0; j < 8; j += 2) mmla_pair(v[j], v[j + 1], e.codes + 64 * j);
        }
        struct numbers numbers;
        read_numbers(type, e.w, &numbers);
        for (int j = 0; l.scales && j < parts; j++) *e.scales++ = whole_scales(type, &numbers, j);
        for (int j = 0; l.minima && j < parts; j++) *e.minima++ = whole_minima(type, &numbers, j);
    }
}

/* Pair r of 16 numbers, twice. */
INLINE int32x4_t twice(const void *v, int r) {
    uint64_t pair;
    __builtin_memcpy(&pair, (const uint8_t *)v + 8 * r, 8);
    return vreinterpretq_s32_u64(vdupq_n_u64(pair));
}
INLINE float32x4_t twice_f32(const f32x16 *v, int r) { return vreinterpretq_f32_s32(twice(v, r)); }

/* Sums of one part, on top of what is there: those of the r-th two rows from 2 r on. */
INLINE void mmla_sums(const int8_t *codes, const int8_t *const *q, size_t column, const int part,
                      int32x4_t *s) {
    UNROLL for (int j = 0; j < part; j += 16) {
        const size_t at = column + (size_t)j;
        int8x16_t x[MMLA_TOKENS];
        UNROLL for (int i = 0; i < MMLA_TOKENS; i += 2) {
            int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(q[i] + at));
            int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(q[i + 1] + at));
            x[i] = vreinterpretq_s8_s64(vzip1q_s64(a, b));
            x[i + 1] = vreinterpretq_s8_s64(vzip2q_s64(a, b));
        }
        UNROLL for (int half = 0; half < 2; half++)
            UNROLL for (int r = 0; r < 8; r++) {
                int8x16_t w = vld1q_s8(codes + 16 * at + 128 * half + 16 * r);
                UNROLL for (int i = 0; i < MMLA_TOKENS / 2; i++) {
                    int32x4_t *sum = s + r * MMLA_TOKENS / 2 + i;
                    *sum = vmmlaq_s32(*sum, x[2 * i + half], w);
                }
            }
    }
}

/* Numbers of two activations, each for two rows. */
INLINE float32x4_t of_two(float first, float second) {
    return (float32x4_t){first, first, second, second};
}

/* What the minima of superblock b take off: a sum over its parts of whole numbers. */
INLINE void mmla_minima(const struct paired *e, const struct rounded *a, const size_t *rows,
                        size_t b, const int parts, const f32x16 *by, const float32x4_t *x,
                        float32x4_t *acc) {
    int32x4_t low[MMLA_SUMS];
    UNROLL for (int i = 0; i < MMLA_SUMS; i++) low[i] = vdupq_n_s32(0);
    for (int j = 0; j < parts; j++)
        UNROLL for (int i = 0; i < MMLA_TOKENS / 2; i++) {
            const int32_t first = a->s[(rows[2 * i] * (a->k / 256) + b) * parts + j];
            const int32_t second = a->s[(rows[2 * i + 1] * (a->k / 256) + b) * parts + j];
            const int32x4_t total = {first, first, second, second};
            UNROLL for (int r = 0; r < 8; r++) {
                int32x4_t *sum = low + r * MMLA_TOKENS / 2 + i;
                *sum = vmlaq_s32(*sum, twice(e->minima + b * parts + j, r), total);
            }
        }
    UNROLL for (int i = 0; i < MMLA_SUMS; i++) {
        float32x4_t scale = vmulq_f32(twice_f32(by, i / 2), x[i % 2]);
        acc[i] = vfmsq_f32(acc[i], vcvtq_f32_s32(low[i]), scale);
    }
}

/* 16 rows of weights by four of activations: those whose numbers are in `rows`. */
INLINE void mmla_tile(int type, const struct paired *e, const struct rounded *a, const size_t *rows,
                      f32x16 *out) {
    const struct layout l = layout_of(type);
    const int parts = l.columns / l.part;
    const size_t blocks = a->k / l.columns;
    const int8_t *q[MMLA_TOKENS];
    float32x4_t acc[MMLA_SUMS];
    UNROLL for (int i = 0; i < MMLA_TOKENS; i++) q[i] = a->q + rows[i] * a->k;
    UNROLL for (int i = 0; i < MMLA_SUMS; i++) acc[i] = vdupq_n_f32(0);
    for (size_t b = 0; b < blocks; b++) {
        int32x4_t sum[MMLA_SUMS];
        float32x4_t x[MMLA_TOKENS / 2];
        UNROLL for (int i = 0; i < MMLA_SUMS; i++) sum[i] = vdupq_n_s32(0);
        if (!l.scales) mmla_sums(e->codes, q, b * l.columns, l.part, sum);
        else for (int part = 0; part < parts; part++) {
            int32x4_t s[MMLA_SUMS];
            UNROLL for (int i = 0; i < MMLA_SUMS; i++) s[i] = vdupq_n_s32(0);
            mmla_sums(e->codes, q, b * l.columns + part * l.part, l.part, s);
            UNROLL for (int i = 0; i < MMLA_SUMS; i++)
                sum[i] = vmlaq_s32(sum[i], s[i], twice(e->scales + b * parts + part, i / 2));
        }
        const f32x16 d = scales_of(type, e->w + b * l.packed);
        const f32x16 m = load_f16(e->w + b * l.packed + 32);
        UNROLL for (int i = 0; i < MMLA_TOKENS / 2; i++)
            x[i] = of_two(a->d[rows[2 * i] * blocks + b], a->d[rows[2 * i + 1] * blocks + b]);
        UNROLL for (int i = 0; i < MMLA_SUMS; i++) {
            float32x4_t scale = vmulq_f32(twice_f32(&d, i / 2), x[i % 2]);
            acc[i] = vfmaq_f32(acc[i], vcvtq_f32_s32(sum[i]), scale);
        }
        if (l.rounding == ROUND_8_1)
            UNROLL for (int i = 0; i < MMLA_SUMS; i++) {
                const size_t *row = rows + i % 2 * 2;
                float32x4_t low = of_two(a->m[row[0] * blocks + b], a->m[row[1] * blocks + b]);
                acc[i] = vfmaq_f32(acc[i], twice_f32(&m, i / 2), low);
            }
        if (l.minima) mmla_minima(e, a, rows, b, parts, &m, x, acc);
    }
    UNROLL for (int i = 0; i < MMLA_SUMS; i++) {
        float *to = (float *)(out + i % 2 * 2) + i / 2 * 2;
        vst1_f32(to, vget_low_f32(acc[i]));
        vst1_f32(to + LANES, vget_high_f32(acc[i]));
    }
}

#endif
#endif
