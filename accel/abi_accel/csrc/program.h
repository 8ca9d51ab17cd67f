/* A layer as a list of operations, which all threads run side by side.
 *
 * Each operation reads and writes buffers: rows of floats, one a token, which begin at multiples
 * of a cache line. Threads meet after an operation that says so; the others are independent of
 * those before. Python writes the lists (`_program.py`, `_operations.py`, `_experts.py`) and checks
 * every size in them.
 */
#ifndef ABI_PROGRAM_H
#define ABI_PROGRAM_H

#include "abi.h"

enum operation {
    OP_RMS_NORM, OP_LAYER_NORM, OP_ROUND, OP_MATMUL, OP_ROPE, OP_APPEND, OP_ATTENTION, OP_GLU,
    OP_ACT, OP_ADD, OP_SCALE, OP_ROTATE, OP_ROUTE, OP_ORDER, OP_ROUND_ROUTED, OP_EXPERTS, OP_MIX,
    OP_GATE
};

enum activation { ACT_SILU, ACT_GELU, ACT_RELU, ACT_SIGMOID, ACT_TANH, ACT_SWIGLU_OAI };

/* One operation. What is not named here is not read by it.
 *
 * RMS_NORM, LAYER_NORM  out = norm of each n of a, times w, plus bias; f is epsilon
 * ROUND                 a, k wide, to bytes for weights of `type`
 * MATMUL                out = a by w (n, k), plus bias; what ROUND made, where w is quantised
 * ROPE                  turn n / k heads of a, k wide, by table `type`; flag: pairs i, i + n_rot / 2
 * APPEND                keys a and values b into the cache
 * ATTENTION             out = of queries a over the cache
 * GLU                   out = act(a) * b, n wide; ACT the same without b
 * ADD, SCALE            out = a + b; out = a * f
 * ROTATE                a, n wide, each k by the Hadamard matrix of that side, in place
 * ROUTE, ORDER          out = experts by scores a, and their weights; then in order. type: bit 0, a
 *                       softmax over those chosen, not over all; bit 1, weights by their sum
 * ROUND_ROUTED          as ROUND, by routing b; n: a has a row a pair, not one a token
 * EXPERTS               as MATMUL, by routing b: w and bias of each expert; out has a row a pair
 * MIX                   out = rows a of a token's pairs by their weights in routing b, n wide
 * GATE                  out = a, n wide, times the sigmoid of b, of one number
 *
 * Where there is a routing, flag has the number of experts, times 65536, and that of those used.
 */
struct op {
    const void *w;
    const float *bias;
    size_t n, k;
    float f;
    int32_t kind, type, a, b, out, flag, meet;
};

/* Consecutive tokens of one slot of the cache. */
struct span {
    size_t start, stop, slot, pos;
};

/* What attention and the cache need: numbers of the model, and where the cache is.
 *
 * Keys and values are `(n_slots, n_head_kv, capacity, head_dim)`, of type F32, F16, Q8_0
 * or Q4_0.
 */
struct heads {
    void *k, *v;
    const float *sinks;
    size_t n_head, n_head_kv, head_dim, capacity, window;
    float scale, softcap;
    int32_t type_k, type_v, causal;
};

#define BUFFERS 12
#define TABLES 2

/* All layers of a model in turn; the first two buffers change places after each. */
struct layers {
    const struct op *const *ops;
    const size_t *n_ops;
    const struct heads *const *heads;
    const struct span *const *spans;
    size_t n_layers;
};

struct program {
    const struct op *ops;
    size_t n_ops, n_tokens, n_spans;
    float *buffers[BUFFERS];
    const struct span *spans;
    const struct heads *heads;
    const float *cis[TABLES]; /* (n_tokens, n_rot / 2, 2) */
    size_t n_rot[TABLES];
    uint8_t *scratch; /* of products; then of each thread */
    size_t own;       /* where the threads' part begins */
    size_t own_size;  /* of each */
};

/* To a layer; what the one before wrote is what it reads. */
static inline void next_layer(struct program *p, const struct layers *all, size_t i) {
    if (i) {
        float *made = p->buffers[1];
        p->buffers[1] = p->buffers[0];
        p->buffers[0] = made;
    }
    p->ops = all->ops[i];
    p->n_ops = all->n_ops[i];
    p->heads = all->heads[i];
    p->spans = all->spans[i];
}

#endif
