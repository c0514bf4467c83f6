/* Runs a chain of kernels on many inputs; for the runtime, which calls it through ctypes. */
enum kernel { DENSE, CONVOLUTION, DEPTHWISE, MAX_POOL, AVERAGE_POOL, SOFTMAX };

struct step {
    uint8_t kernel;
    const void *layer;    /* the kernel's struct */
    size_t input, output; /* where in the arena; not used of the first input and of the last output */
};

static void run_step(const int8_t *x, int8_t *y, const struct step *step, int8_t *scratch)
{
    switch (step->kernel) {
    case DENSE:
        dense(x, y, (const struct dense *)step->layer);
        break;
    case CONVOLUTION:
        convolution(x, y, (const struct convolution *)step->layer, 0, scratch);
        break;
    case DEPTHWISE:
        depthwise(x, y, (const struct depthwise *)step->layer);
        break;
    case MAX_POOL:
        max_pool(x, y, (const struct pool *)step->layer);
        break;
    case AVERAGE_POOL:
        average_pool(x, y, (const struct pool *)step->layer);
        break;
    case SOFTMAX:
        softmax(x, y, (const struct softmax *)step->layer);
        break;
    }
}

void numbre_run_rows(const struct step *steps, size_t count, const int8_t *inputs, size_t input_bytes, int8_t *outputs,
                     size_t output_bytes, int8_t *arena, int8_t *scratch, size_t rows)
{
    size_t row, at;
    for (row = 0; row < rows; row++, inputs += input_bytes, outputs += output_bytes)
        for (at = 0; at < count; at++)
            run_step(at == 0 ? inputs : arena + steps[at].input, at + 1 == count ? outputs : arena + steps[at].output,
                     &steps[at], scratch);
}

/* The sizes of all structs, for the caller to compare with its own. */
void numbre_struct_sizes(size_t sizes[7])
{
    sizes[DENSE] = sizeof(struct dense);
    sizes[CONVOLUTION] = sizeof(struct convolution);
    sizes[DEPTHWISE] = sizeof(struct depthwise);
    sizes[MAX_POOL] = sizes[AVERAGE_POOL] = sizeof(struct pool);
    sizes[SOFTMAX] = sizeof(struct softmax);
    sizes[6] = sizeof(struct step);
}
