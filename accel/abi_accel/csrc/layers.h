/* All layers of a model as one job.
 *
 * Threads run an operation together where it is large. What comes next and is small, they leave to
 * the one of them that is the last to finish: doing it takes less time than a further meeting.
 */
#ifndef ABI_LAYERS_H
#define ABI_LAYERS_H

#include "attention.h"
#include "experts.h"
#include "matmul.h"
#include "program.h"

#define SMALL 16384 /* the most that one thread does alone, in additions of two numbers */

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
    case OP_ROTATE: op_rotate(t, p, op); break;
    case OP_ATTENTION:
        op_attention(t, p, op, i, (struct piece *)(p->scratch + p->own + t->index * p->own_size));
        break;
    case OP_ROUTE: op_route(t, p, op); break;
    case OP_ORDER: op_order(t, p, op); break;
    case OP_ROUND_ROUTED: op_round_routed(t, p, op); break;
    case OP_EXPERTS: op_experts(t, p, op, i); break;
    case OP_MIX: op_mix(t, p, op); break;
    case OP_GATE: op_gate(t, p, op); break;
    default: op_each(t, p, op); break;
    }
}

/* How much an operation does, but for what is never small. */
INLINE size_t work_of(const struct program *p, const struct op *op) {
    const struct heads *h = p->heads;
    const size_t used = (size_t)op->flag & 0xffff, n_experts = (size_t)op->flag >> 16;
    size_t seen = 0;
    switch (op->kind) {
    case OP_MATMUL: case OP_EXPERTS: return SMALL + 1;
    case OP_ROUTE: return p->n_tokens * n_experts * (used + 4);
    case OP_ORDER: return 0;
    case OP_ROUND_ROUTED: return p->n_tokens * used * op->k * 2;
    case OP_MIX: return p->n_tokens * used * op->n;
    case OP_ATTENTION:
        for (size_t i = 0; i < p->n_spans; i++) {
            const struct span *s = p->spans + i;
            seen += (s->stop - s->start) * (s->pos + s->stop - s->start);
        }
        return seen * h->n_head * h->head_dim;
    case OP_APPEND: return p->n_tokens * h->n_head_kv * h->head_dim * 2;
    case OP_RMS_NORM: case OP_LAYER_NORM: return p->n_tokens * op->k;
    case OP_ROUND: return p->n_tokens * op->k * 2;
    case OP_ADD: case OP_SCALE: return p->n_tokens * op->n;
    default: return p->n_tokens * op->n * 4;
    }
}

/* Where a job is: the next operation that all do together. */
struct course {
    struct program *p;
    const struct layers *all;
    size_t layer, at;
};

/* One thread, while the others wait: to the next operation for all, the small ones done. */
static void advance(struct thread *t, const void *arguments) {
    struct course *c = (struct course *)arguments;
    struct program *p = c->p;
    while (c->at < p->n_ops && !p->ops[c->at].meet) c->at++;
    for (c->at++;; c->at++) {
        if (c->at >= p->n_ops) {
            if (++c->layer == c->all->n_layers) return;
            abi_again(t, p->n_ops);
            next_layer(p, c->all, c->layer);
            c->at = 0;
        }
        if (work_of(p, p->ops + c->at) > SMALL) return;
        one_op(t, p, (int)c->at);
    }
}

static void program(struct thread *t, const void *arguments) {
    const struct course *c = arguments;
    while (c->layer < c->all->n_layers) {
        const struct program *p = c->p;
        size_t i = c->at;
        for (; i < p->n_ops && !p->ops[i].meet; i++) one_op(t, p, (int)i);
        if (i < p->n_ops) one_op(t, p, (int)i);
        abi_meet(t, advance, c);
    }
}

#endif
