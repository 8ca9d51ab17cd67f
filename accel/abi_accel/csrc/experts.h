/* Experts: which each token has, and products of rows that are put together by their expert.
 *
 * A pair is a token with one of its experts. Pairs lie in the order of their experts, so that an
 * expert's are rows of one product; `start` is where they are in the scratch memory, in which
 * some kernels want whole tiles.
 */
#ifndef ABI_EXPERTS_H
#define ABI_EXPERTS_H

#include "elementwise.h"
#include "matmul.h"

#define MOST_EXPERTS 1024
#define SMALLEST_SUM 6.103515625e-5f /* of weights, as llama.cpp guards it */

/* What is known of all pairs, in a buffer: of experts, how many have pairs and which, and where
 * their pairs begin; of each token's pairs, the expert, the place in that order, and the weight; of
 * pairs in order, the token. */
struct routing {
    size_t n_experts, n_used, n_pairs;
    int32_t *active, *first, *start, *chosen, *places, *tokens;
    float *weights;
};

/* Python reserves 3 (n_experts + 1) + 4 n_used floats a token. */
INLINE struct routing routing_of(const struct program *p, float *buffer, size_t n_experts,
                                 size_t n_used) {
    struct routing r = {n_experts, n_used, p->n_tokens * n_used, (int32_t *)buffer, 0, 0, 0, 0, 0, 0};
    r.first = r.active + n_experts + 1; /* after their number */
    r.start = r.first + n_experts + 1;
    r.chosen = r.start + n_experts + 1;
    r.places = r.chosen + r.n_pairs;
    r.tokens = r.places + r.n_pairs;
    r.weights = (float *)(r.tokens + r.n_pairs);
    return r;
}

INLINE struct routing routing_at(const struct program *p, const struct op *op, int buffer) {
    return routing_of(p, p->buffers[buffer], (size_t)op->flag >> 16, (size_t)op->flag & 0xffff);
}

/* The experts with the best scores in ascending order, of equal ones the first. */
INLINE void choose_experts(const float *scores, size_t n, size_t n_used, int32_t *chosen) {
    uint64_t taken[MOST_EXPERTS / 64] = {0};
    for (size_t j = 0; j < n_used; j++) {
        size_t best = n;
        for (size_t e = 0; e < n; e++)
            if (!(taken[e / 64] >> e % 64 & 1) && (best == n || scores[e] > scores[best])) best = e;
        taken[best / 64] |= 1ull << best % 64;
    }
    for (size_t e = 0; e < n; e++)
        if (taken[e / 64] >> e % 64 & 1) *chosen++ = (int32_t)e;
}

/* Weights of the chosen: a softmax over all, or over them; divided by their sum or not. */
INLINE void weigh_experts(const float *scores, size_t n, const int32_t *chosen, size_t n_used,
                          int among, int norm, float *weights) {
    float most = -__builtin_inff(), sum = 0, chosen_sum = 0;
    for (size_t e = 0; e < n; e++) most = scores[e] > most ? scores[e] : most;
    for (size_t e = 0; e < n && !among; e += 16)
        sum += sum_of(without(exp16(load_some(scores + e, n - e) - most), n - e < 16 ? n - e : 16));
    for (size_t j = 0; j < n_used; j++) {
        weights[j] = exp16(splat(scores[chosen[j]] - most))[0];
        chosen_sum += weights[j];
    }
    const float whole = among ? chosen_sum : sum;
    for (size_t j = 0; j < n_used; j++) weights[j] /= whole;
    chosen_sum /= whole;
    if (chosen_sum < SMALLEST_SUM) chosen_sum = SMALLEST_SUM;
    for (size_t j = 0; j < n_used && norm; j++) weights[j] /= chosen_sum;
}

/* Each token's experts, and their weights, which `op_order` puts in order. */
static void op_route(struct thread *t, const struct program *p, const struct op *op) {
    const struct routing r = routing_at(p, op, op->out);
    size_t from, to;
    part_of(t, p->n_tokens, &from, &to);
    for (size_t i = from; i < to; i++) {
        const float *scores = p->buffers[op->a] + i * r.n_experts;
        choose_experts(scores, r.n_experts, r.n_used, r.chosen + i * r.n_used);
        weigh_experts(scores, r.n_experts, r.chosen + i * r.n_used, r.n_used, op->type & 1,
                      op->type & 2, r.weights + i * r.n_used);
    }
}

/* Pairs in the order of their experts; one thread's work. */
static void op_order(struct thread *t, const struct program *p, const struct op *op) {
    const struct routing r = routing_at(p, op, op->out);
    if (t->index) return;
    for (size_t e = 0; e <= r.n_experts; e++) r.first[e] = 0;
    for (size_t i = 0; i < r.n_pairs; i++) r.first[r.chosen[i] + 1]++;
    r.active[0] = 0;
    r.start[0] = 0;
    for (size_t e = 0; e < r.n_experts; e++) {
        const size_t n = (size_t)r.first[e + 1];
        if (n) r.active[++r.active[0]] = (int32_t)e;
        r.start[e + 1] = r.start[e] + (int32_t)whole_tiles(n);
        r.first[e + 1] += r.first[e];
    }
    for (size_t i = 0; i < r.n_pairs; i++) { /* `first` is where the next goes, then moves back */
        r.places[i] = r.first[r.chosen[i]]++;
        r.tokens[r.places[i]] = (int32_t)(i / r.n_used);
    }
    for (size_t e = r.n_experts; e > 0; e--) r.first[e] = r.first[e - 1];
    r.first[0] = 0;
}

