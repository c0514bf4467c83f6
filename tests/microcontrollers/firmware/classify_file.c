/* Classifies every image of images.bin. Writes the scores to scores.bin and what it measured to measured.bin. */
#include "host_files.h"
#include "model.h"
#include "processor.h"

enum { PAINT = 0x5AA5F00D };

static uint8_t image[NUMBRE_INPUTS];
static int8_t scores[NUMBRE_OUTPUTS];

/* Paints the free stack, so that what is used of it shows. */
static void paint_stack(void)
{
    volatile uint32_t *at;
    for (at = stack_limit; at < (uint32_t *)__builtin_frame_address(0) - 16; at++)
        *at = PAINT;
}

static uint32_t used_stack(void)
{
    volatile uint32_t *at = stack_limit;
    while (at < stack_start && *at == PAINT)
        at++;
    return (uint32_t)((uintptr_t)stack_start - (uintptr_t)at);
}

int main(void)
{
    int images = host_open("images.bin", HOST_READ), results = host_open("scores.bin", HOST_WRITE);
    int measured = host_open("measured.bin", HOST_WRITE);
    uint32_t ticks, stack;
    if (images < 0 || results < 0 || measured < 0)
        return 1;
    while (host_read(images, image, sizeof image) == 0) {
        paint_stack();
        counter_start();
        numbre_predict(image, scores);
        ticks = counter_read();
        stack = used_stack();
        if (host_write(results, scores, sizeof scores) || host_write(measured, &ticks, 4) || host_write(measured, &stack, 4))
            return 1;
    }
    return 0;
}
