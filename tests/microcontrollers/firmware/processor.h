/* What differs between processors: how they start, and a counter of time. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdint.h>

/* Starts counting. */
void counter_start(void);
/* Ticks since then, up to 2^24 - 1. The board's description says how many instructions a tick is. */
uint32_t counter_read(void);
/* The lowest address of the stack, and where it starts. */
extern uint32_t stack_limit[], stack_start[];

int main(void);

#endif
