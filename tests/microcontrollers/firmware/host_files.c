/* Arm's semihosting calls (Arm IHI 0105), which RISC-V has taken over with another trap. */
#include "host_files.h"

#include <stdint.h>

enum { OPEN = 0x01, WRITE = 0x05, READ = 0x06, EXIT = 0x18 };
enum { RUN_TIME_ERROR = 0x20023, APPLICATION_EXIT = 0x20026 };

static intptr_t call(intptr_t operation, const void *argument)
{
#if defined(__riscv)
    register intptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    /* The three instructions have to be uncompressed and within one page. */
    __asm__ volatile(".option push\n.option norvc\n.balign 16\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
#else
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#endif
}

static size_t length(const char *text)
{
    size_t count = 0;
    while (text[count])
        count++;
    return count;
}

int host_open(const char *name, enum host_mode mode)
{
    uintptr_t block[3] = {(uintptr_t)name, mode, length(name)};
    return (int)call(OPEN, block);
}

size_t host_read(int file, void *bytes, size_t count)
{
    uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)bytes, count};
    return (size_t)call(READ, block);
}

size_t host_write(int file, const void *bytes, size_t count)
{
    uintptr_t block[3] = {(uintptr_t)file, (uintptr_t)bytes, count};
    return (size_t)call(WRITE, block);
}

void host_exit(int ok)
{
    call(EXIT, (const void *)(uintptr_t)(ok ? APPLICATION_EXIT : RUN_TIME_ERROR));
    for (;;)
        ;
}
