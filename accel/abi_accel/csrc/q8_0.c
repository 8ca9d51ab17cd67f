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

static inline int32_t dot_block(const int8_t *a, const int8_t *b) {
    int32_t sum = 0;
    for (int i = 0; i < BLOCK; i++) sum += (int32_t)a[i] * b[i];
    return sum;
}

/* n_blocks * 32 floats to as many int8 and one scale a block. */
EXPORT void abi_q8_quantize(const float *x, int8_t *q, float *scale, size_t n_blocks) {
    for (size_t b = 0; b < n_blocks; b++, x += BLOCK, q += BLOCK) {
        float largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            float magnitude = __builtin_fabsf(x[i]);
            largest = magnitude > largest ? magnitude : largest;
        }
        scale[b] = largest / 127.0f;
        float inverse = largest > 0 ? 127.0f / largest : 0;
        for (int i = 0; i < BLOCK; i++) {
            float v = x[i] * inverse;
            q[i] = (int8_t)(v + (v < 0 ? -0.5f : 0.5f));
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
