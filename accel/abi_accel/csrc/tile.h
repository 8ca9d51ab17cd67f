/* Codes of 16 rows to bytes, and their products with a few rows of activations.
 *
 * Everything here is inlined with a constant type, so that each type gets a loop of its own.
 */
#ifndef ABI_TILE_H
#define ABI_TILE_H

#include "simd.h"
#include "types.h"

#define MOST 8     /* rows of activations that meet 16 rows of weights at once */

/* Rounded activations: bytes, a scale a block, the sum of each part.
 *
 * Rows follow each other; for the matrix unit `together` rows (else 1) lie part by part, so that
 * what it takes at once is in one place.
 */
struct rounded {
    int8_t *q;
    float *d;   /* of 32 columns, or of 256 */
    int32_t *s; /* of the columns under one scale of the weights */
    float *m;   /* ROUND_8_1: float16 of d times the sum */
    size_t k, together;
};

/* Where piece i of n of row t is, in pieces. */
INLINE size_t place_of(const struct rounded *a, size_t t, size_t n, size_t i) {
    return (t / a->together * n + i) * a->together + t % a->together;
}

INLINE i8x16 values_of(int type) {
    const i8x16 iq4 = {VALUES_IQ4}, e2m1 = {VALUES_E2M1};
    return type == MXFP4 ? e2m1 : iq4;
}

/* Each of 64 codes below 16 to its value. */
INLINE u8x64 look_up(i8x16 table, u8x64 code) {
#if defined(__AVX512BW__)
    __m512i wide = _mm512_broadcast_i32x4((__m128i)table);
    return (u8x64)_mm512_shuffle_epi8(wide, (__m512i)code);
#elif defined(__AVX2__)
    __m256i *part = (__m256i *)&code, wide = _mm256_broadcastsi128_si256((__m128i)table);
    for (int i = 0; i < 2; i++) part[i] = _mm256_shuffle_epi8(wide, part[i]);
    return code;
#elif defined(__aarch64__)
    uint8x16_t *part = (uint8x16_t *)&code;
    for (int i = 0; i < 4; i++) part[i] = vqtbl1q_u8((uint8x16_t)table, part[i]);
    return code;
#elif defined(__wasm_simd128__)
    v128_t *part = (v128_t *)&code;
    for (int i = 0; i < 4; i++) part[i] = swizzled((v128_t)table, part[i]);
    return code;
#else
    for (int i = 0; i < 64; i++) code[i] = (uint8_t)table[code[i]];
    return code;
#endif
}

/* Whether codes are signed, or what is to be taken off each. */
INLINE int is_signed(int type) {
    return type == Q8_0 || type == IQ4_NL || type == IQ4_XS || type == MXFP4;
}

INLINE int offset_of(int type) {
    switch (type) {
    case Q4_0: return 8;
    case Q5_0: return 16;
    case Q3_K: return 4;
    case Q6_K: return 32;
    default: return is_signed(type) ? SIGNED_EXTRA : 0;
    }
}

/* The codes of 32 columns as 8 vectors of 4 columns each. */
INLINE void unpack(int type, const uint8_t *p, u8x64 *w) {
    if (type == Q8_0) {
        UNROLL for (int j = 0; j < 8; j++) w[j] = ready_signed(load_u8(p + 64 * j));
        return;
    }
    if (type == Q2_K || type == Q3_K) {
        UNROLL for (int j = 0; j < 8; j++) w[j] = load_u8(p + j % 2 * 64) >> j / 2 * 2 & 3;
    } else {
        UNROLL for (int j = 0; j < 4; j++) {
            u8x64 v = load_u8(p + 64 * j);
            w[j] = v & 15;
            w[j + 4] = v >> 4;
        }
    }
    if (type == Q3_K) {
        u8x64 high = load_u8(p + 128);
        UNROLL for (int j = 0; j < 8; j++) w[j] |= (j < 2 ? high << (2 - j) : high >> (j - 2)) & 4;
    }
    if (type == Q5_0 || type == Q5_1 || type == Q5_K) {
        u8x64 high = load_u8(p + 256);
        UNROLL for (int j = 0; j < 8; j++) w[j] |= (j < 4 ? high << (4 - j) : high >> (j - 4)) & 16;
    }
    if (type == Q6_K) {
        UNROLL for (int j = 0; j < 8; j++) {
            u8x64 high = load_u8(p + 256 + j % 2 * 64);
            w[j] |= (j < 4 ? high << (4 - j / 2 * 2) : high >> (j / 2 * 2 - 4)) & 48;
        }
    }
    if (type == IQ4_NL || type == IQ4_XS || type == MXFP4) {
        UNROLL for (int j = 0; j < 8; j++) w[j] = ready_signed(look_up(values_of(type), w[j]));
    }
}

/* The 16 scales of a superblock. */
INLINE f32x16 scales_of(int type, const uint8_t *p) {
    if (type != MXFP4) return load_f16(p);
    u8x16 e;
    __builtin_memcpy(&e, p, 16);
    u32x16 exponent = __builtin_convertvector(e, u32x16); /* half of 2^(e - 127): doubled values */
    u32x16 small = (u32x16)(exponent < 2);
    u32x16 normal = (exponent - 1) << 23, tiny = (u32x16){0} + 0x200000;
    return (f32x16)((normal & ~small) | (tiny << (exponent & 1) & small));
}

