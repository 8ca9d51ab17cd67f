/* Loads the library and prints what its products give, so that builds for other systems can be run
 * where there is no Python for them: `driver LIBRARY`.
 *
 * A line has the instruction set, the type, the number of activations and of threads, and a hash of
 * the bits of the result.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"

#if defined(_WIN32)
#include <windows.h>
static void *find(void *from, const char *name) { return (void *)GetProcAddress(from, name); }
static void *open_library(const char *path) { return LoadLibraryA(path); }
#else
#include <dlfcn.h>
static void *find(void *from, const char *name) { return dlsym(from, name); }
static void *open_library(const char *path) { return dlopen(path, RTLD_NOW); }
#endif

enum { ROWS = 67, COLUMNS = 512, MOST = 33 };

static uint32_t state = 1;

static uint32_t next(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Blocks of any bytes, with scales that are numbers. */
static void blocks(uint8_t *p, size_t n, size_t size, const size_t *scales, size_t n_scales) {
    for (size_t i = 0; i < n * size; i++) p[i] = (uint8_t)next();
    for (size_t b = 0; b < n; b++)
        for (size_t s = 0; s < n_scales; s++) {
            const uint16_t half = (uint16_t)(0x2000 + next() % 0x800);
            memcpy(p + b * size + scales[s], &half, 2);
        }
}

int main(int count, char **given) {
    static const struct {
        int type;
        size_t columns, bytes, scales[2], n_scales;
    } kinds[] = {{8, 32, 34, {0}, 1}, {2, 32, 18, {0}, 1}, {12, 256, 144, {0, 2}, 2}, {14, 256, 210, {208}, 1}};
    void *library = count > 1 ? open_library(given[1]) : 0;
    if (!library) return fprintf(stderr, "cannot be loaded\n"), 2;
    int (*isa_count)(void) = (int (*)(void))find(library, "abi_isa_count");
    const char *(*isa_name)(int) = (const char *(*)(int))find(library, "abi_isa_name");
    void (*choose)(int) = (void (*)(int))find(library, "abi_isa_choose");
    size_t (*packed_size)(int, size_t, size_t) = (size_t(*)(int, size_t, size_t))find(library, "abi_packed_size");
    void (*pack)(int, const void *, size_t, size_t, void *, size_t) =
        (void (*)(int, const void *, size_t, size_t, void *, size_t))find(library, "abi_pack");
    size_t (*scratch_size)(int, size_t, size_t, size_t) =
        (size_t(*)(int, size_t, size_t, size_t))find(library, "abi_scratch_size");
    void (*product)(const struct matmul *, size_t) =
        (void (*)(const struct matmul *, size_t))find(library, "abi_matmul");
    static uint8_t raw[ROWS * COLUMNS * 2];
    static float x[MOST * COLUMNS], out[MOST * ROWS];
    for (int i = 0; i < MOST * COLUMNS; i++) x[i] = (float)(int32_t)(next() % 2001) / 1000.0f - 1.0f;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const int type = kinds[k].type;
        blocks(raw, ROWS * COLUMNS / kinds[k].columns, kinds[k].bytes, kinds[k].scales, kinds[k].n_scales);
        uint8_t *memory = malloc(packed_size(type, ROWS, COLUMNS) + 64);
        uint8_t *packed = memory + (64 - (uintptr_t)memory % 64) % 64;
        pack(type, raw, ROWS, COLUMNS, packed, 2);
        for (int isa = 0; isa < isa_count(); isa++)
            for (int tokens = 1; tokens <= MOST; tokens += 16)
                for (size_t threads = 1; threads <= 3; threads++) {
                    choose(isa);
                    uint8_t *room = malloc(scratch_size(type, COLUMNS, (size_t)tokens, threads) + 64);
                    const struct matmul m = {packed, x, out, room + (64 - (uintptr_t)room % 64) % 64, 0,
                                             ROWS, COLUMNS, (size_t)tokens, ROWS, type};
                    for (int repeat = 0; repeat < 20; repeat++) product(&m, threads);
                    uint32_t hash = 2166136261u;
                    const uint8_t *bits = (const uint8_t *)out;
                    for (size_t i = 0; i < (size_t)tokens * ROWS * 4; i++) hash = (hash ^ bits[i]) * 16777619u;
                    printf("%s %d %d %d %08x\n", isa_name(isa), type, tokens, (int)threads, hash);
                    free(room);
                }
        free(memory);
    }
    return 0;
}
