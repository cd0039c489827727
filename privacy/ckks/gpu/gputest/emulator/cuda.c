// A stand-in for libcuda.so.1: the part of NVIDIA's driver interface that
// privacy/ckks/gpu/cuda calls, over the kernels compiled for this processor. It is
// stricter than a GPU: memory is exactly as long as was asked for, between pages that
// nobody may touch, and begins as rubbish; freed memory is gone; calls without a current
// context fail; blocks and threads run in another order at each launch.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine.h"

#ifndef DEVICES
#define DEVICES 1
#endif
#ifndef MEMORY // bytes
#define MEMORY (24ull << 30)
#endif
#ifndef CAPABILITY // ten times the compute capability
#define CAPABILITY 80
#endif

_Thread_local struct place place;

enum { OK = 0, INVALID = 1, FULL = 2, NO_DEVICE = 100, INVALID_CONTEXT = 201, INVALID_PTX = 218, NOT_FOUND = 500 };

typedef void (*kernel)(void);
void add(void), turn(void), tensor(void), scaled(void), multiplied(void), weighted(void), fold(void), extend(void), keyed(void), divided(void), forwardOuter(void), forwardInner(void), inverseInner(void), inverseOuter(void);

static struct function {
    const char *name;
    kernel run;
    int parameters; // as the PTX has it
} functions[] = {
    {"add", add, 0}, {"turn", turn, 0}, {"tensor", tensor, 0}, {"scaled", scaled, 0}, {"multiplied", multiplied, 0},
    {"weighted", weighted, 0}, {"fold", fold, 0}, {"extend", extend, 0}, {"keyed", keyed, 0}, {"divided", divided, 0},
    {"forwardOuter", forwardOuter, 0}, {"forwardInner", forwardInner, 0}, {"inverseInner", inverseInner, 0}, {"inverseOuter", inverseOuter, 0},
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static struct range {
    char *from, *map;
    size_t size, mapped;
} *ranges;
static size_t count, room, used;
static _Thread_local void *current;
static u64 launches;

int cuInit(u32 flags) { return flags ? INVALID : DEVICES ? OK : NO_DEVICE; }

int cuDeviceGetCount(int *n) { return *n = DEVICES, OK; }

int cuDeviceGet(int *d, int index) { return *d = index, index < 0 || index >= DEVICES ? INVALID : OK; }

int cuDeviceGetName(char *name, int length, int d) { return snprintf(name, (size_t)length, "emulator"), d ? INVALID : OK; }

int cuDeviceGetAttribute(int *value, int what, int d) {
    if (what != 75 && what != 76) return INVALID;
    return *value = what == 75 ? CAPABILITY / 10 : CAPABILITY % 10, d ? INVALID : OK;
}

int cuDevicePrimaryCtxRetain(void **c, int d) { return *c = &ranges, d ? INVALID : OK; }

int cuDevicePrimaryCtxRelease_v2(int d) { return d ? INVALID : OK; }

int cuCtxSetCurrent(void *c) { return current = c, OK; }

int cuCtxSynchronize(void) { return current ? OK : INVALID_CONTEXT; }

int cuMemGetInfo_v2(size_t *free, size_t *total) {
    if (!current) return INVALID_CONTEXT;
    return *total = MEMORY, *free = MEMORY - used, OK;
}

int cuMemAlloc_v2(u64 *at, size_t size) {
    if (!current) return INVALID_CONTEXT;
    if (!size) return INVALID;
    size_t whole = (size + 255) & ~(size_t)255, pages = (whole + 4095) & ~(size_t)4095;
    if (size > MEMORY || whole > MEMORY - used) return FULL;
    if (count == room) {
        room = room ? 2 * room : 64;
        ranges = realloc(ranges, room * sizeof *ranges);
    }
    struct range r = {.size = whole, .mapped = pages + 2 * 4096};
    r.map = mmap(NULL, r.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r.map == MAP_FAILED || mprotect(r.map + 4096, pages, PROT_READ | PROT_WRITE)) return FULL;
    r.from = r.map + 4096 + pages - whole;
    memset(r.from, 0xa5, whole);
    ranges[count++] = r;
    used += whole;
    return *at = (u64)r.from, OK;
}

int cuMemFree_v2(u64 at) {
    if (!current) return INVALID_CONTEXT;
    for (size_t i = 0; i < count; i++)
        if ((u64)ranges[i].from == at) {
            used -= ranges[i].size;
            munmap(ranges[i].map, ranges[i].mapped);
            ranges[i] = ranges[--count];
            return OK;
        }
    return INVALID;
}

static int within(u64 at, size_t size) {
    for (size_t i = 0; i < count; i++)
        if (at >= (u64)ranges[i].from && size <= ranges[i].size && at - (u64)ranges[i].from <= ranges[i].size - size) return 1;
    return 0;
}

int cuMemcpyHtoD_v2(u64 to, const void *from, size_t size) {
    if (!current) return INVALID_CONTEXT;
    return within(to, size) ? memcpy((void *)to, from, size), OK : INVALID;
}

int cuMemcpyDtoH_v2(void *to, u64 from, size_t size) {
    if (!current) return INVALID_CONTEXT;
    return within(from, size) ? memcpy(to, (void *)from, size), OK : INVALID;
}

// parametersOf counts those of a kernel in PTX, all of which are one word; -1 for others.
static int parametersOf(const char *ptx, const char *name) {
    char entry[64];
    snprintf(entry, sizeof entry, ".visible .entry %s(", name);
    const char *p = strstr(ptx, entry);
    if (!p) return -1;
    int n = 0;
    for (const char *end = strchr(p, ')'); (p = strstr(p, ".param ")) && p < end; p++, n++)
        if (strncmp(p, ".param .u64 ", 12)) return -1;
    return n;
}

int cuModuleLoadDataEx(void **module, const char *ptx, u32 options, int *which, void **values) {
    if (!current) return INVALID_CONTEXT;
    for (size_t i = 0; i < FUNCTIONS; i++) {
        functions[i].parameters = parametersOf(ptx, functions[i].name);
        if (functions[i].parameters < 0) {
            for (u32 k = 0; k < options; k++)
                if (which[k] == 5) snprintf(values[k], 64, "no kernel %s of words", functions[i].name);
            return INVALID_PTX;
        }
    }
    return *module = functions, OK;
}

int cuModuleUnload(void *module) { return module == functions ? OK : INVALID; }

int cuModuleGetFunction(void **f, void *module, const char *name) {
    if (!current) return INVALID_CONTEXT;
    for (size_t i = 0; i < FUNCTIONS && module == functions; i++)
        if (!strcmp(functions[i].name, name)) return *f = &functions[i], OK;
    return NOT_FOUND;
}

static void call(const struct function *f, void **p) {
#define A(i) *(u64 *)p[i]
#define W u64
    switch (f->parameters) {
    case 5: ((void (*)(W, W, W, W, W))f->run)(A(0), A(1), A(2), A(3), A(4)); break;
    case 6: ((void (*)(W, W, W, W, W, W))f->run)(A(0), A(1), A(2), A(3), A(4), A(5)); break;
    case 7: ((void (*)(W, W, W, W, W, W, W))f->run)(A(0), A(1), A(2), A(3), A(4), A(5), A(6)); break;
    case 8: ((void (*)(W, W, W, W, W, W, W, W))f->run)(A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7)); break;
    case 9: ((void (*)(W, W, W, W, W, W, W, W, W))f->run)(A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7), A(8)); break;
    case 13: ((void (*)(W, W, W, W, W, W, W, W, W, W, W, W, W))f->run)(A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7), A(8), A(9), A(10), A(11), A(12)); break;
    default: abort();
    }
}

int cuLaunchKernel(const struct function *f, u32 x, u32 y, u32 z, u32 bx, u32 by, u32 bz, u32 shared, void *stream, void **parameters, void **extra) {
    if (!current) return INVALID_CONTEXT;
    if (!x || !y || !z || y > 65535 || z > 65535 || bx != THREADS || by != 1 || bz != 1 || shared || stream || extra) return INVALID;
    u64 order = launches++, blocks = (u64)x * y * z;
    for (u64 k = 0; k < blocks; k++) {
        u64 b = order & 2 ? blocks - 1 - k : k;
        struct place p = {(u32)(b % x), (u32)(b / x % y), (u32)(b / x / y), order & 1 ? THREADS - 1 : 0, order & 1 ? -1u : 1};
        place = p;
        call(f, parameters);
    }
    return OK;
}
