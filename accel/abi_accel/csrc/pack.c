/* From a file's rows of blocks to groups of 16 rows side by side (see types.h).
 *
 * Once at load, so plain code: a row's codes are read out in the order of the columns, put into
 * their places, and the bits set together. Missing rows of the last group are zeros.
 */
#include "abi.h"
#include "simd.h"
#include "types.h"

#define PARTS 16

/* A superblock of one row: its codes by column, its scales. */
struct row {
    uint8_t code[256];
    uint8_t scale[PARTS], minimum[PARTS];
    const uint8_t *d, *m; /* float16 in the file */
};

/* The 6-bit scales and minima of Q4_K and Q5_K: 12 bytes. */
static void k4(const uint8_t *p, struct row *r) {
    for (int j = 0; j < 4; j++) {
        r->scale[j] = p[j] & 63;
        r->minimum[j] = p[j + 4] & 63;
        r->scale[j + 4] = (p[j + 8] & 15) | (p[j] >> 6) << 4;
        r->minimum[j + 4] = p[j + 8] >> 4 | (p[j + 4] >> 6) << 4;
    }
}

/* n bytes of two codes each: the low halves are the first n columns. */
static void halves(const uint8_t *p, int n, uint8_t *code) {
    for (int i = 0; i < n; i++) {
        code[i] = p[i] & 15;
        code[i + n] = p[i] >> 4;
    }
}

static void fifth(const uint8_t *p, uint8_t *code) {
    for (int i = 0; i < 32; i++) code[i] |= (p[i / 8] >> i % 8 & 1) << 4;
}

INLINE void simple(int type, const uint8_t *p, struct row *r) {
    r->d = p;
    r->m = p + 2;
    switch (type) {
    case Q8_0: for (int i = 0; i < 32; i++) r->code[i] = p[2 + i]; break;
    case Q4_0: case IQ4_NL: halves(p + 2, 16, r->code); break;
    case Q4_1: halves(p + 4, 16, r->code); break;
    case Q5_0: halves(p + 6, 16, r->code), fifth(p + 2, r->code); break;
    case Q5_1: halves(p + 8, 16, r->code), fifth(p + 4, r->code); break;
    default: halves(p + 1, 16, r->code); break; /* MXFP4 */
    }
}

static void q2_k(const uint8_t *p, struct row *r) {
    for (int j = 0; j < PARTS; j++) r->scale[j] = p[j]; /* the minimum is its high half */
    for (int i = 0; i < 256; i++) r->code[i] = p[16 + 32 * (i / 128) + i % 32] >> i / 32 % 4 * 2 & 3;
    r->d = p + 80;
    r->m = p + 82;
}

static void q3_k(const uint8_t *p, struct row *r) {
    const uint8_t *high = p, *low = p + 32, *s = p + 96;
    for (int i = 0; i < 256; i++) {
        r->code[i] = low[32 * (i / 128) + i % 32] >> i / 32 % 4 * 2 & 3;
        r->code[i] |= (high[i % 32] >> i / 32 & 1) << 2;
    }
    for (int j = 0; j < PARTS; j++) {
        int four = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
        r->scale[j] = (uint8_t)((four | (s[8 + j % 4] >> j / 4 * 2 & 3) << 4) - 32);
    }
    r->d = p + 108;
}

static void q45_k(int type, const uint8_t *p, struct row *r) {
    const uint8_t *low = p + (type == Q5_K ? 48 : 16);
    r->d = p;
    r->m = p + 2;
    k4(p + 4, r);
    for (int j = 0; j < 4; j++) halves(low + 32 * j, 32, r->code + 64 * j);
    if (type == Q5_K)
        for (int i = 0; i < 256; i++) r->code[i] |= (p[16 + i % 32] >> i / 32 & 1) << 4;
}

static void q6_k(const uint8_t *p, struct row *r) {
    for (int i = 0; i < 256; i++) {
        int half = i / 128, in = i % 128;
        int four = p[64 * half + in % 64] >> in / 64 * 4 & 15;
        r->code[i] = (uint8_t)(four | (p[128 + 32 * half + in % 32] >> in / 32 * 2 & 3) << 4);
    }
    for (int j = 0; j < PARTS; j++) r->scale[j] = p[192 + j];
    r->d = p + 208;
}

static void iq4_xs(const uint8_t *p, struct row *r) {
    int high = p[2] | p[3] << 8;
    for (int j = 0; j < 8; j++) {
        r->scale[j] = (uint8_t)(((p[4 + j / 2] >> j % 2 * 4 & 15) | (high >> 2 * j & 3) << 4) - 32);
        halves(p + 8 + 16 * j, 16, r->code + 32 * j);
    }
    r->d = p;
}

