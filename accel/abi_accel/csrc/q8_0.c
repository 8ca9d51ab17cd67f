/* Products of Q8_0 weights with activations that are rounded to 8 bits.
 *
 * A block is a little-endian float16 scale and 32 int8 (34 bytes, not aligned). Sums within a
 * block are exact integers; blocks are added in float32 from first to last, without fused
 * operations, so every target gives the same bits.
 *
 * Plain C: no libc, no allocation, no globals. Sizes are checked by the caller.
 */
#include <stddef.h>
#include <stdint.h>

#define BLOCK 32
#define BYTES 34

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

static inline float from_half(const uint8_t *p) {
    uint32_t h = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f;
        __builtin_memcpy(&bits, &value, 4);
        bits |= sign;
    } else {
        bits = sign | (exponent == 31 ? 255u << 23 : (exponent + 112) << 23) | fraction << 13;
    }
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

/* The nearest float16, as a float; what float16 cannot hold stays as it is. */
static inline float through_half(float x) {
    uint32_t bits;
    if (x < 0x1p-14f) return (x + 0.5f) - 0.5f; /* subnormal: multiples of 2^-24 */
    if (x > 65504.0f) return x;
    __builtin_memcpy(&bits, &x, 4);
    bits = (bits + 0xFFFu + (bits >> 13 & 1)) & ~0x1FFFu;
    __builtin_memcpy(&x, &bits, 4);
    return x;
}

static inline int32_t dot_block(const int8_t *a, const int8_t *b) {
    int32_t sum = 0;
    for (int i = 0; i < BLOCK; i++) sum += (int32_t)a[i] * b[i];
    return sum;
}

/* n_blocks * 32 floats to as many int8 and one scale a block, rounded to float16 as in a file.
 * Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, halves to even. A block with
 * an infinity or a NaN gets a scale of NaN; one too small to invert is zero. */
EXPORT void abi_q8_quantize(const float *x, int8_t *q, float *scale, size_t n_blocks) {
    for (size_t b = 0; b < n_blocks; b++, x += BLOCK, q += BLOCK) {
        float largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            float magnitude = __builtin_fabsf(x[i]);
            largest = magnitude <= largest ? largest : magnitude; /* keeps a NaN... */
            if (magnitude != magnitude) break;                    /* ...as the last word */
        }
        int finite = largest <= 0x1.fffffep127f;
        scale[b] = finite ? through_half(largest / 127.0f) : __builtin_nanf("");
        float inverse = finite && largest > 0x1p-120f ? 127.0f / largest : 0;
        for (int i = 0; i < BLOCK; i++) {
            float v = finite ? x[i] * inverse : 0;
            q[i] = (int8_t)((v + 0x1.8p23f) - 0x1.8p23f);
        }
    }
}

/* out[t][r] = sum over blocks of w[r] . x[t]; rows of n_blocks blocks each. */
EXPORT void abi_q8_0_matmul(const uint8_t *w, const int8_t *q, const float *scale, float *out,
                            size_t n_rows, size_t n_blocks, size_t n_tokens) {
    for (size_t r = 0; r < n_rows; r++, w += n_blocks * BYTES) {
        for (size_t t = 0; t < n_tokens; t++) {
            const int8_t *x = q + t * n_blocks * BLOCK;
            float sum = 0;
            for (size_t b = 0; b < n_blocks; b++) {
                const uint8_t *block = w + b * BYTES;
                float d = from_half(block) * scale[t * n_blocks + b];
                sum += d * (float)dot_block((const int8_t *)block + 2, x + b * BLOCK);
            }
            out[t * n_rows + r] = sum;
        }
    }
}
