/* All kernels, compiled once for each instruction set. */
#include "attention.h"
#include "matmul.h"
#include "program.h"

#define QUOTE(a) #a
#define STRING(a) QUOTE(a)

static void matmul(struct thread *t, const void *arguments) {
    const struct matmul *p = arguments;
    struct rounded a;
    if (layout_of(p->type).columns) {
        place(p->type, p->k, p->n_tokens, p->scratch, &a);
        round_all(t, p, &a);
        abi_barrier(t);
    }
    product(t, p, 0);
}

INLINE struct matmul product_of(const struct program *p, const struct op *op) {
    return (struct matmul){op->w, p->buffers[op->a], p->buffers[op->out], p->scratch, op->bias,
                           op->n, op->k, p->n_tokens, op->n, op->type};
}

static void one_op(struct thread *t, const struct program *p, int i) {
    const struct op *op = p->ops + i;
    struct matmul m;
    struct rounded a;
    switch (op->kind) {
    case OP_RMS_NORM: case OP_LAYER_NORM: op_norm(t, p, op); break;
    case OP_ROUND:
        m = product_of(p, op);
        place(m.type, m.k, m.n_tokens, m.scratch, &a);
        round_all(t, &m, &a);
        break;
    case OP_MATMUL:
        m = product_of(p, op);
        product(t, &m, i);
        break;
    case OP_ROPE: op_rope(t, p, op); break;
    case OP_APPEND: op_append(t, p, op); break;
    case OP_ATTENTION:
        op_attention(t, p, op, i, (struct piece *)(p->scratch + p->own + t->index * p->own_size));
        break;
    default: op_each(t, p, op); break;
    }
}

static void program(struct thread *t, const void *arguments) {
    const struct program *p = arguments;
    for (size_t i = 0; i < p->n_ops; i++) {
        one_op(t, p, (int)i);
        if (p->ops[i].meet) abi_barrier(t);
    }
}

static size_t piece_size(void) { return sizeof(struct piece); }

extern const struct search NAMED(abi_search_, ABI_ISA);

const struct isa NAMED(abi_isa_, ABI_ISA) = {STRING(ABI_ISA), matmul, program, scratch, piece_size,
                                             &NAMED(abi_search_, ABI_ISA)};
