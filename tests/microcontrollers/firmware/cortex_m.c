/* Cortex-M: the vector table, the start, and SysTick. */
#include "host_files.h"
#include "processor.h"

extern uint32_t data_source[], data_start[], data_end[], bss_start[], bss_end[];

static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010;

void counter_start(void)
{
    systick[1] = 0xFFFFFF;
    systick[2] = 0;
    systick[0] = 5; /* on, counting the processor's clock */
}

uint32_t counter_read(void)
{
    return 0xFFFFFF - systick[2];
}

static void reset(void)
{
    uint32_t *from = data_source, *to;
    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    host_exit(main() == 0);
}

static void fault(void)
{
    host_exit(0);
}

/* The processor loads the first word into the stack pointer and jumps to the second. */
struct vectors {
    uint32_t *stack;
    void (*handlers[3])(void);
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {stack_start, {reset, fault, fault}};
