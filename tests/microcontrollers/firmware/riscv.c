/* RISC-V in machine mode: the start, and the counter of instructions. */
#include "host_files.h"
#include "processor.h"

extern uint32_t bss_start[], bss_end[];

static uint32_t started;

static uint32_t instructions(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}

void counter_start(void)
{
    started = instructions();
}

uint32_t counter_read(void)
{
    return instructions() - started;
}

__attribute__((used)) static void reset(void)
{
    uint32_t *to;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    host_exit(main() == 0);
}

__attribute__((section(".vectors"), naked, used)) static void start(void)
{
    __asm__ volatile("la sp, stack_start\nj reset");
}
