/* AVR: waits until the simulator has put an image into memory and said so, then classifies it. */
#include "model.h"

enum { STARTING, IDLE, BUSY };

volatile uint8_t state;
uint8_t image[NUMBRE_INPUTS];
int8_t scores[NUMBRE_OUTPUTS];

int main(void)
{
    for (;;) {
        state = IDLE;
        while (state == IDLE)
            ;
        numbre_predict(image, scores);
    }
}