/* Rows of scratch memory: tiles of nine and more of 16 rows are whole. */
INLINE size_t routed_rows(size_t n_pairs) { return 2 * n_pairs; }

/* The rows of an expert, of those that were rounded. */
INLINE struct rounded rows_of_expert(const struct rounded *all, struct layout l,
                                     const struct routing *r, size_t e) {
    const size_t row = (size_t)r->start[e], blocks = all->k / l.columns;
    struct rounded a = {all->q + row * all->k, all->d + row * blocks, all->s + row * all->k / l.part,
                        all->m ? all->m + row * blocks : 0, all->k, 1};
#if defined(__AMX_INT8__)
    if (by_amx((size_t)(r->first[e + 1] - r->first[e]))) a.together = AMX_TOKENS;
#endif
    return a;
}

/* Rows to bytes: a token's for each of its experts, or a pair's. */
static void op_round_routed(struct thread *t, const struct program *p, const struct op *op) {
    const struct routing r = routing_at(p, op, op->b);
    const struct layout l = layout_of(op->type);
    const size_t k = op->k, rows = routed_rows(r.n_pairs);
    struct rounded all, a = {0};
    size_t from, to, e = 0, known = r.n_experts;
    place(op->type, k, rows, p->scratch, &all);
    part_of(t, r.n_pairs, &from, &to);
    for (size_t i = from; i < to; i++) {
        while ((size_t)r.first[e + 1] <= i) e++;
        if (e != known) a = rows_of_expert(&all, l, &r, e);
        known = e;
        const size_t row = op->n ? i : (size_t)r.tokens[i], first = (size_t)r.first[e];
        const size_t n = (size_t)r.first[e + 1] - first;
        for (size_t b = 0; b < k / l.columns; b++)
            round_block(l, p->buffers[op->a] + row * k + b * l.columns, &a, i - first, b, n);
    }
}

/* Groups of an expert's rows, from one on, by its pairs. */
INLINE void expert_groups(const struct program *p, const struct op *op, const struct routing *r,
                          const struct rounded *all, size_t e, size_t from, size_t count, uint8_t *own) {
    const size_t groups = (op->n + LANES - 1) / LANES, first = (size_t)r->first[e];
    const size_t to = from + count < groups ? from + count : groups;
    const struct rounded a = rows_of_expert(all, layout_of(op->type), r, e);
    const struct matmul m = {((const void *const *)op->w)[e], 0, p->buffers[op->out] + first * op->n,
                             0, op->bias ? op->bias + e * op->n : 0, op->n, op->k,
                             (size_t)r->first[e + 1] - first, op->n, op->type};
    if (from < to) groups_of(op->type)(&m, &a, from, to, own);
}

/* Each expert's pairs by its weights: threads take rows of an expert's weights. */
static void op_experts(struct thread *t, const struct program *p, const struct op *op, int stage) {
    const struct routing r = routing_at(p, op, op->b);
    const size_t rows = routed_rows(r.n_pairs), groups = (op->n + LANES - 1) / LANES;
    const size_t active = (size_t)r.active[0];
    struct rounded all;
    uint8_t *own = p->scratch + place(op->type, op->k, rows, p->scratch, &all);
    own += t->index * own_scratch(op->k, rows);
    const size_t unit = groups_together(rows);
    const size_t each = (groups + unit - 1) / unit * unit, all_groups = active * each;
    struct share s = share_of(t, all_groups, unit, all_groups, r.n_pairs * op->n * op->k);
#if defined(__AMX_INT8__)
    amx_begin(layout_of(op->type).part);
#endif
    for (size_t from, to; share_next(t, stage, &s, &from, &to);)
        while (from < to) { /* as far as an expert's go */
            const size_t nth = from / each, next = (nth + 1) * each < to ? (nth + 1) * each : to;
            expert_groups(p, op, &r, &all, (size_t)r.active[1 + nth], from % each, next - from, own);
            from = next;
        }
#if defined(__AMX_INT8__)
    amx_end();
#endif
}

/* What a token's experts made, with their weights, together. */
static void op_mix(struct thread *t, const struct program *p, const struct op *op) {
    const struct routing r = routing_at(p, op, op->b);
    const size_t n = op->n, chunks = (n + CHUNK - 1) / CHUNK;
    size_t from, to;
    part_of(t, p->n_tokens * chunks, &from, &to);
    for (size_t i = from; i < to; i++) {
        const size_t token = i / chunks, c = i % chunks * CHUNK, end = c + CHUNK < n ? c + CHUNK : n;
        for (size_t at = c; at < end; at += 16) {
            f32x16 sum = splat(0);
            for (size_t j = token * r.n_used; j < (token + 1) * r.n_used; j++) {
                const float *made = p->buffers[op->a] + (size_t)r.places[j] * n;
                sum = fma16(load_some(made + at, end - at), splat(r.weights[j]), sum);
            }
            store_some(p->buffers[op->out] + token * n + at, sum, end - at);
        }
    }
}

/* Rows times what opens them: the sigmoid of a number each. */
static void op_gate(struct thread *t, const struct program *p, const struct op *op) {
    size_t from, to;
    part_of(t, p->n_tokens, &from, &to);
    for (size_t i = from; i < to; i++) {
        const f32x16 by = sigmoid16(splat(p->buffers[op->b][i]));
        for (size_t at = 0; at < op->n; at += 16)
            store_some(p->buffers[op->out] + i * op->n + at,
                       load_some(p->buffers[op->a] + i * op->n + at, op->n - at) * by, op->n - at);
    }
}

#endif