/* A superblock's scales of parts, 16 bytes each, then the minima if they are not in the same byte:
 * where they lie among the weights, or in `room`. Not to be copied. */
struct numbers {
    const uint8_t *at;
    u8x64 room[4];
};

INLINE void read_numbers(int type, const uint8_t *w, struct numbers *s) {
    s->at = w + layout_of(type).scales;
    if (!is_six(type)) return;
    const u8x64 scale = load_u8(s->at), minimum = load_u8(s->at + 64), high = load_u8(s->at + 128);
    s->room[0] = (scale & 15) | (high << 4 & 48);
    s->room[1] = scale >> 4 | (high << 2 & 48);
    s->room[2] = (minimum & 15) | (high & 48);
    s->room[3] = minimum >> 4 | (high >> 2 & 48);
    s->at = (const uint8_t *)s->room;
}

/* The scales of a part, or its minima: whole numbers. */
INLINE i32x16 whole_scales(int type, const struct numbers *numbers, int part) {
    u8x16 s;
    __builtin_memcpy(&s, numbers->at + 16 * part, 16);
    if (type == Q3_K || type == Q6_K || type == IQ4_XS)
        return __builtin_convertvector((i8x16)s, i32x16);
    return __builtin_convertvector(type == Q2_K ? s & 15 : s, i32x16);
}

INLINE i32x16 whole_minima(int type, const struct numbers *numbers, int part) {
    u8x16 m;
    __builtin_memcpy(&m, numbers->at + (type == Q2_K ? 0 : 128) + 16 * part, 16);
    return __builtin_convertvector(type == Q2_K ? m >> 4 : m, i32x16);
}

INLINE f32x16 part_scales(int type, const struct numbers *numbers, int part) {
    return to_f32(whole_scales(type, numbers, part));
}

INLINE f32x16 part_minima(int type, const struct numbers *numbers, int part) {
    return to_f32(whole_minima(type, numbers, part));
}

INLINE i32x16 dot(int type, i32x16 s, u8x64 w, int32_t x) {
    return is_signed(type) ? dot_signed(s, w, x) : dot_unsigned(s, w, x);
}

/* Less far where superblocks are whole lines of the cache: Q4_K is 8% faster, Q6_K's are not. */
INLINE int ahead_of(struct layout l) {
    return l.columns == 256 && l.packed % 64 == 0 && AHEAD > 6144 ? 6144 : AHEAD;
}

/* Ask for n bytes that lie ahead: what the machine asks for by itself is too little. */
INLINE void ask_for(const uint8_t *from, const int n, const int ahead) {
    UNROLL for (int i = 0; i < n; i += 64) __builtin_prefetch(from + ahead + i, 0, ONCE);
}

/* 16 rows by T rows of activations from row t on. */
INLINE void tile(int type, const uint8_t *w, const struct rounded *a, size_t t, const int T,
                 f32x16 *acc) {
    const struct layout l = layout_of(type);
    const int parts = l.columns / l.part, vectors = l.part / 4;
    const size_t blocks = a->k / l.columns, n_d = blocks, n_s = a->k / l.part;
    UNROLL for (int i = 0; i < T; i++) acc[i] = splat(0);
    for (size_t b = 0; b < blocks; b++, w += l.packed) {
        f32x16 sum[MOST], low[MOST];
        struct numbers numbers;
        ask_for(w, l.codes, ahead_of(l));
        read_numbers(type, w, &numbers);
        UNROLL for (int i = 0; i < T; i++) sum[i] = low[i] = splat(0);
        for (int part = 0; part < parts; part++) {
            const uint8_t *codes = w + l.codes + part * l.part / 32 * l.step;
            if (l.part * part % 32 == 0) ask_for(codes, l.step, ahead_of(l));
            u8x64 v[8];
            const int in = l.part == 16 ? part % 2 * 4 : 0; /* two parts of 16 are unpacked once */
            unpack(type, codes, v);
            f32x16 scale = l.scales ? part_scales(type, &numbers, part) : splat(1);
            f32x16 minimum = l.minima ? part_minima(type, &numbers, part) : splat(0);
            UNROLL for (int i = 0; i < T; i++) {
                const int8_t *q = a->q + (t + i) * a->k + b * l.columns + part * l.part;
                const int32_t total = a->s[(t + i) * n_s + b * parts + part];
                i32x16 s = splat_i32(-offset_of(type) * total);
                UNROLL for (int j = 0; j < vectors; j++) s = dot(type, s, v[in + j], load_i32(q + 4 * j));
                sum[i] = l.scales ? fma16(to_f32(s), scale, sum[i]) : to_f32(s);
                if (l.minima) low[i] = fma16(minimum, splat((float)total), low[i]);
            }
        }
        f32x16 d = scales_of(type, w), m = l.minima || l.rounding == ROUND_8_1 ? load_f16(w + 32) : d;
        UNROLL for (int i = 0; i < T; i++) {
            float x = a->d[(t + i) * n_d + b];
            acc[i] = fma16(sum[i], d * splat(x), acc[i]);
            if (l.minima) acc[i] = fma16(low[i], m * splat(-x), acc[i]);
            if (l.rounding == ROUND_8_1) acc[i] = fma16(m, splat(a->m[(t + i) * n_d + b]), acc[i]);
        }
    }
}

#endif
