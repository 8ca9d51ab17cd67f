/* Threads that do a job together: the only part that uses the system.
 *
 * A job is one function that all its threads run; they meet at barriers and take pieces of its
 * stages from counters, so who finishes early takes from the others. Between jobs they spin for a
 * while, because the next one comes soon while text is generated, then sleep. One job runs at a
 * time; who finds the pool busy does its job alone.
 */
#define _GNU_SOURCE /* processors of a thread */
#include "abi.h"

#define LINE 64 /* bytes of a cache line */

struct counter {
    size_t value;
    char rest[LINE - sizeof(size_t)];
};

struct job {
    struct counter next[STAGES];
    struct counter arrived, phase, generation, running;
    work *run;
    const void *arguments;
    size_t count;
    uint64_t turn; /* a number of its own for each job, and each time that stages begin again */
};

#define MOST_THREADS 256
#define TURN_BITS 24 /* from which on a claim has the turn in which it was made */

/* Pieces of each thread's part that were taken; nothing, if in another turn. */
static uint64_t claims[MOST_THREADS][STAGES];

size_t abi_take(struct thread *t, int stage, size_t step) {
    return __atomic_fetch_add(&t->job->next[stage].value, step, __ATOMIC_RELAXED);
}

size_t abi_claim(struct thread *t, int stage, size_t whose, size_t pieces) {
    uint64_t *claim = &claims[whose][stage], turn = t->job->turn << TURN_BITS;
    uint64_t now = __atomic_load_n(claim, __ATOMIC_RELAXED), next;
    do {
        next = now >> TURN_BITS << TURN_BITS == turn ? now - turn : 0;
        if (next >= pieces) return pieces;
    } while (!__atomic_compare_exchange_n(claim, &now, turn + next + 1, 1, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return next;
}

void abi_again(struct thread *t, size_t n) {
    t->job->turn++;
    for (size_t i = 0; i < n; i++) __atomic_store_n(&t->job->next[i].value, 0, __ATOMIC_RELAXED);
}

void abi_barrier(struct thread *t) { abi_meet(t, 0, 0); }

static void alone(work *run, const void *arguments) {
    struct job job = {0};
    struct thread me = {&job, 0, 1};
    run(&me, arguments);
}

#if defined(__wasm__)

void abi_meet(struct thread *t, work *last, const void *arguments) {
    if (last) last(t, arguments);
}

void abi_run(work *run, const void *arguments, size_t count) {
    (void)count;
    alone(run, arguments);
}

EXPORT void abi_forked(void) {}

EXPORT void abi_bind(const uint8_t *masks) { (void)masks; }

#else

#if defined(_WIN32)
#include <windows.h>
#else
#include <pthread.h>
#include <sched.h>
#endif

#define MASK_BYTES 128 /* processors of a thread, a bit each */
#define SPINS 20000 /* of a waiting thread before it sleeps: some 100 microseconds */
#define POLITE 2000 /* spins at a barrier between which the processor is offered to others */

static struct job pool;
static size_t started;             /* threads beside the caller's */
static size_t born[MOST_THREADS]; /* the generation that was there when each was made */
static uint8_t bound[MOST_THREADS][MASK_BYTES];

/* Where threads that are made from now on may run: a mask each, empty if anywhere. */
EXPORT void abi_bind(const uint8_t *masks) { __builtin_memcpy(bound, masks, sizeof bound); }

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)
#define ADD(x, v) __atomic_fetch_add(&(x), v, __ATOMIC_ACQ_REL)

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#if defined(_WIN32)
static SRWLOCK lock = SRWLOCK_INIT, busy = SRWLOCK_INIT;
static CONDITION_VARIABLE more = CONDITION_VARIABLE_INIT;
static void lock_(void) { AcquireSRWLockExclusive(&lock); }
static void unlock_(void) { ReleaseSRWLockExclusive(&lock); }
static void sleep_(void) { SleepConditionVariableSRW(&more, &lock, INFINITE, 0); }
static void wake_(void) { WakeAllConditionVariable(&more); }
static int take_pool(void) { return TryAcquireSRWLockExclusive(&busy); }
static void give_pool(void) { ReleaseSRWLockExclusive(&busy); }
static void offer(void) { SwitchToThread(); }
#else
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, busy = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static void lock_(void) { pthread_mutex_lock(&lock); }
static void unlock_(void) { pthread_mutex_unlock(&lock); }
static void sleep_(void) { pthread_cond_wait(&more, &lock); }
static void wake_(void) { pthread_cond_broadcast(&more); }
static int take_pool(void) { return pthread_mutex_trylock(&busy) == 0; }
static void give_pool(void) { pthread_mutex_unlock(&busy); }
static void offer(void) { sched_yield(); }
#endif

static size_t sleeping;

void abi_meet(struct thread *t, work *last, const void *arguments) {
    struct job *job = t->job;
    struct thread one = {job, 0, 1};
    if (t->count == 1 && last) last(&one, arguments);
    if (t->count == 1) return;
    size_t phase = LOAD(job->phase.value);
    if (ADD(job->arrived.value, 1) + 1 == t->count) {
        STORE(job->arrived.value, 0);
        if (last) last(&one, arguments);
        STORE(job->phase.value, phase + 1);
        return;
    }
    for (size_t i = 1; LOAD(job->phase.value) == phase; i++) {
        relax();
        if (i % POLITE == 0) offer();
    }
}

/* The next generation, which is waited for spinning, then asleep. */
static size_t wait_for(size_t seen) {
    for (size_t i = 0; i < SPINS; i++) {
        size_t now = LOAD(pool.generation.value);
        if (now != seen) return now;
        relax();
    }
    lock_();
    __atomic_fetch_add(&sleeping, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&pool.generation.value, __ATOMIC_SEQ_CST) == seen) sleep_();
    __atomic_fetch_sub(&sleeping, 1, __ATOMIC_SEQ_CST);
    unlock_();
    return LOAD(pool.generation.value);
}

