/* AVR: waits until the simulator has put an image into memory and set `go`, classifies it, clears `go`. */
#include "model.h"

volatile uint8_t go;
uint8_t image[NUMBRE_INPUTS];
int8_t scores[NUMBRE_OUTPUTS];

int main(void)
{
    for (;;) {
        while (!go)
            ;
        numbre_predict(image, scores);
        go = 0;
    }
}
