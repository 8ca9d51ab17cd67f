/* exp and tanh of 16 numbers. */
#ifndef ABI_EXP_H
#define ABI_EXP_H

#include "simd.h"

INLINE f32x16 choose(i32x16 mask, f32x16 yes, f32x16 no) {
    return (f32x16)(((i32x16)yes & mask) | ((i32x16)no & ~mask));
}

INLINE f32x16 least(f32x16 a, f32x16 b) { return choose((i32x16)(a < b), a, b); }
INLINE f32x16 most(f32x16 a, f32x16 b) { return choose((i32x16)(a > b), a, b); }

/* The largest of 16 numbers. */
INLINE float most_of(f32x16 v) {
    v = most(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7), v);
    v = most(__builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11), v);
    v = most(__builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13), v);
    return v[0] > v[1] ? v[0] : v[1];
}

/* Within 2 units in the last place: 2^n by the exponent, the rest by a polynomial (Cephes). */
INLINE f32x16 exp16(f32x16 x) {
    const float magic = 0x1.8p23f;
#if defined(__AVX512F__) /* the second operand is what these give where one is NaN */
    x = (f32x16)_mm512_max_ps((__m512)splat(-104.0f), (__m512)x);
    x = (f32x16)_mm512_min_ps((__m512)splat(89.0f), (__m512)x);
#else
    i32x16 is_nan = (i32x16)(x != x);
    f32x16 given = x;
    x = least(most(x, splat(-104.0f)), splat(89.0f));
#endif
    f32x16 n = fma16(x, splat(0x1.715476p+0f), splat(magic)) - splat(magic);
    f32x16 r = fma16(n, splat(-0x1.62e400p-1f), x);
    r = fma16(n, splat(-0x1.7f7d1cp-20f), r);
    f32x16 p = splat(1.9875691500e-4f);
    p = fma16(p, r, splat(1.3981999507e-3f));
    p = fma16(p, r, splat(8.3334519073e-3f));
    p = fma16(p, r, splat(4.1665795894e-2f));
    p = fma16(p, r, splat(1.6666665459e-1f));
    p = fma16(p, r, splat(5.0000001201e-1f));
    p = fma16(p, r * r, r + 1.0f);
#if defined(__AVX512F__)
    return (f32x16)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    /* In two steps, because 2^n may be below the smallest normal number or above the largest. */
    i32x16 whole = __builtin_convertvector(n, i32x16), half = whole >> 1;
    f32x16 a = (f32x16)((half + 127) << 23), b = (f32x16)((whole - half + 127) << 23);
    return choose(is_nan, given, p * a * b);
#endif
}

/* By exp away from zero, where that loses nothing, and by a polynomial near it (Cephes). */
INLINE f32x16 tanh16(f32x16 x) {
    f32x16 size = (f32x16)((i32x16)x & 0x7fffffff), square = x * x;
    f32x16 far = splat(1.0f) - splat(2.0f) / (exp16(least(size, splat(20.0f)) * 2.0f) + 1.0f);
    far = (f32x16)((i32x16)far | ((i32x16)x & (int32_t)0x80000000));
    f32x16 p = splat(-5.70498872745e-3f);
    p = fma16(p, square, splat(2.06390887954e-2f));
    p = fma16(p, square, splat(-5.37397155531e-2f));
    p = fma16(p, square, splat(1.33314422036e-1f));
    p = fma16(p, square, splat(-3.33332819422e-1f));
    f32x16 near = fma16(p * square, x, x);
    far = choose((i32x16)(size < 0.625f), near, far);
    return choose((i32x16)(x != x), x, far);
}

#endif
