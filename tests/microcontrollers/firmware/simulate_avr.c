/* Runs avr.c's firmware in simavr: classifies images.bin, writes scores.bin and, of each image, the cycles and the
   deepest stack as uint32 to measured.bin. Arguments: the ELF file, the processor, then address and size of `image` and of
   `scores`, and the address of `state`. */
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <stdlib.h>

enum { STARTING, IDLE, BUSY }; /* avr.c's `state` */

static uint32_t stack_pointer(const avr_t *avr)
{
    return (uint32_t)(avr->data[R_SPL] | avr->data[R_SPH] << 8);
}

int main(int count, char **arguments)
{
    elf_firmware_t firmware = {0};
    uint32_t image, image_bytes, scores, score_bytes, state;
    FILE *images = fopen("images.bin", "rb"), *results = fopen("scores.bin", "wb"), *measured = fopen("measured.bin", "wb");
    avr_t *avr;
    if (count != 8 || !images || !results || !measured || elf_read_firmware(arguments[1], &firmware))
        return 2;
    image = (uint32_t)strtoul(arguments[3], 0, 16);
    image_bytes = (uint32_t)atoi(arguments[4]);
    scores = (uint32_t)strtoul(arguments[5], 0, 16);
    score_bytes = (uint32_t)atoi(arguments[6]);
    state = (uint32_t)strtoul(arguments[7], 0, 16);
    avr = avr_make_mcu_by_name(arguments[2]);
    if (!avr || avr_init(avr))
        return 2;
    avr->frequency = 16000000;
    avr->log = LOG_ERROR;
    avr_load_firmware(avr, &firmware);
    while (avr->data[state] != IDLE)
        if (avr_run(avr) == cpu_Crashed)
            return 1;
    while (fread(avr->data + image, image_bytes, 1, images) == 1) {
        avr_cycle_count_t start = avr->cycle;
        uint32_t lowest = avr->ramend, figures[2];
        avr->data[state] = BUSY;
        while (avr->data[state] == BUSY) {
            int running = avr_run(avr);
            if (running == cpu_Done || running == cpu_Crashed)
                return 1;
            if (stack_pointer(avr) < lowest)
                lowest = stack_pointer(avr);
        }
        figures[0] = (uint32_t)(avr->cycle - start);
        figures[1] = avr->ramend - lowest;
        fwrite(avr->data + scores, score_bytes, 1, results);
        fwrite(figures, sizeof figures, 1, measured);
    }
    return fclose(results) || fclose(measured) ? 1 : 0;
}
