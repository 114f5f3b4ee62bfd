// Preloaded, it lets small blocks from malloc hold addresses of Go's heap at which nothing need be: what a program
// leaves behind in C's memory in the course of days.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t heap, heap_end;
static unsigned count;
static __thread int looking;

// Go's heap is the first mapping from 0xc0 << 32 on that is below the libraries, or has a name.
static void look(void) {
    char line[512], access[8];
    uint64_t from, to;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3 || access[0] != 'r') continue;
        if (from >= 0xc0ull << 32 && from < 0x55ull << 40) {
            heap = from, heap_end = to;
            break;
        }
    }
    if (maps) fclose(maps);
}

void *malloc(size_t size) {
    static void *(*real)(size_t);
    if (!real) real = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    uint64_t *block = real(size);
    if (looking || !block || size < 16 || size > 128) return block;
    unsigned n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    if (n % 1024 == 0) {
        looking = 1;
        look();
        looking = 0;
    }
    if (heap)
        for (size_t i = 0; i < size / 8; i++)
            block[i] = heap + (n * 2654435761ull + i * 40503) * 8192 % (heap_end - heap);
    return block;
}