INLINE void read_row(int type, const uint8_t *p, struct row *r) {
    switch (type) {
    case Q2_K: q2_k(p, r); break;
    case Q3_K: q3_k(p, r); break;
    case Q4_K: case Q5_K: q45_k(type, p, r); break;
    case Q6_K: q6_k(p, r); break;
    case IQ4_XS: iq4_xs(p, r); break;
    default: simple(type, p, r); break;
    }
}

/* The codes of 32 columns of one row into its places among 16. */
INLINE void put_codes(int type, const uint8_t *code, int row, uint8_t *out) {
    for (int c = 0; c < 32; c++) {
        int vector = c / 4, byte = 4 * row + c % 4;
        uint8_t v = code[c];
        uint8_t *four = out + 64 * (vector % 4) + byte, *two = out + 64 * (vector % 2) + byte;
        switch (type) {
        case Q8_0: out[64 * vector + byte] = v; break;
        case Q2_K: *two |= (uint8_t)(v << vector / 2 * 2); break;
        case Q3_K:
            *two |= (uint8_t)((v & 3) << vector / 2 * 2);
            out[128 + byte] |= (uint8_t)(v >> 2 << vector);
            break;
        default:
            *four |= (uint8_t)((v & 15) << vector / 4 * 4);
            if (type == Q5_0 || type == Q5_1 || type == Q5_K)
                out[256 + byte] |= (uint8_t)(v >> 4 << vector);
            if (type == Q6_K)
                out[256 + 64 * (vector % 2) + byte] |= (uint8_t)(v >> 4 << vector / 2 * 2);
        }
    }
}

/* Scales and minima of six bits each of 8 parts: the low four, then what is above them. */
static void put_six(const struct row *r, uint8_t *out) {
    for (int j = 0; j < 8; j++) {
        const int at = 16 * (j % 4), second = j / 4;
        out[at] |= (uint8_t)((r->scale[j] & 15) << 4 * second);
        out[at + 64] |= (uint8_t)((r->minimum[j] & 15) << 4 * second);
        out[at + 128] |= (uint8_t)(r->scale[j] >> 4 << 2 * second);
        out[at + 128] |= (uint8_t)(r->minimum[j] >> 4 << (4 + 2 * second));
    }
}

INLINE void put_row(int type, struct layout l, const struct row *r, int row, uint8_t *out) {
    int heads = type == MXFP4 ? 1 : 2, parts = l.columns / l.part;
    for (int i = 0; i < heads; i++) out[heads * row + i] = r->d[i];
    if (l.minima || l.rounding == ROUND_8_1)
        for (int i = 0; i < 2; i++) out[32 + 2 * row + i] = r->m[i];
    if (is_six(type)) put_six(r, out + l.scales + row);
    else for (int j = 0; l.scales && j < parts; j++) out[l.scales + 16 * j + row] = r->scale[j];
    for (int i = 0; i < l.columns / 32; i++)
        put_codes(type, r->code + 32 * i, row, out + l.codes + i * l.step);
}

/* Bytes of a matrix of n rows and k columns when packed; 0 for a type that is not packed. */
EXPORT size_t abi_packed_size(int type, size_t n, size_t k) {
    struct layout l = layout_of(type);
    return l.columns ? (n + 15) / 16 * (k / l.columns) * l.packed : 0;
}

struct packing {
    int type;
    const uint8_t *rows;
    size_t n, k;
    uint8_t *out;
};

INLINE void pack_group(int type, const struct packing *p, size_t group) {
    const struct layout l = layout_of(type);
    size_t blocks = p->k / l.columns, first = 16 * group;
    uint8_t *out = p->out + group * blocks * l.packed;
    for (size_t b = 0; b < blocks; b++, out += l.packed) {
        __builtin_memset(out, 0, l.packed);
        for (size_t i = 0; i < 16 && first + i < p->n; i++) {
            struct row r;
            read_row(type, p->rows + ((first + i) * blocks + b) * l.bytes, &r);
            put_row(type, l, &r, (int)i, out);
        }
    }
}

#define PACK(TYPE) case TYPE: pack_group(TYPE, p, g); break;

static void pack(struct thread *t, const void *arguments) {
    const struct packing *p = arguments;
    size_t g;
    while ((g = abi_take(t, 0, 1)) < (p->n + 15) / 16) switch (p->type) {
        PACK(Q4_0) PACK(Q4_1) PACK(Q5_0) PACK(Q5_1) PACK(Q8_0) PACK(IQ4_NL) PACK(MXFP4)
        PACK(Q2_K) PACK(Q3_K) PACK(Q4_K) PACK(Q5_K) PACK(Q6_K) PACK(IQ4_XS)
    }
}

EXPORT void abi_pack(int type, const uint8_t *rows, size_t n, size_t k, uint8_t *out,
                     size_t n_threads) {
    struct packing p = {type, rows, n, k, out};
    abi_run(pack, &p, n_threads);
}
