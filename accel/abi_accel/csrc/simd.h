/* Vectors of one width for every instruction set, and the few operations that differ.
 *
 * The kernels are written once over clang's vector types of 64 bytes, which it divides where the
 * machine's registers are smaller. What is not plain arithmetic is here: products of bytes,
 * float16, fused operations.
 */
#ifndef ABI_SIMD_H
#define ABI_SIMD_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x32 __attribute__((vector_size(64)));
typedef int16_t i16x32 __attribute__((vector_size(64)));
typedef int8_t i8x64 __attribute__((vector_size(64)));
typedef uint8_t u8x64 __attribute__((vector_size(64)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

#define LANES 16 /* rows of weights that lie side by side */

/* How far ahead weights are asked for, in bytes, and to which cache, as what is read once; as
 * measured: of Intel's machines with a matrix unit, and of AMD's. */
#if defined(__AMX_INT8__)
#define AHEAD 4096
#define ONCE 2
#else
#define AHEAD 10240
#define ONCE 0
#endif

INLINE f32x16 load_f32(const float *p) {
    f32x16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

INLINE void store_f32(float *p, f32x16 v) { __builtin_memcpy(p, &v, sizeof v); }

INLINE u8x64 load_u8(const void *p) {
    u8x64 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

INLINE int32_t load_i32(const void *p) {
    int32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/* Written out: a sum with zero would have to be computed, for the sake of -0. */
INLINE f32x16 splat(float x) {
    return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

INLINE i32x16 splat_i32(int32_t x) { return (i32x16){0} + x; }
INLINE f32x16 to_f32(i32x16 v) { return __builtin_convertvector(v, f32x16); }

/* a * b + c, rounded once where the machine can. */
INLINE f32x16 fma16(f32x16 a, f32x16 b, f32x16 c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* The first n of 16 numbers, the others zero. */
INLINE f32x16 load_some(const float *x, size_t n) {
    if (n >= 16) return load_f32(x);
#if defined(__AVX512F__)
    return (f32x16)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), x);
#else
    f32x16 v = splat(0);
    __builtin_memcpy(&v, x, n * sizeof(float));
    return v;
#endif
}

/* 16 float16, from an address of any alignment. */
INLINE f32x16 load_f16(const void *p) {
#if defined(__AVX512F__)
    return (f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__F16C__)
    f32x16 v;
    __m256 low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
    __m256 high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + 1));
    __builtin_memcpy(&v, &low, 32);
    __builtin_memcpy((char *)&v + 32, &high, 32);
    return v;
#else
    u16x16 h;
    __builtin_memcpy(&h, p, sizeof h);
    u32x16 u = __builtin_convertvector(h, u32x16);
    u32x16 sign = (u & 0x8000) << 16, rest = (u & 0x7fff) << 13;
    u32x16 odd = (u32x16)(rest >= 0x7c00u << 13) & (0xffu << 23); /* infinity, NaN */
    f32x16 value = (f32x16)rest * splat(0x1p112f);                /* subnormals too */
    return (f32x16)((u32x16)value | odd | sign);
#endif
}

#if defined(__wasm_simd128__)
/* Bytes of a table of 16, by their numbers, which are below 16. */
INLINE v128_t swizzled(v128_t table, v128_t numbers) {
#if defined(__wasm_relaxed_simd__)
    return wasm_i8x16_relaxed_swizzle(table, numbers);
#else
    return wasm_i8x16_swizzle(table, numbers);
#endif
}
#endif

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#define ABI_BY_UNSIGNED /* one instruction multiplies unsigned bytes with signed ones */
#endif

/* s + the products of 4 signed bytes of w with those of x. Bytes 0 and 1, and 2 and 3, of each 4:
 * their products' sums fit in 16 bits. */
INLINE i32x16 dot_plain(i32x16 s, u8x64 w, int32_t x) {
    i16x32 xs = (i16x32)splat_i32(x), ws = (i16x32)w;
    i16x32 pairs = ((ws << 8) >> 8) * ((xs << 8) >> 8) + (ws >> 8) * (xs >> 8);
#if defined(__wasm_simd128__)
    v128_t *part = (v128_t *)&pairs;
    for (int i = 0; i < 4; i++) part[i] = wasm_i32x4_extadd_pairwise_i16x8(part[i]);
    return s + (i32x16)pairs;
#else
    return s + (((i32x16)pairs << 16) >> 16) + ((i32x16)pairs >> 16);
#endif
}

/* s + the products of 4 bytes of w, unsigned and below 128, with the 4 signed bytes of x. */
INLINE i32x16 dot_unsigned(i32x16 s, u8x64 w, int32_t x) {
#if defined(__AVX512VNNI__)
    return (i32x16)_mm512_dpbusd_epi32((__m512i)s, (__m512i)w, _mm512_set1_epi32(x));
#elif defined(__AVXVNNI__)
    __m256i *part = (__m256i *)&s, *weights = (__m256i *)&w, xs = _mm256_set1_epi32(x);
    for (int i = 0; i < 2; i++) part[i] = _mm256_dpbusd_avx_epi32(part[i], weights[i], xs);
    return s;
#elif defined(__AVX2__)
    __m256i *part = (__m256i *)&s, *weights = (__m256i *)&w;
    __m256i ones = _mm256_set1_epi16(1), xs = _mm256_set1_epi32(x);
    for (int i = 0; i < 2; i++) {
        __m256i pairs = _mm256_maddubs_epi16(weights[i], xs);
        part[i] = _mm256_add_epi32(part[i], _mm256_madd_epi16(pairs, ones));
    }
    return s;
#elif defined(__ARM_FEATURE_DOTPROD)
    int32x4_t *part = (int32x4_t *)&s;
    int8x16_t *weights = (int8x16_t *)&w, xs = vreinterpretq_s8_s32(vdupq_n_s32(x));
    for (int i = 0; i < 4; i++) part[i] = vdotq_s32(part[i], weights[i], xs);
    return s;
#elif defined(__wasm_relaxed_simd__)
    v128_t *part = (v128_t *)&s, *weights = (v128_t *)&w, xs = wasm_i32x4_splat(x);
    for (int i = 0; i < 4; i++)
        part[i] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(xs, weights[i], part[i]);
    return s;
#else
    return dot_plain(s, w, x);
#endif
}

/* The same of signed bytes of w; `SIGNED_EXTRA` times the sum of x is added to what it gives. */
#if defined(ABI_BY_UNSIGNED)
#define SIGNED_EXTRA 128
#else
#define SIGNED_EXTRA 0
#endif

INLINE u8x64 ready_signed(u8x64 w) {
#if defined(ABI_BY_UNSIGNED)
    return w ^ 0x80;
#else
    return w;
#endif
}

INLINE i32x16 dot_signed(i32x16 s, u8x64 w, int32_t x) {
#if defined(__wasm_relaxed_simd__)
    return dot_plain(s, w, x);
#elif defined(ABI_BY_UNSIGNED) || !defined(__AVX2__)
    return dot_unsigned(s, w, x); /* elsewhere bytes of w are taken as signed */
#else
    __m256i *part = (__m256i *)&s, *weights = (__m256i *)&w;
    __m256i ones = _mm256_set1_epi16(1), xs = _mm256_set1_epi32(x);
    for (int i = 0; i < 2; i++) {
        __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights[i]),
                                             _mm256_sign_epi8(xs, weights[i]));
        part[i] = _mm256_add_epi32(part[i], _mm256_madd_epi16(pairs, ones));
    }
    return s;
#endif
}

#endif
