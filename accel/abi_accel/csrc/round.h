/* Activations to bytes, as ggml rounds them. */
#ifndef ABI_ROUND_H
#define ABI_ROUND_H

#include "tile.h"

/* The nearest float16, as a float; what float16 cannot hold stays as it is. */
INLINE float through_half(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    uint32_t sign = bits & 0x80000000u; /* NaN stays NaN */
    bits ^= sign;
    __builtin_memcpy(&x, &bits, 4);
    if (x < 0x1p-14f) {
        x = (x + 0.5f) - 0.5f; /* subnormal: multiples of 2^-24 */
    } else if (x <= 65504.0f) {
        bits = (bits + 0xFFFu + (bits >> 13 & 1)) & ~0x1FFFu;
        __builtin_memcpy(&x, &bits, 4);
    }
    return sign ? -x : x;
}

/* The bits of the nearest float16. */
INLINE uint16_t to_half(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    uint32_t sign = bits >> 16 & 0x8000;
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    x = __builtin_fabsf(x);
    if (x >= 65520.0f) return (uint16_t)(sign | 0x7c00);
    if (x > 65504.0f) x = 65504.0f;
    x = through_half(x);
    if (x < 0x1p-14f) return (uint16_t)(sign | (uint32_t)(x * 0x1p24f));
    __builtin_memcpy(&bits, &x, 4);
    return (uint16_t)(sign | (bits - (112u << 23)) >> 13);
}

/* The largest magnitude's bits: those of infinity and NaN are larger than any number's. */
INLINE uint32_t largest_bits(const float *x, int n) {
    u32x16 most = {0};
    for (int i = 0; i < n; i += 16) {
        u32x16 bits = (u32x16)load_f32(x + i) & 0x7fffffff;
        u32x16 more = (u32x16)(bits > most);
        most = (bits & more) | (most & ~more);
    }
    return __builtin_reduce_max(most);
}

/* n numbers times `by`, to the nearest whole ones, halves to even; their sum. */
INLINE int32_t to_bytes(const float *x, float by, int n, int8_t *q) {
    const float magic = 0x1.8p23f; /* what is added to it is rounded to whole numbers */
    i32x16 total = {0};
    for (int i = 0; i < n; i += 16) {
        f32x16 v = (load_f32(x + i) * by + magic) - magic;
        i32x16 whole = __builtin_convertvector(v, i32x16);
        total += whole;
        i8x16 bytes = __builtin_convertvector(whole, i8x16);
        __builtin_memcpy(q + i, &bytes, 16);
    }
    return __builtin_reduce_add(total);
}

/* Of what has an infinity or a NaN the scale is NaN; of what is too small to invert, zero. */
INLINE int is_plain(uint32_t bits, float largest) {
    return bits < 0x7f800000 && largest > 0x1p-120f;
}

/* 32 columns: block b of row t. */
INLINE void round_32(const float *x, const struct rounded *a, size_t t, size_t b) {
    float largest, scale = 0;
    size_t at = place_of(a, t, a->k / 32, b);
    int8_t *q = a->q + 32 * at;
    uint32_t bits = largest_bits(x, 32);
    __builtin_memcpy(&largest, &bits, 4);
    a->s[at] = 0;
    if (is_plain(bits, largest)) {
        scale = largest / 127.0f;
        a->s[at] = to_bytes(x, 127.0f / largest, 32, q);
    } else {
        __builtin_memset(q, 0, 32);
        if (bits >= 0x7f800000) scale = __builtin_nanf("");
    }
    a->d[at] = through_half(scale);
    if (a->m) a->m[at] = through_half(scale * (float)a->s[at]);
}

/* 256 columns, so that what has the largest magnitude becomes -127. */
INLINE void round_256(const float *x, const struct rounded *a, size_t t, size_t b, int part) {
    const int parts = 256 / part;
    uint32_t bits = largest_bits(x, 256);
    float largest, inverse = 0, *d = a->d + place_of(a, t, a->k / 256, b);
    __builtin_memcpy(&largest, &bits, 4);
    *d = bits >= 0x7f800000 ? __builtin_nanf("") : 0;
    if (is_plain(bits, largest)) {
        int i = 0;
        while (__builtin_fabsf(x[i]) != largest) i++;
        inverse = -127.0f / x[i];
        *d = 1 / inverse;
    }
    for (int j = 0; j < parts; j++) {
        size_t at = place_of(a, t, a->k / part, b * parts + j);
        a->s[at] = inverse == 0 ? 0 : to_bytes(x + part * j, inverse, part, a->q + part * at);
        if (inverse == 0) __builtin_memset(a->q + part * at, 0, part);
    }
}

#endif
