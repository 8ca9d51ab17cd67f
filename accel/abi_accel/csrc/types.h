/* Weight types, by GGUF's numbers, and how 16 rows of each lie side by side.
 *
 * A group is 16 rows. Its superblocks (32 or 256 columns) follow each other; each begins with the
 * 16 float16 scales, and those of the minima where there are some, then the scales of parts of 16
 * or 32 columns, a byte a row, then the codes. Q4_K's and Q5_K's parts have six bits for a scale and
 * for a minimum: 64 bytes with the low four of scales, those of part j + 4 above those of part j,
 * 64 with the low four of minima, 64 with the rest of both. Four columns of 16 rows are 64 bytes:
 * `row 0: columns 0 1 2 3, row 1: ...`; 32 columns are 8 such vectors, numbered 0 to 7:
 *
 *   8 bits  one after the other
 *   4 bits  vector j in the low halves of 64 bytes, vector j + 4 in their high halves
 *   2 bits  vectors j, j + 2, j + 4, j + 6 from the lowest bits up
 *   1 bit   bit j of 64 bytes is vector j's
 *
 * What has more than 4 bits and fewer than 8 keeps the low 4 (Q3_K: 2) and the rest apart.
 */
#ifndef ABI_TYPES_H
#define ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

enum type {
    F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q2_K = 10, Q3_K = 11,
    Q4_K = 12, Q5_K = 13, Q6_K = 14, IQ4_NL = 20, IQ4_XS = 23, BF16 = 30, MXFP4 = 39
};

/* How activations are rounded, as ggml does it for the type. */
enum rounding { ROUND_8_0, ROUND_8_1, ROUND_8_K };

/* What is known of a type. `scales` and `codes` are offsets in a packed superblock. */
struct layout {
    uint16_t columns;  /* of a superblock */
    uint16_t part;     /* columns under one scale */
    uint16_t bytes;    /* of a superblock of one row in a file */
    uint16_t scales;   /* where the parts' scales are, 0 for none */
    uint16_t minima;   /* whether parts have minima */
    uint16_t codes;
    uint16_t step;     /* bytes of the codes of 32 columns */
    uint16_t packed;   /* bytes of a superblock of 16 rows */
    uint8_t rounding;
};

static inline __attribute__((always_inline)) struct layout layout_of(int type) {
    switch (type) {
    case Q4_0: return (struct layout){32, 32, 18, 0, 0, 32, 256, 288, ROUND_8_0};
    case Q4_1: return (struct layout){32, 32, 20, 0, 0, 64, 256, 320, ROUND_8_1};
    case Q5_0: return (struct layout){32, 32, 22, 0, 0, 32, 320, 352, ROUND_8_0};
    case Q5_1: return (struct layout){32, 32, 24, 0, 0, 64, 320, 384, ROUND_8_1};
    case Q8_0: return (struct layout){32, 32, 34, 0, 0, 32, 512, 544, ROUND_8_0};
    case IQ4_NL: return (struct layout){32, 32, 18, 0, 0, 32, 256, 288, ROUND_8_0};
    case MXFP4: return (struct layout){32, 32, 17, 0, 0, 16, 256, 272, ROUND_8_0};
    case Q2_K: return (struct layout){256, 16, 84, 64, 1, 320, 128, 1344, ROUND_8_K};
    case Q3_K: return (struct layout){256, 16, 110, 32, 0, 288, 192, 1824, ROUND_8_K};
    case Q4_K: return (struct layout){256, 32, 144, 64, 1, 256, 256, 2304, ROUND_8_K};
    case Q5_K: return (struct layout){256, 32, 176, 64, 1, 256, 320, 2816, ROUND_8_K};
    case Q6_K: return (struct layout){256, 16, 210, 32, 0, 288, 384, 3360, ROUND_8_K};
    case IQ4_XS: return (struct layout){256, 32, 136, 32, 0, 160, 256, 2208, ROUND_8_K};
    default: return (struct layout){0};
    }
}

/* Whether a part's scale and minimum have six bits each. */
static inline __attribute__((always_inline)) int is_six(int type) {
    return type == Q4_K || type == Q5_K;
}

/* The values of IQ4_NL and IQ4_XS codes, and twice those of MXFP4's. */
#define VALUES_IQ4 -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
#define VALUES_E2M1 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12

#endif
