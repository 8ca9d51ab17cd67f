/* What a layer does to each row or number: norms, rotations, activations, sums. */
#ifndef ABI_ELEMENTWISE_H
#define ABI_ELEMENTWISE_H

#include "dense.h"
#include "exp.h"
#include "program.h"
#include "round.h"

#define CHUNK 1024 /* numbers that a thread takes at once */

/* The part of n pieces that is a thread's own. */
INLINE void part_of(const struct thread *t, size_t n, size_t *from, size_t *to) {
    *from = n * t->index / t->count;
    *to = n * (t->index + 1) / t->count;
}

/* What is left of 16 numbers when those from n on are not there. */
INLINE f32x16 without(f32x16 v, size_t n) {
    for (size_t i = n; i < 16; i++) v[i] = 0;
    return v;
}

INLINE void norm_row(const struct op *op, const float *x, float *out) {
    const size_t n = op->n;
    const float *w = op->w;
    f32x16 sum = splat(0), squares = splat(0), mean = splat(0);
    if (op->kind == OP_LAYER_NORM) {
        for (size_t i = 0; i < n; i += 16) sum += load_some(x + i, n - i);
        mean = splat(sum_of(sum) / (float)n);
    }
    for (size_t i = 0; i < n; i += 16) {
        f32x16 v = load_some(x + i, n - i) - mean;
        if (n - i < 16) v = without(v, n - i);
        squares = fma16(v, v, squares);
    }
    float by = 1.0f / __builtin_sqrtf(sum_of(squares) / (float)n + op->f);
    for (size_t i = 0; i < n; i += 16) {
        f32x16 v = (load_some(x + i, n - i) - mean) * by * load_some(w + i, n - i);
        if (op->bias) v += load_some(op->bias + i, n - i);
        store_some(out + i, v, n - i);
    }
}

/* Rows of k columns have k / n norms each: of all heads together, or of each. */
static void op_norm(struct thread *t, const struct program *p, const struct op *op) {
    size_t each = op->k / op->n, from, to;
    part_of(t, p->n_tokens * each, &from, &to);
    for (size_t i = from; i < to; i++)
        norm_row(op, p->buffers[op->a] + i * op->n, p->buffers[op->out] + i * op->n);
}

static void op_rope(struct thread *t, const struct program *p, const struct op *op) {
    const size_t heads = op->n / op->k, half = p->n_rot[op->type] / 2;
    size_t from, to;
    part_of(t, p->n_tokens * heads, &from, &to);
    for (size_t i = from; i < to; i++) {
        float *x = p->buffers[op->a] + i * op->k;
        const float *cis = p->cis[op->type] + i / heads * half * 2;
        const size_t first = op->flag ? 1 : 2, second = op->flag ? half : 1;
        for (size_t j = 0; j < half; j++) {
            float a = x[j * first], b = x[j * first + second], c = cis[2 * j], s = cis[2 * j + 1];
            x[j * first] = a * c - b * s;
            x[j * first + second] = a * s + b * c;
        }
    }
}

INLINE f32x16 sigmoid16(f32x16 x) { return splat(1.0f) / (exp16(-x) + 1.0f); }

/* As ggml has GELU: float16 in and out. */
INLINE f32x16 gelu16(f32x16 x) {
    f32x16 out;
    for (int i = 0; i < 16; i++) out[i] = through_half(x[i]);
    f32x16 inner = out * 0.79788456080286535588f * (out * out * 0.044715f + 1.0f);
    out = out * 0.5f * (tanh16(inner) + 1.0f);
    for (int i = 0; i < 16; i++) out[i] = x[i] >= 10 ? x[i] : x[i] <= -10 ? 0 : through_half(out[i]);
    return out;
}

INLINE f32x16 act16(int kind, f32x16 x) {
    switch (kind) {
    case ACT_SILU: return x * sigmoid16(x);
    case ACT_GELU: return gelu16(x);
    case ACT_RELU: return choose((i32x16)(x < 0), splat(0), x);
    case ACT_SIGMOID: return sigmoid16(x);
    default: return tanh16(x);
    }
}

INLINE f32x16 glu16(int kind, f32x16 gate, f32x16 up) {
    if (kind != ACT_SWIGLU_OAI) return act16(kind, gate) * up;
    gate = least(splat(7), gate); /* which leaves what is no number */
    up = most(splat(-7), least(splat(7), up));
    return gate * sigmoid16(gate * 1.702f) * (up + 1.0f);
}

/* Number by number: activations, sums. */
static void op_each(struct thread *t, const struct program *p, const struct op *op) {
    const size_t n = p->n_tokens * op->n, chunks = (n + CHUNK - 1) / CHUNK;
    const float *a = p->buffers[op->a], *b = p->buffers[op->b];
    float *out = p->buffers[op->out];
    size_t from, to;
    part_of(t, chunks, &from, &to);
    to = to * CHUNK < n ? to * CHUNK : n;
    for (size_t i = from * CHUNK; i < to; i += 16) {
        f32x16 x = load_some(a + i, to - i), made;
        if (op->kind == OP_GLU) made = glu16(op->type, x, load_some(b + i, to - i));
        else if (op->kind == OP_ACT) made = act16(op->type, x);
        else if (op->kind == OP_ADD) made = x + load_some(b + i, to - i);
        else made = x * op->f;
        store_some(out + i, made, to - i);
    }
}

#endif
