/* What every part shares: what is exported, the job of a thread, the table of an instruction set. */
#ifndef ABI_H
#define ABI_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define CONCAT(a, b) a##b
#define NAMED(a, b) CONCAT(a, b)

#define STAGES 128 /* parts of a job that threads divide among themselves */

struct job;

/* What a thread of a job knows: who it is, of how many. */
struct thread {
    struct job *job;
    size_t index, count;
};

typedef void work(struct thread *t, const void *arguments);

/* Wait for all threads of the job. */
void abi_barrier(struct thread *t);

/* The same; the last to come does some work alone before they go on. */
void abi_meet(struct thread *t, work *last, const void *arguments);

/* Nothing of the first n stages is taken any more; while the others wait. */
void abi_again(struct thread *t, size_t n);

/* The first of the next `step` pieces of a stage that nobody has taken yet. */
size_t abi_take(struct thread *t, int stage, size_t step);

/* The first of `pieces` pieces of a thread's own part that nobody has taken yet, or their number. */
size_t abi_claim(struct thread *t, int stage, size_t whose, size_t pieces);

/* Let `count` threads do a job, this one among them. */
void abi_run(work *run, const void *arguments, size_t count);

/* A product: `(n_tokens, k)` by `(n, k)` to `(n_tokens, n)`, rows of `ld_out`. */
struct matmul {
    const void *w;
    const float *x;
    float *out;
    uint8_t *scratch;
    const float *bias; /* or none */
    size_t n, k, n_tokens, ld_out;
    int32_t type;
};

struct program;
struct layers;
struct walk;
struct choice;
struct scan;
struct probe;

/* What an instruction set has for search. */
struct search {
    work *walk, *choose, *scan, *probe, *pairs, *rescore, *differing, *nearest, *sums;
    size_t (*walk_own)(const struct walk *p); /* bytes that a thread needs */
    size_t (*choose_own)(const struct choice *p);
    size_t (*probe_own)(const struct probe *p);
    void (*scan_sizes)(struct scan *p); /* fills in `shared` and `own` */
};

/* What an instruction set has. */
struct isa {
    const char *name;
    work *matmul;
    void (*layers)(struct program *p, const struct layers *all, size_t n_threads);
    size_t (*scratch)(int type, size_t k, size_t n_tokens, size_t n_threads);
    size_t (*piece)(void); /* bytes that a thread needs for attention */
    const struct search *search;
};

#endif
