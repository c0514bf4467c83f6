/* A dense layer, or a convolution's channels at one position. */
struct dense {
    const IN_FLASH int8_t *weights; /* [rows][length] */
    size_t length, rows;
    struct scales scales;
};

/* Every row's product with x, whose values lie in `pieces` of that length, `apart` bytes from each other. */
static void weigh(const int8_t *x, size_t pieces, size_t apart, size_t length, int8_t *y, const IN_FLASH struct dense *layer)
{
    size_t row = 0, piece;
    const IN_FLASH int8_t *weights = layer->weights;
#if defined(AVX512)
    row = weigh_wide(x, pieces, apart, length, y, weights, layer->rows, &layer->scales);
    weights += row * layer->length;
#endif
    for (; row < layer->rows; row++) {
        uint32_t sum = 0;
        for (piece = 0; piece < pieces; piece++, weights += length)
            sum += dot(x + piece * apart, weights, length);
        y[row] = requantized(sum, &layer->scales, row, 0);
    }
}