/* This thread to those of its processors that it may use; where there is none, it stays as it is. */
static void stay(size_t index) {
#if defined(__linux__)
    uint8_t mask[MASK_BYTES] = {0}, any = 0;
    if (sched_getaffinity(0, MASK_BYTES, (cpu_set_t *)mask)) return;
    for (size_t i = 0; i < MASK_BYTES; i++) any |= mask[i] &= bound[index][i];
    if (any) sched_setaffinity(0, MASK_BYTES, (const cpu_set_t *)mask);
#else
    (void)index;
#endif
}

static void serve(size_t index) {
    size_t seen = born[index];
    stay(index);
    for (;;) {
        seen = wait_for(seen);
        struct thread me = {&pool, index, pool.count};
        if (index < pool.count) pool.run(&me, pool.arguments);
        ADD(pool.running.value, (size_t)-1);
    }
}

#if defined(_WIN32)
static DWORD WINAPI enter(void *index) {
    serve((size_t)index);
    return 0;
}
static int start(size_t index) {
    HANDLE made = CreateThread(0, 0, enter, (void *)index, 0, 0);
    if (made) CloseHandle(made);
    return made != 0;
}
#else
static void *enter(void *index) {
    serve((size_t)index);
    return 0;
}
static int start(size_t index) {
    pthread_t made;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return 0;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&made, &attributes, enter, (void *)index);
    pthread_attr_destroy(&attributes);
    return !failed;
}
#endif

void abi_run(work *run, const void *arguments, size_t count) {
    if (count > MOST_THREADS) count = MOST_THREADS;
    if (count < 2 || !take_pool()) {
        alone(run, arguments);
        return;
    }
    while (started + 1 < count) {
        born[started + 1] = pool.generation.value;
        if (!start(started + 1)) break;
        started++;
    }
    if (count > started + 1) count = started + 1;
    for (int i = 0; i < STAGES; i++) pool.next[i].value = 0;
    pool.run = run;
    pool.arguments = arguments;
    pool.count = count;
    pool.turn++;
    STORE(pool.running.value, started);
    __atomic_fetch_add(&pool.generation.value, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sleeping, __ATOMIC_SEQ_CST)) {
        lock_();
        wake_();
        unlock_();
    }
    struct thread me = {&pool, 0, count};
    run(&me, arguments);
    for (size_t i = 1; LOAD(pool.running.value); i++) {
        relax();
        if (i % POLITE == 0) offer();
    }
    give_pool();
}

/* In a child process there are no threads but the one that made it. */
EXPORT void abi_forked(void) {
    started = 0;
    sleeping = 0;
    pool.generation.value = 0;
    pool.arrived.value = pool.phase.value = 0;
#if !defined(_WIN32)
    pthread_mutex_init(&lock, 0);
    pthread_mutex_init(&busy, 0);
    pthread_cond_init(&more, 0);
#endif
}

#endif
